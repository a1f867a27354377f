"""A short table of runs with a cursor, for home: no more rows than are shown, drawn line by line."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.message import Message

from debvisor_tui.model.durations import format_duration
from debvisor_tui.model.playbook import RunKind
from debvisor_tui.model.states import ENDED_RUN_STATES, RunState
from debvisor_tui.model.views import RunSummary
from debvisor_tui.ui.clock import local_day
from debvisor_tui.ui.keys import key
from debvisor_tui.ui.marks import RUN_MARKS
from debvisor_tui.ui.paint import LineWidget, cell, line
from debvisor_tui.ui.run_words import name_of

_RUN, _STATE, _STARTED, _TOOK = 5, 18, 17, 12


def took(run: RunSummary) -> str:
    return format_duration(run.ended_at - run.started_at) if run.ended_at is not None else ""


def what_of(run: RunSummary) -> str:
    back = f" (back, of run {run.of_run})" if run.kind is RunKind.ROLLBACK else ""
    return f"{run.from_version} → {run.to_version}{back}"


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

        run: RunSummary

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._runs: Sequence[RunSummary] = ()
        self._now = 0.0
        self._cursor = 0

    def show(self, runs: Sequence[RunSummary], now: float) -> None:
        if list(runs) == list(self._runs):
            return
        self._runs, self._now = runs, now
        self._cursor = min(self._cursor, max(len(runs) - 1, 0))
        self.refresh()

    @property
    def current(self) -> RunSummary | None:
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
        room = max(self.size.width - _RUN - _STATE - _STARTED - _TOOK - 2, 10)
        if y == 0:
            heads = (("run", _RUN), ("release", room), ("state", _STATE), ("started", _STARTED))
            texts = [cell(text, width, "$muted") for text, width in heads]
            return line("  ", *texts, cell("took · by", _TOOK, "$muted"))
        if y > len(self._runs):
            return Content("")
        run = self._runs[y - 1]
        mark = RUN_MARKS[run.state]
        here = y - 1 == self._cursor and self.has_focus
        quiet = run.state in ENDED_RUN_STATES - {RunState.FAILED, RunState.ROLLBACK_FAILED}
        end = took(run) or "not ended"
        return line(
            ("› " if here else "  ", "bold $accent"),
            cell(str(run.id), _RUN, "bold" if here else ""),
            cell(what_of(run), room, "bold" if here else "" if quiet else "bold"),
            cell(str(mark), _STATE, mark.style),
            cell(local_day(run.started_at, self._now), _STARTED, "$muted"),
            cell(f"{end} · {name_of(run.operator)}", _TOOK + 8, "$muted"),
        )

    def on_focus(self) -> None:
        self.refresh_line(self._cursor + 1)

    def on_blur(self) -> None:
        self.refresh_line(self._cursor + 1)
