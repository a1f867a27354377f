"""The monitor step's body: verdict, countdown and numbers in words, error rate and latency as plots."""

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.getters import query_one
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Static

from debvisor_tui.ui.widgets import monitor_text as w
from debvisor_tui.ui.widgets.monitor_text import Watch
from debvisor_tui.ui.widgets.plots import TimePlot

ROOM_FOR_TWO = 20  # rows; below, one plot is shown and `v` changes which
ROOM_FOR_ONE = 12  # rows; below, sparklines stand for the plots
ROOM_FOR_BOTH_WIDE = 100  # columns; from there on the two plots stand side by side


class PlotsFit(Message):
    """Another number of plots fits than before, so that a screen's `v` may have come or gone."""


class MonitorBody(Vertical):
    """Fed by `show`; redraws only when there is something new. `switch_plot` is for the screen's key `v`."""

    DEFAULT_CSS = """
    MonitorBody { height: 1fr; min-height: 6; }
    MonitorBody > #monitor-words { height: auto; }
    MonitorBody > #monitor-plots { height: 1fr; }
    MonitorBody .plot-title { height: 1; color: $text-muted; }
    MonitorBody .plot-box { height: 1fr; width: 1fr; }
    MonitorBody #monitor-plots.-wide { layout: horizontal; }
    MonitorBody .-hidden { display: none; }
    """

    shown: reactive[Watch | None] = reactive(None)
    """What is shown; None before the first reading."""

    latency_first: reactive[bool] = reactive(False)
    """Where only one plot fits: whether it is the latency's."""

    words = query_one("#monitor-words", Static)
    errors = query_one("#monitor-errors", TimePlot)
    latency = query_one("#monitor-latency", TimePlot)

    def compose(self) -> ComposeResult:
        yield Static(id="monitor-words", markup=False)
        with Vertical(id="monitor-plots"):
            with Vertical(classes="plot-box", id="monitor-errors-box"):
                yield Static("error rate", id="monitor-errors-title", classes="plot-title", markup=False)
                yield TimePlot("monitor-errors")
            with Vertical(classes="plot-box", id="monitor-latency-box"):
                yield Static(w.latency_title(None), id="monitor-latency-title", classes="plot-title", markup=False)
                yield TimePlot("monitor-latency")

    _composed = False
    _fitting: int | None = None

    def show(self, watch: Watch) -> None:
        self.shown = watch

    def on_mount(self) -> None:
        # What was shown before, and a resize that came before, found nothing to draw on, and may not come again.
        self._composed = True
        self._fit()
        self._redraw()

    def watch_shown(self) -> None:
        self._redraw()

    def watch_latency_first(self) -> None:
        self._fit()

    def on_resize(self, event: events.Resize) -> None:
        self._fit()
        self._redraw()

    def switch_plot(self) -> None:
        """Where only one plot fits, show the other one."""
        self.latency_first = not self.latency_first

    @property
    def switchable(self) -> bool:
        """Whether there is another plot to switch to."""
        return self._plots() == 1

    def _plots(self) -> int:
        if self.size.height < ROOM_FOR_ONE:
            return 0
        both = self.size.height >= ROOM_FOR_TWO or self.size.width >= ROOM_FOR_BOTH_WIDE
        return 2 if both else 1

    def _fit(self) -> None:
        if not self._composed:
            return
        plots = self._plots()
        if plots != self._fitting:
            self._fitting = plots
            self.post_message(PlotsFit())
        box = self.query_one("#monitor-plots")
        box.set_class(plots == 0, "-hidden")
        box.set_class(self.size.width >= ROOM_FOR_BOTH_WIDE, "-wide")
        self.query_one("#monitor-errors-box").set_class(plots == 1 and self.latency_first, "-hidden")
        self.query_one("#monitor-latency-box").set_class(plots == 1 and not self.latency_first, "-hidden")

    def _redraw(self) -> None:
        watch = self.shown
        if watch is None or not self._composed:
            return
        plots = self._plots()
        lines = [w.verdict_line(watch), w.breach_line(watch), w.countdown_line(watch), *w.numbers_lines(watch)]
        lines += [w.restart_line(watch)] if plots else w.spark_lines(watch, self.size.width)
        self.words.update(Content("\n").join([line for line in lines if line is not None]))
        if plots:
            hint = "   v: {}" if plots == 1 else ""
            self.query_one("#monitor-errors-title", Static).update("error rate" + hint.format("latency"))
            self.query_one("#monitor-latency-title", Static).update(
                w.latency_title(watch) + hint.format("error rate")
            )
            self.errors.draw(w.error_chart(watch))
            self.latency.draw(w.latency_chart(watch))
