"""A short table of runs with a cursor, for home: no more rows than are shown, drawn line by line."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.message import Message

from debvisor_tui.model.durations import format_duration
from debvisor_tui.model.states import ENDED_RUN_STATES, RunState
from debvisor_tui.model.times import date_of, short_day
from debvisor_tui.ui.drawing import LineWidget, cell, line
from debvisor_tui.ui.keys import key
from debvisor_tui.ui.state_marks import mark_of_run
from debvisor_tui.ui.units import name_of

if TYPE_CHECKING:  # not needed for the first paint
    from debvisor_tui.model.views import RunSummary

_RUN, _STATE, _STARTED, _TOOK, _BY = 4, 18, 14, 13, 8  # cells


def took(run: "RunSummary") -> str:
    return format_duration(run.seconds) if run.seconds is not None else ""


def what_of(run: "RunSummary") -> str:
    """ "v1.0.0 → v1.1.0", and "v1.1.0 ↩ v1.0.0" for the way back."""
    arrow = "↩" if run.of_run is not None else "→"
    return f"{run.from_version} {arrow} {run.to_version}"


class RunTable(LineWidget, can_focus=True):
    BINDINGS: ClassVar[list[BindingType]] = [
        key("runs", "up,k", "move(-1)", "up", "The run above", show=False),
        key("runs", "down,j", "move(1)", "down", "The run below", show=False),
        key("runs", "enter", "open", "open", "Open the run: attach to it, or its history", show=False),
    ]
    DEFAULT_CSS = """
    RunTable { height: 1fr; min-height: 3; }
    """

    @dataclass
    class Opened(Message):
        """The operator chose a run."""

        run: "RunSummary"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._runs: Sequence[RunSummary] = ()
        self._now = 0.0
        self._cursor = 0

    def show(self, runs: "Sequence[RunSummary]", now: float) -> None:
        # "22:02:02" is of today: on the next day it has to say which day it was.
        if list(runs) == list(self._runs) and date_of(now) == date_of(self._now):
            return
        self._runs, self._now = runs, now
        self._cursor = min(self._cursor, max(len(runs) - 1, 0))
        self.refresh()

    @property
    def current(self) -> "RunSummary | None":
        return self._runs[self._cursor] if self._runs else None

    def action_move(self, by: int) -> None:
        before = self._cursor
        shown = min(len(self._runs), self.size.height - 1)
        self._cursor = min(max(before + by, 0), max(shown - 1, 0))
        for row in {before, self._cursor}:
            self.refresh_line(row + 1)

    def action_open(self) -> None:
        if self.current is not None:
            self.post_message(self.Opened(self.current))

    def line_at(self, y: int) -> Content:
        room = min(max(self.size.width - _RUN - _STATE - _STARTED - _TOOK - _BY - 3, 10), 30)
        if y == 0:
            heads = (("run", _RUN), ("release", room), ("state", _STATE), ("started", _STARTED), ("took", _TOOK))
            texts = [cell(text, width, "$muted") for text, width in heads]
            return line("  ", *texts, ("by", "$muted")) if self._runs else Content("")
        if y > len(self._runs):
            return Content("")
        run = self._runs[y - 1]
        mark = mark_of_run(run)
        here = y - 1 == self._cursor and self.has_focus
        quiet = run.state in ENDED_RUN_STATES - {RunState.FAILED, RunState.ROLLBACK_FAILED}
        return line(
            ("› " if here else "  ", "bold $accent"),
            cell(str(run.id), _RUN, "bold" if here else ""),
            cell(what_of(run), room - 1, "bold" if here else "" if quiet else "bold"),
            " ",
            cell(str(mark), _STATE, mark.style),
            cell(short_day(run.started_at, self._now), _STARTED, "$muted"),
            cell(took(run), _TOOK, "$muted"),
            cell(name_of(run.operator), _BY, "$muted"),
        )

    def on_focus(self) -> None:
        self.refresh_line(self._cursor + 1)

    def on_blur(self) -> None:
        self.refresh_line(self._cursor + 1)
