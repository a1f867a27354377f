"""What runs now, in words, and how old that knowledge is."""

from typing import TYPE_CHECKING

from textual.content import Content

from debvisor_tui.model.gates import GateKind
from debvisor_tui.model.states import RunState, StepState
from debvisor_tui.model.times import local_day, local_time
from debvisor_tui.ui.drawing import Piece, line, lines
from debvisor_tui.ui.state_marks import STEP_MARKS, mark_of_run
from debvisor_tui.ui.units import name_of

if TYPE_CHECKING:  # not needed for the first paint
    from debvisor_tui.model.views import Now, Probe, RunView

LABEL = 11


def now_text(found: "Now | None", at: float | None, *, asking: bool, failed: str) -> Content:
    """`at`: when `found` was probed, unix seconds. `failed`: why the last question has no answer."""
    age = "" if at is None else f"probed at {local_time(at)}"
    state = "asking…" if asking else age
    if asking and age:
        state = f"{age}, asking again…"
    rows = [line(("RUNS NOW", "$muted"), "   ", (state, "$muted"))]
    if failed:
        rows.append(line(("! ", "bold $warn"), failed))
    if found is None:
        rows += [] if failed else [Content("")] * 3
        return lines(rows)
    rows.append(
        line(
            (f"{'version':{LABEL}}", "$muted"),
            (found.version or "nothing answers", "bold" if found.version else "bold $danger"),
            (" answers" if found.proven and found.version else ""),
            (f"   {found.installed.label} {found.installed.short}" if found.installed else "", "$muted"),
            (f"   database {found.revision[:12]}" if found.revision else "", "$muted"),
        )
    )
    for probe in found.probes:
        rows.append(line((f"{probe.name:{LABEL}}", "$muted"), *_probe(probe)))
    rows += [line(("! ", "bold $warn"), (note, "$warn")) for note in found.notes]
    rows += [line(("! ", "bold $warn"), problem) for problem in found.problems]
    return lines(rows)


def _probe(probe: "Probe") -> list[Piece]:
    status = str(probe.status) if probe.status is not None else "no answer"
    glyph, style = ("✓", "$ok") if probe.ok else ("✗", "bold $danger")
    pieces: list[Piece] = [
        (f"{glyph} {status}", style),
        (" good" if probe.ok else f" {probe.text}", "" if probe.ok else "$danger"),
        (f"   {probe.ms:.0f} ms", "$muted"),
    ]
    if probe.parts:
        pieces.append(("   " + " · ".join(f"{name} {state}" for name, state in probe.parts.items()), "$muted"))
    return pieces


def active_text(view: "RunView | None", now: float) -> Content:
    """The run in progress, or the one whose runner is gone: what was under way then, and since when."""
    if view is None:
        return lines([line(("IN PROGRESS", "$muted"), "   nothing; n begins a release")])
    from debvisor_tui.model.run_summary import was_under_way

    run, gate = view.run, view.gate
    failed = gate is not None and gate.kind is GateKind.FAILED
    mark = STEP_MARKS[StepState.FAILED] if failed else mark_of_run(run)
    gone = run.state is RunState.INTERRUPTED
    at = f" at {view.step(run.step).title}" if run.step else ""
    rows = [
        line(("INTERRUPTED", "$warn"), ("   its runner is gone", "$muted"))
        if gone
        else line(("IN PROGRESS", "$muted")),
        line(
            (f"{mark}", mark.style),
            (f"   run {run.id} · {run.kind} {run.from_version} → {run.to_version}", "bold"),
            at,
        ),
    ]
    if gone:
        rows.append(line((was_under_way(view, now), "$warn")))
    elif gate is not None and failed:
        attempt = view.step(gate.step).attempt
        since = f", waits for you since {local_day(attempt.ended_at, now)}" if attempt and attempt.ended_at else ""
        rows.append(line(("✗ ", "bold $danger"), (f"{view.step(gate.step).title} failed{since}", "bold $danger")))
        rows.append(line((gate.question, "$danger")))
    elif gate is not None:
        rows.append(line((f"waits for you: {gate.question}", "$warn")))
    does = "resumes it" if gone else "attaches to it"
    who = f" · {name_of(run.operator)} began it, {local_day(run.started_at, now)}"
    rows.append(line(("a", "bold"), (f" {does}{who}", "$muted")))
    return lines(rows)
