"""The panel under the evidence: what the run waits for, or how it ended; pure functions from a run to its words."""

from textual.content import Content

from debvisor_tui.model.durations import format_duration
from debvisor_tui.model.gates import Answer, Gate, GateKind
from debvisor_tui.model.instants import Instant
from debvisor_tui.model.playbook import RunKind
from debvisor_tui.model.run_summary import can_roll_back, changes_so_far, runs_now, tally, was_under_way
from debvisor_tui.model.states import RunState
from debvisor_tui.model.views import RunView
from debvisor_tui.ui.drawing import Piece, line, lines
from debvisor_tui.ui.state_marks import mark_of_run
from debvisor_tui.ui.widgets.reflow import hanging_indent

#: The answer that Enter gives. There is none at FAILED and CANCELLED: trying again is a decision of its own (r).
ENTER = {
    GateKind.READY: Answer.RUN,
    GateKind.ATTEST: Answer.ATTEST,
    GateKind.ACKNOWLEDGE: Answer.ACKNOWLEDGE,
    GateKind.INTERRUPTED: Answer.CONTINUE,
}

_ENTER_WORDS = {
    Answer.RUN: "runs it",
    Answer.ATTEST: "confirms it, in your words",
    Answer.ACKNOWLEDGE: "agrees, after one more question",
    Answer.CONTINUE: "lets it stand and goes on",
}

_TROUBLE = frozenset({GateKind.FAILED, GateKind.CANCELLED, GateKind.INTERRUPTED})

_HEADS = {
    GateKind.READY: ("■", "bold $warn"),
    GateKind.FAILED: ("✗", "bold $danger"),
    GateKind.CANCELLED: ("⊘", "bold $warn"),
    GateKind.INTERRUPTED: ("!", "bold $warn"),
    GateKind.ATTEST: ("■", "bold $warn"),
    GateKind.ACKNOWLEDGE: ("■", "bold $warn"),
}


def gate_title(gate: Gate, operator: str | None, *, operates: bool) -> str:
    """`operator`: who operates; "": nobody; None: not known yet."""
    who = "you" if operates else _who(operator)
    decides = "you decide" if operates else f"{who} decides"
    return f"{gate.kind} · {decides}" if gate.kind in _TROUBLE else f"waiting for {who}"


def gate_text(
    gate: Gate,
    why: str,
    operator: str | None,
    width: int,
    room: int,
    *,
    operates: bool,
    way_back: bool,
    takes_over: bool = True,
) -> Content:
    """What is asked, what could be lost, and the keys that answer, in `width` cells and `room` rows.

    The detail gets the rows that are left; the dialog that Enter opens shows it whole. `why`: the step's own reason,
    which stands above already and is not said twice. `way_back`: there is something to roll back.
    `takes_over`: this client may become the operator.
    """
    glyph, style = _HEADS[gate.kind]
    rows = hanging_indent(gate.question, width, 2, (f"{glyph} ", style), "bold")
    danger = hanging_indent(gate.danger, width, 2, ("! ", "bold $danger"), "$danger") if gate.danger else []
    how = [(" · ", ""), ("T", "bold"), (" takes over", "$muted")] if takes_over else []
    watching = line((_who(operator), "bold"), " decides", *how)
    last = _keys(gate, width, way_back=way_back) if operates else [watching]
    detail = Content(gate.detail).wrap(width) if gate.detail and gate.detail != why else []
    left = max(room - len(rows) - len(danger) - len(last), 1)
    if len(detail) > left:
        detail = [*detail[: left - 1], line(("… l shows the log, e the evidence", "$muted"))]
    return lines([*rows, *detail, *danger, *last])


def _who(operator: str | None) -> str:
    return "the operator" if operator is None else operator or "no operator: nobody"


def _keys(gate: Gate, width: int, *, way_back: bool) -> list[Content]:
    pairs: list[tuple[str, str]] = []
    main = ENTER.get(gate.kind)
    if main in gate.answers and main is not None:
        pairs.append(("enter", _ENTER_WORDS[main]))
    if Answer.RETRY in gate.answers:
        pairs.append(("r", "tries again"))
    if Answer.DECLINE in gate.answers:
        pairs.append(("x", "declines: the step fails"))
    if Answer.SKIP in gate.answers:
        pairs.append(("s", "skips it"))
    if way_back and gate.kind in _TROUBLE:
        pairs.append(("R", "shows the way back"))
    if Answer.EXTEND in gate.answers:
        pairs.append(("+", "watches 5 more minutes"))
    pairs.append(("E", "ends the run here"))
    rows: list[Content] = []
    for key, does in pairs:  # a key stays with what it does
        pair = line((key, "bold $danger" if key == "R" else "bold"), (f" {does}", "$muted"))
        joined = line(rows[-1], (" · ", "$faint"), pair) if rows else pair
        if rows and joined.cell_length <= width:
            rows[-1] = joined
        else:
            rows.append(pair)
    return rows


def trouble_text(what: str, hint: str) -> Content:
    """The journal cannot be written: nothing goes on until it can."""
    return lines([line(("! ", "bold $danger"), (what, "bold")), Content(hint)])


def gone_text(view: RunView, now: float, *, can_resume: bool) -> Content:
    """The runner is not there although the run has not ended: what was under way, and since when."""
    rows = [
        line(("! ", "bold $warn"), ("The runner is gone; nothing goes on meanwhile.", "bold")),
        Content(was_under_way(view, now)),
        Content(changes_so_far(view)),
    ]
    if can_resume:
        rows.append(line(("enter", "bold"), (" resumes: checks what was done, then waits for you", "$muted")))
    return lines(rows)


def closing_text(view: RunView, now: Instant) -> Content:
    """How the run ended, what runs now, and what can be done next."""
    run = view.run
    mark = mark_of_run(run)
    took = format_duration(run.age(now))
    head = line((f"{mark} ", mark.style), (_verdict(view), "bold"))
    rows = [head, line((f"{tally(view)} · {took}", "$muted"))]
    if run.state in {RunState.FAILED, RunState.ABORTED, RunState.ROLLBACK_FAILED}:
        rows.append(Content(changes_so_far(view)))
    pieces: list[Piece] = [("h", "bold"), (" its history", "$muted"), (" · ", "$faint")]
    if run.kind is RunKind.RELEASE and not can_roll_back(view):
        pieces += [("R", "bold $danger"), (" rolls it back", "$muted"), (" · ", "$faint")]
    return lines([*rows, line(*pieces, ("d", "bold"), (" home", "$muted"))])


def _verdict(view: RunView) -> str:
    run = view.run
    if run.kind is RunKind.ROLLBACK and run.state is RunState.SUCCEEDED:
        return f"Rolled back: {run.to_version} runs again{_but(run.note)}."
    if run.state is RunState.ROLLED_BACK:
        return f"This release was rolled back: {run.from_version} runs again{_but(run.note)}."
    if run.state is RunState.ROLLBACK_FAILED:
        return "Its rollback failed; look at the rollback's run in the history."
    return runs_now(view)


def _but(note: str) -> str:
    return f"; {note}" if note else ""
