"""What happened in a run, drawn for a width: its timeline, changes, decisions and evidence."""

from collections.abc import Mapping, Sequence
from typing import Any

from textual.content import Content

from debvisor_tui.model.changes import Change, ChangeState
from debvisor_tui.model.durations import format_duration
from debvisor_tui.model.events import EventKind
from debvisor_tui.model.migration_record import migrations_of
from debvisor_tui.model.states import RunState, StepState
from debvisor_tui.model.text import one_line
from debvisor_tui.model.times import day_heading, full_time, local_time
from debvisor_tui.model.views import Event, RunView
from debvisor_tui.model.wording import format_bytes
from debvisor_tui.ui.drawing import Piece, line
from debvisor_tui.ui.state_marks import RUN_MARKS, STEP_MARKS, WAITING, Mark
from debvisor_tui.ui.units import name_of
from debvisor_tui.ui.widgets.reflow import hanging_indent, page
from debvisor_tui.ui.widgets.step_panels.database import migration_counts, migration_rows

#: Facts for programs: the start of a process in clock ticks, of units by systemd's ids.
_UNTOLD = frozenset({"ticks", "schema", "parts"})
INDENT = 10  # cells of the time column
MOST_EVENTS = 2000  # the newest; a page is laid out whole

CHANGE_MARKS: Mapping[ChangeState, Mark] = {
    ChangeState.INTENDED: Mark("!", "begun, outcome not known", "bold $warn"),
    ChangeState.DONE: Mark("✓", "done", "$ok"),
    ChangeState.FAILED: Mark("✗", "failed in mid-work", "bold $danger"),
    ChangeState.UNDONE: Mark("↩", "undone", "$muted"),
}
#: Gates and states that every step passes through; the decision beside them says the same.
_TURNS = frozenset({RunState.RUNNING, RunState.WAITING})


def timeline(view: RunView, events: Sequence[Event], width: int) -> Content:
    """Every event in words, oldest first, the days set apart."""
    titles = {step.id: step.title for step in view.steps}
    rows: list[Content | list[Content]] = []
    days = _Days()
    if len(events) > MOST_EVENTS:
        rows.append(
            line(
                (f"The newest {MOST_EVENTS} events; all of them: debvisor-tui history export {view.run.id}", "$muted")
            )
        )
    for event in events[-MOST_EVENTS:]:
        told = event_words(event, titles)
        if told is None:
            continue
        rows += days.turn(event.at)
        rows.append(hanging_indent(told, width, INDENT, (local_time(event.at), "$muted")))
    return page(rows) if rows else Content("Nothing has happened yet.")


class _Days:
    """The days of rows that come in order, set apart by headings; that of `since` (unix seconds) needs none."""

    def __init__(self, since: float | None = None) -> None:
        self._day = "" if since is None else day_heading(since)
        self._first = since is None

    def turn(self, at: float) -> list[Content]:
        """What stands above a row of `at`: nothing on the day of the row before."""
        if (day := day_heading(at)) == self._day:
            return []
        apart = [] if self._first else [Content()]
        self._day, self._first = day, False
        return [*apart, line((day, "bold $muted"))]


def event_words(event: Event, titles: Mapping[str, str]) -> Content | None:
    """One event in words; None for what other events say already."""
    data = event.data
    title = titles.get(event.step, event.step)
    match event.kind:
        case EventKind.RUN_CREATED:
            route = f"{_text(data, 'from') or '?'} → {_text(data, 'to')}"
            how = f", runner started by {how}" if (how := _text(data, "how")) else ""
            return line((f"{_text(data, 'kind') or 'run'} {route}", "bold"), f" by {_text(data, 'by')}{how}")
        case EventKind.RUN_STATE:
            return _run_state(data)
        case EventKind.STEP_STATE:
            return _step_state(data, title)
        case EventKind.GATE:
            return line((f"{WAITING.glyph} waits", WAITING.style), f" · {title}: {_text(data, 'question')}")
        case EventKind.DECISION:
            reason = f": “{reason}”" if (reason := _text(data, "reason")) else ""
            at = f" · {title}" if title else ""
            return line(
                name_of(_text(data, "who")), (" decided ", "$muted"), (_text(data, "answer"), "bold"), f"{at}{reason}"
            )
        case EventKind.EVIDENCE:
            return line((f"{title} · {_text(data, 'name')}: {_text(data, 'text')}", "$muted"))
        case EventKind.CHANGE:
            return _change_event(data, title)
        case EventKind.CLIENT:
            role = f" as {role}" if (role := _text(data, "role")) and data.get("what") != "took over" else ""
            origin = f" from {origin}" if (origin := _text(data, "from")) else ""
            version = f" with {version}" if (version := _text(data, "version")) else ""
            return line((f"{_text(data, 'who')} {_text(data, 'what')}{role}{origin}{version}".strip(), "$muted"))
        case EventKind.RUNNER:
            pid = f" (pid {data['pid']})" if data.get("pid") else ""
            return line((f"runner {_text(data, 'what')}{pid}", "$muted"))
        case _:
            return line((f"{event.kind} {title}", "$muted"))


def _run_state(data: Mapping[str, Any]) -> Content | None:
    try:
        old, new = RunState(str(data.get("from"))), RunState(str(data.get("to")))
    except ValueError:
        return None
    if {old, new} <= _TURNS or (old is RunState.PLANNED and new in _TURNS):
        return None
    mark = RUN_MARKS[new]
    reason = f": {reason}" if (reason := _text(data, "reason")) else ""
    return line((f"{mark.glyph} run {mark.word}", mark.style), reason)


def _step_state(data: Mapping[str, Any], title: str) -> Content | None:
    try:
        new = StepState(str(data.get("to")))
    except ValueError:
        return None
    mark = STEP_MARKS[new]
    pieces: list[Piece] = [(f"{mark.glyph} ", mark.style), (title, "bold"), (f" {mark.word}", mark.style)]
    if new is StepState.RUNNING and (attempt := data.get("attempt")) not in (None, 1):
        pieces.append(f", attempt {attempt}")
    if isinstance(seconds := data.get("seconds"), int | float):
        pieces.append((f" in {format_duration(seconds)}", "$muted"))
    if error := _text(data, "error"):
        pieces.append((f": {error}", "$danger"))
    return line(*pieces)


def _change_event(data: Mapping[str, Any], title: str) -> Content | None:
    try:
        state = ChangeState(str(data.get("state")))
    except ValueError:
        return None
    what = f"{_text(data, 'kind')}, {_text(data, 'subject')}"
    if state is ChangeState.INTENDED:
        return line((f"{title} begins to change {what}", "$muted"))
    mark = CHANGE_MARKS[state]
    return line((f"{mark.glyph} ", mark.style), f"change of {what}: ", (mark.word, mark.style))


def changes(view: RunView, width: int) -> Content:
    """Each recorded change, with what stood before it and what stands after it."""
    if not view.changes:
        return Content("This run has changed nothing.")
    rows: list[Content | list[Content]] = []
    days = _Days(view.run.started_at)
    for change in view.changes:
        rows += days.turn(change.at)
        mark = CHANGE_MARKS[change.state]
        head = line((str(change.kind), "bold"), f"  {change.subject}  ", (str(mark), mark.style))
        rows.append(hanging_indent(head, width, INDENT, (local_time(change.at), "$muted")))
        rows += [
            hanging_indent(told, width, INDENT + 12, (" " * INDENT + name, "$muted")) for name, told in _facts(change)
        ]
        rows.append(Content())
    return page(rows[:-1])


def _facts(change: Change) -> list[tuple[str, Content]]:
    """(name, "before → after") of every fact of a change; a list of migrations by their names."""
    facts = []
    for name in dict.fromkeys([*change.before, *change.after]):
        if name in _UNTOLD:
            continue
        before, after = _value(change.before.get(name), name), _value(change.after.get(name), name)
        if name not in change.after:
            told = line(before)
        elif name not in change.before or before == after:
            told = line(after)
        else:
            told = line(before, (" → ", "$muted"), (after, "bold"))
        facts.append((str(name), told))
    return facts


def _value(value: Any, name: str = "") -> str:
    """A fact for people; `name` tells its unit."""
    if value is None:
        return "none"
    if name in {"started", "at"} and isinstance(value, int | float):
        return full_time(value)
    if name == "bytes" and isinstance(value, int | float):
        return format_bytes(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return one_line(str(value.get("revision") or ", ".join(f"{k} {_value(v, k)}" for k, v in value.items())))
    if isinstance(value, list | tuple):
        return ", ".join(_value(item) for item in value) or "none"
    return one_line(str(value))


def decisions(view: RunView, width: int) -> Content:
    """Who decided what, from where, and why."""
    if not view.decisions:
        return Content("Nobody has decided anything in this run.")
    titles = {step.id: step.title for step in view.steps}
    rows: list[Content | list[Content]] = []
    days = _Days(view.run.started_at)
    for decision in view.decisions:
        rows += days.turn(decision.at)
        step = titles.get(decision.step, decision.step)
        told = line(
            (decision.answer, "bold"),
            f" · {step}" if step else "",
            (f" · {decision.who}", "$muted"),
            f"\n“{decision.reason}”" if decision.reason else "",
        )
        rows.append(hanging_indent(told, width, INDENT, (local_time(decision.at), "$muted")))
    return page(rows)


def evidence(view: RunView, width: int) -> Content:
    """Every fact that the steps established, with its plain values; of migrations the answers, one by one."""
    rows: list[Content | list[Content]] = []
    days = _Days(view.run.started_at)
    for step in view.steps:
        facts = [fact for fact in view.evidence if fact.step == step.id]
        if not facts:
            continue
        mark = STEP_MARKS[step.state]
        rows += [Content()] if rows else []
        rows.append(line((step.title, "bold"), "  ", (str(mark), mark.style)))
        for fact in facts:
            rows += days.turn(fact.at)
            head = line((f"{fact.name}: ", "$muted"), fact.text)
            rows.append(hanging_indent(head, width, INDENT, (local_time(fact.at), "$muted")))
            plain = [f"{k} {_value(v, k)}" for k, v in fact.value.items() if isinstance(v, str | int | float) and v]
            if len(plain) > 1:
                rows.append(hanging_indent(" · ".join(plain), width, INDENT, style="$muted"))
        if record := migrations_of(view, step.id):
            rows += [_marked(told, width) for told in (*migration_counts(record), *migration_rows(record))]
    return page(rows) if rows else Content("No step of this run has established anything yet.")


def _marked(told: Content, width: int) -> list[Content]:
    """A row that begins with a mark of two cells, perhaps set in: what is wrapped goes on behind the mark."""
    begin = len(told.plain) - len(told.plain.lstrip()) + 2
    return hanging_indent(told[begin:], width, INDENT + begin, Content.assemble(" " * INDENT, told[:begin]))


def _text(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key)
    return "" if value is None else one_line(str(value))
