"""Bodies of the steps that have to do with the code and the process: pull, restart, health, smoke."""

from collections.abc import Mapping
from typing import Any

from textual.content import Content

from debvisor_tui.model.durations import format_duration
from debvisor_tui.model.evidence import Evidence
from debvisor_tui.model.times import local_day
from debvisor_tui.model.views import RunView, StepView
from debvisor_tui.ui.drawing import Piece, cell, line
from debvisor_tui.ui.units import format_count
from debvisor_tui.ui.widgets.step_panels.common import (
    RenderContext,
    last,
    mapping,
    number,
    others,
    page,
    row,
    short,
    text_of,
)

PROBES = 14  # the last probes of each kind that are drawn as a row


def code(view: RunView, step: StepView, context: RenderContext) -> Content:
    rows = []
    found = last(view.found(step.id, "code"))
    if found is not None:
        rows.append(
            row(
                "version",
                f"{text_of(found.get('before_version'))} → ",
                (text_of(found.get("after_version")), "bold"),
            )
        )
        rows.append(
            row(
                text_of(found.get("label"), "commit"),
                f"{short(found.get('before'))} → ",
                (short(found.get("after")), "$accent"),
            )
        )
        files = number(found.get("files"))
        if files is not None:
            rows.append(row("files", f"{int(files)} changed"))
    return page([*rows, *others(view, step, "code")], context)


def restart(view: RunView, step: StepView, context: RenderContext) -> Content:
    rows = []
    found = last(view.found(step.id, "process"))
    if found is not None:
        before, after = mapping(found.get("before")), mapping(found.get("after"))
        rows.append(
            row("before", *_process(before, context.now)) if before else row("before", "no process was running")
        )
        rows.append(row("after", *_process(after, context.now)))
    baseline = last(view.found(step.id, "baseline"))
    if baseline is not None:
        rows.append(row("baseline", *_baseline(baseline)))
    return page([*rows, *others(view, step, "process", "baseline")], context)


def _process(found: Mapping[str, Any], now: float) -> list[Piece]:
    started = number(found.get("started"))
    since = "" if started is None else f"   started {local_day(started, now)}"
    return [(text_of(found.get("text"), "") or f"pid {text_of(found.get('pid'))}", "bold"), since]


def _baseline(found: Mapping[str, Any]) -> list[Piece]:
    rate, p95, requests = (number(found.get(name)) for name in ("error_rate", "p95", "requests"))
    parts = [
        "errors unknown" if rate is None else f"{rate:.2%} errors",
        "" if p95 is None else f"p95 {p95:.0f} ms",
        "" if requests is None else f"{format_count(int(requests))} requests before",
    ]
    return [" · ".join(part for part in parts if part)]


def health(view: RunView, step: StepView, context: RenderContext) -> Content:
    probes = view.found(step.id, "probe")
    rows = []
    for name in ("live", "ready"):
        named = [probe for probe in probes if probe.value.get("name") == name]
        if named:
            rows += _probes(name, named)
    return page([*rows, *others(view, step, "probe")], context)


def _probes(name: str, probes: list[Evidence]) -> list[Content]:
    newest = mapping(probes[-1].value)
    good = bool(newest.get("ok"))
    in_a_row = int(number(newest.get("in_a_row")) or 0)
    latency = number(newest.get("ms"))
    head = row(
        name,
        (f"{'✓' if good else '✗'} {text_of(newest.get('status'), 'no answer')}", "$ok" if good else "bold $danger"),
        f" {'good' if good else 'bad'}",
        f"   {latency:.0f} ms" if latency is not None else "",
        f"   {in_a_row} in a row",
        f"   {len(probes)} probes",
    )
    shown = probes[-PROBES:]
    marks: list[Piece] = []
    for probe in shown:
        ok = bool(probe.value.get("ok"))
        marks.append(("✓ " if ok else f"✗{text_of(probe.value.get('status'), '–')} ", "$ok" if ok else "$danger"))
    rows = [head, row("", *marks)]
    parts = mapping(newest.get("parts"))
    if parts:
        pieces: list[Piece] = []
        for part, state in parts.items():
            fine = str(state).lower() in {"ok", "up", "healthy", "pass", "true"}
            glyph, style = ("✓", "$ok") if fine else ("✗", "bold $danger")
            pieces += [(f"{glyph} {text_of(part)} {text_of(state)}", style), "   "]
        rows.append(row("", *pieces))
    if not good:
        rows.append(row("", (text_of(newest.get("text"), ""), "$danger")))
    return rows


def smoke(view: RunView, step: StepView, context: RenderContext) -> Content:
    rows = []
    requests = [mapping(fact.value) for fact in view.found(step.id, "request")]
    width = min(max((len(text_of(one.get("name"))) for one in requests), default=0) + 1, 20)
    for one in requests:
        good, latency, status = bool(one.get("ok")), number(one.get("ms")), text_of(one.get("status"), "–")
        said = text_of(one.get("text"), "").removeprefix(f"{status} in {latency or 0:.0f} ms").lstrip(", ")
        rows.append(
            line(
                ("✓ " if good else "✗ ", "$ok" if good else "bold $danger"),
                cell(text_of(one.get("name")), width),
                cell(text_of(one.get("method"), ""), 5, "$muted"),
                cell(status, 4, "" if good else "$danger"),
                cell("" if latency is None else f"{latency:.0f} ms", 8, "$muted", right=True),
                "  ",
                said,
            )
        )
    return page([*rows, *others(view, step, "request")], context)


def monitor(view: RunView, step: StepView, context: RenderContext) -> Content:
    """The verdict in words; the plots are a widget of their own."""
    found = last(view.found(step.id, "verdict"))
    rows = []
    if found is not None:
        outcome = str(found.get("outcome"))
        glyph, style = {"pass": ("✓", "$ok"), "fail": ("✗", "bold $danger")}.get(outcome, ("?", "bold $warn"))
        rows.append(row("verdict", (f"{glyph} {outcome}", style)))
        rows.append(row("why", text_of(found.get("reason"))))
    if step.attempt is not None and step.attempt.seconds is not None:
        rows.append(row("watched", format_duration(step.attempt.seconds)))
    return page([*rows, *others(view, step, "verdict", "watch")], context)
