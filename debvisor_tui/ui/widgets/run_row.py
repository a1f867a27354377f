"""A run, or a line of a log that was found, as one row of a list."""

from textual.content import Content

from debvisor_tui.model.durations import format_clock, format_duration
from debvisor_tui.model.instants import Instant
from debvisor_tui.model.states import ENDED_RUN_STATES
from debvisor_tui.model.times import local_day, numbered_day
from debvisor_tui.model.views import RunSummary, SearchHit
from debvisor_tui.ui.drawing import cell, line
from debvisor_tui.ui.state_marks import mark_of_run

WIDE = 110  # cells from which on there is room for whole words


def run_row(run: RunSummary, now: Instant, width: int) -> Content:
    """`run` in one line: number, start, kind, versions, state, duration, operator."""
    wide = width >= WIDE
    mark = mark_of_run(run)
    active = run.ended_at is None and run.state not in ENDED_RUN_STATES
    state = f"{mark} at {run.step}" if run.step and active and wide else str(mark)
    return line(
        cell(str(run.id), 5, "$muted", right=True),
        " ",
        cell(_when(run.started_at, now.at, wide=wide), 18 if wide else 12, "$muted"),
        cell(str(run.kind), 9),
        cell(f"{run.from_version or '?'} → {run.to_version}", 22 if wide else 18, "bold"),
        cell(state, 28 if wide else 18, mark.style),
        cell(_took(run, now if active else None, wide=wide), 13 if wide else 8, "$muted"),
        (run.operator if wide else run.operator.partition(" (")[0], "$muted"),
    ).truncate(width, ellipsis=True)


def _took(run: RunSummary, now: Instant | None, *, wide: bool) -> str:
    seconds = run.seconds if now is None else run.age(now)
    if seconds is None:
        return "–"
    return (format_duration if wide else format_clock)(seconds)


def _when(at: float, now: float, *, wide: bool) -> str:
    """The time alone if it was today, else the day too; without the year where room is short."""
    return local_day(at, now) if wide else numbered_day(at, now)


def run_text(run: RunSummary) -> str:
    """What the filter looks at."""
    words = (run.id, run.kind, run.from_version, run.to_version, mark_of_run(run).word, run.operator, run.step)
    return " ".join(str(word) for word in words).lower()


def hit_row(hit: SearchHit, words: str, now: float, width: int) -> Content:
    """A found line: its run, step and time, then the line from a little before what was looked for."""
    wide = width >= WIDE
    head = line(
        cell(f"run {hit.run}", 9),
        cell(hit.step, 16, "$accent"),
        " ",
        cell(_when(hit.line.at, now, wide=wide), 18 if wide else 12, "$muted"),
    )
    room = max(width - head.cell_length, 0)
    return line(head, cell(_around(hit.line.text.expandtabs(4), words, room), room))


def _around(text: str, words: str, room: int) -> Content:
    low = text.lower()
    terms = [term for term in words.lower().split() if term]
    first = min((at for term in terms if (at := low.find(term)) >= 0), default=0)
    start = max(first - room // 3, 0) if len(text) > room else 0
    shown = ("…" if start else "") + text[start : start + 400]
    content = Content(shown)
    low = shown.lower()
    for term in terms:
        at = low.find(term)
        if at >= 0 and len(low) == len(shown):
            content = content.stylize("bold $warn", at, at + len(term))
    return content
