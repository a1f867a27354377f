"""The playbook at the left: phases and steps, each with its glyph, its name and how long it took."""

from textual.content import Content

from debvisor_tui.model.durations import format_clock, format_duration
from debvisor_tui.model.gates import GateKind
from debvisor_tui.model.instants import Instant, elapsed
from debvisor_tui.model.states import StepState
from debvisor_tui.model.views import RunView, StepView
from debvisor_tui.ui.drawing import LineWidget, cell, line
from debvisor_tui.ui.state_marks import STEP_MARKS, WAITING, Mark

TIME = 6  # cells of the duration
SELDOM = 5.0  # seconds between two ticks


def mark_of(view: RunView, step: StepView, *, stranded: bool = False) -> Mark:
    """The step's mark; a step that waits for a person says so, unless something worse is to be said.

    `stranded`: no runner is there any more, so nothing runs whatever the journal's last word was.
    """
    gate = view.gate
    if stranded:
        return STEP_MARKS[StepState.INTERRUPTED if step.state is StepState.RUNNING else step.state]
    asks = {GateKind.READY, GateKind.ATTEST, GateKind.ACKNOWLEDGE}
    if gate is not None and gate.step == step.id and gate.kind in asks:
        return WAITING
    return STEP_MARKS[step.state]


def short_time(seconds: float) -> str:
    """ "12 s", from a minute on "3:05"."""
    return format_duration(seconds) if seconds < 59.5 else format_clock(seconds).lstrip("0").rjust(4, "0")


class StepList(LineWidget):
    DEFAULT_CSS = """
    StepList { width: 25; height: 100%; padding: 0 1 0 1; border-right: solid $faint; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._view: RunView | None = None
        self._rows: list[StepView | str] = []
        self._shown = ""
        self._now = Instant(0.0)
        self._stranded = False
        self._drawn: object = None
        self._painted = Instant(0.0)

    def show(self, view: RunView, shown: str, now: Instant, *, stranded: bool = False) -> None:
        """`shown`: the step whose body stands at the right; `stranded`: see :func:`mark_of`."""
        rows: list[StepView | str] = []
        phase = ""
        for step in view.steps:
            if step.phase != phase:
                phase = step.phase
                rows.append(phase.upper())
            rows.append(step)
        new = (rows, shown, view.gate, stranded)
        same = new == self._drawn
        self._view, self._rows, self._shown, self._now, self._stranded = view, rows, shown, now, stranded
        self._drawn = new
        if not same:
            self._painted = now
            self.refresh()

    def tick(self, now: Instant) -> None:
        """Time has gone on: the running step's line is drawn anew, now and then (the title has the exact clock)."""
        self._now = now
        if elapsed(self._painted, now) < SELDOM:
            return
        self._painted = now
        for y, row in enumerate(self._rows):
            if isinstance(row, StepView) and row.state is StepState.RUNNING:
                self.refresh_line(y)

    def line_at(self, y: int) -> Content:
        if y >= len(self._rows) or self._view is None:
            return Content("")
        row = self._rows[y]
        if isinstance(row, str):
            return line((row, "$muted"))
        mark = mark_of(self._view, row, stranded=self._stranded)
        here = row.id == self._shown
        style = "bold" if here else ("$muted" if row.state is StepState.PENDING and mark is not WAITING else "")
        room = self.size.width - 3 - TIME
        return line(
            ("›" if here else " ", "bold $accent"),
            (f"{mark.glyph} ", mark.style),
            cell(row.title, room, style),
            cell(self._time(row), TIME, "$muted", right=True),
        )

    def _time(self, step: StepView) -> str:
        attempt = step.attempt
        if attempt is None:
            return ""
        if attempt.seconds is not None:
            return short_time(attempt.seconds)
        if step.state is not StepState.RUNNING or self._stranded:
            return ""
        ran = attempt.age(self._now)
        # Painted seldom: a number that is old would be wrong; the title has the exact clock.
        return short_time(ran - ran % SELDOM) if ran >= SELDOM else ""
