"""The head of a step's screen: its title and clock, and how far its work is."""

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content

from debvisor_tui.model.durations import format_clock, format_duration
from debvisor_tui.model.instants import Instant, elapsed
from debvisor_tui.model.states import StepState
from debvisor_tui.model.views import StepView
from debvisor_tui.model.wording import format_bytes
from debvisor_tui.ui.drawing import LineWidget, between, line
from debvisor_tui.ui.feed import Progressed
from debvisor_tui.ui.state_marks import Mark
from debvisor_tui.ui.units import format_count
from debvisor_tui.ui.widgets.ticker import Ticker

BAR = 20  # cells
FULL_GUESS = 0.95  # an estimated bar never claims to be done


class _Words(LineWidget):
    DEFAULT_CSS = "_Words { width: 1fr; height: 1; }"

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = Content(""), Content("")

    def line_at(self, y: int) -> Content:
        fits = self.left.cell_length + self.right.cell_length < self.size.width
        return between(self.left, self.right if fits else Content(""), self.size.width)


class StepTitle(Horizontal):
    """The step's title and mark, the attempt's number, and the attempt's clock."""

    DEFAULT_CSS = "StepTitle { height: 1; }"

    def __init__(self) -> None:
        super().__init__()
        self._step: StepView | None = None
        self._words = _Words()
        self._clock = Ticker()

    def compose(self) -> ComposeResult:
        yield self._words
        yield self._clock

    def show(self, step: StepView, mark: Mark, elsewhere: str, now: Instant) -> None:
        """`elsewhere`: the title of the step the run is at, if that is another one."""
        self._step = step
        left = line((step.title, "bold"), "  ", (str(mark), mark.style))
        if elsewhere:
            left = line(left, (f"   the run is at {elsewhere}: f", "$warn"))
        right = line((f"attempt {step.attempt.number} · " if step.attempt else "not started", "$muted"))
        if not (left.is_same(self._words.left) and right.is_same(self._words.right)):
            self._words.left, self._words.right = left, right
            self._words.refresh()
        self.tick(now)

    def tick(self, now: Instant) -> None:
        self._clock.show(_clock(self._step, now) if self._step is not None else "")


def _clock(step: StepView, now: Instant) -> str:
    """How long the last attempt took, or takes; "" where nobody knows, for its runner died."""
    attempt = step.attempt
    if attempt is None:
        return ""
    known = attempt.seconds is not None or step.state is StepState.RUNNING
    return format_clock(attempt.age(now)) if known else ""


class ProgressLine(LineWidget):
    """A bar where the end is known; where it is not, a guess from how long the step usually takes, marked as such."""

    DEFAULT_CSS = "ProgressLine { height: 1; display: none; } ProgressLine.-on { display: block; }"

    def __init__(self) -> None:
        super().__init__()
        self._step: StepView | None = None
        self._told: Progressed | None = None
        self._first: tuple[Instant, float] | None = None  # when, and how much was done, at the first report
        self._now = Instant(0.0)

    def show(self, step: StepView | None, told: Progressed | None, now: Instant) -> None:
        """`step`: the running step, or None if nothing runs here; `told`: its last report."""
        if step is None or told is None or (self._step is not None and step.attempt != self._step.attempt):
            self._first = None
        if told is not None and self._first is None:
            self._first = (now, told.done)
        self._step, self._told, self._now = step, told, now
        self.set_class(step is not None and bool(self.line_at(0).plain), "-on")
        self.refresh()

    def tick(self, now: Instant) -> None:
        before = self.line_at(0) if self._step else None
        self._now = now
        if before is not None and not self.line_at(0).is_same(before):
            self.refresh()

    def line_at(self, y: int) -> Content:
        step, told = self._step, self._told
        if step is None or step.attempt is None:
            return Content("")
        if told is not None and told.total:
            ratio = min(max(told.done / told.total, 0.0), 1.0)
            amounts = f"{ratio:4.0%}  {_amount(told.done, told.total, told.unit)}"
            return line(_bar(ratio), f" {amounts}", (self._rest(told, ratio), "$muted"))
        if told is not None:
            note = f" · {told.note}" if told.note else ""
            return line((f"{_amount(told.done, None, told.unit)} so far{note}", "$muted"))
        if step.usual:
            ran = step.attempt.age(self._now)
            ratio = min(ran / step.usual, FULL_GUESS)
            left = step.usual - ran
            words = f"about {format_duration(left)} left" if left >= 1 else "longer than usual"
            return line(_bar(ratio), (f" usually {format_duration(step.usual)} · {words}", "$muted"))
        return Content("")

    def _rest(self, told: Progressed, ratio: float) -> str:
        note = f"  {told.note}" if told.note else ""
        if self._first is None or told.total is None or ratio >= 1:
            return note
        seconds, done = elapsed(self._first[0], self._now), told.done - self._first[1]
        if seconds < 1 or done <= 0:
            return note
        rate = done / seconds
        speed = f"  {format_bytes(rate)}/s" if told.unit == "bytes" else ""
        return f"{speed}  about {format_duration((told.total - told.done) / rate)} left{note}"


def _bar(ratio: float) -> Content:
    full = round(ratio * BAR)
    return line(("█" * full, "$accent"), ("░" * (BAR - full), "$faint"))


def _amount(done: float, total: float | None, unit: str) -> str:
    if unit == "bytes":
        return format_bytes(done) if total is None else f"{format_bytes(done)} of {format_bytes(total)}"
    if unit == "seconds" and (total or done) < 60:
        return f"{done:.1f} s" if total is None else f"{done:.1f} of {total:.1f} s"
    if unit == "seconds":
        return format_clock(done) if total is None else f"{format_clock(done)} of {format_clock(total)}"
    return f"{format_count(int(done))} {unit}" if total is None else f"{int(done)} of {int(total)} {unit}"
