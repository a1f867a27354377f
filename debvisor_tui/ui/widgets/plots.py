"""A plot over time, labelled in words; the one place that knows the plotting library."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from rich.color import Color
from rich.style import Style
from rich.text import Text
from textual.widget import Widget

from debvisor_tui.model.durations import format_clock

FAR_ABOVE = 4.0  # times what was measured
MOST_POINTS = 400  # a line drawn; a terminal has no more columns to tell them apart

Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Series:
    """A line over time. `points`: (seconds, value or None where there is a gap). `tone`: a word of TimePlot's."""

    label: str
    points: tuple[tuple[float, float | None], ...]
    tone: str


@dataclass(frozen=True, slots=True)
class Level:
    """A value that holds all the time: a limit, what was usual before."""

    label: str
    value: float
    tone: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Seconds from `start` to `end`; `moments` are marked by an upright line and named on the time axis."""

    series: tuple[Series, ...]
    start: float
    end: float
    show: Callable[[float], str]  # a value, in its unit
    levels: tuple[Level, ...] = ()
    moments: tuple[tuple[str, float], ...] = ()


class TimePlot(Widget):
    """Draws a :class:`Chart`; anew only when it gets another one, or another size."""

    DEFAULT_CSS = """
    TimePlot { width: 1fr; height: 1fr; }
    TimePlot > .plot--first { color: $muted; }
    TimePlot > .plot--main { color: $accent; }
    TimePlot > .plot--last { color: $foreground; }
    TimePlot > .plot--limit { color: $danger; }
    TimePlot > .plot--before { color: $muted; }
    TimePlot > .plot--axis { color: $muted; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "plot--first",
        "plot--main",
        "plot--last",
        "plot--limit",
        "plot--before",
        "plot--axis",
    }

    def __init__(self, name: str) -> None:
        super().__init__(id=name)
        self._chart: Chart | None = None
        self._drawn: tuple[tuple[int, int], Text] | None = None

    def draw(self, chart: Chart) -> None:
        if chart != self._chart:
            self._chart, self._drawn = chart, None
            self.refresh()

    def notify_style_update(self) -> None:
        self._drawn = None
        super().notify_style_update()

    def render(self) -> Text:
        size = (self.size.width, self.size.height)
        if self._chart is None or size[0] < 20 or size[1] < 4:
            return Text("")
        if self._drawn is None or self._drawn[0] != size:
            self._drawn = (size, plot_text(self._chart, *size, self._colour))
        return self._drawn[1]

    def _colour(self, tone: str) -> Rgb:
        return (self.background_colors[1] + self.get_component_styles(f"plot--{tone}").color).rgb


def plot_text(chart: Chart, width: int, height: int, colour: Callable[[str], Rgb]) -> Text:
    """`chart` in `width` columns and `height` rows, the last of which is the time axis."""
    from textual_plotext.plot import Plot  # 30 ms: not before the first plot is shown

    rows = height - 1  # the times stand below: where labels are close, the library places them by chance
    plot = Plot()
    plot.plotsize(width, rows)
    plot._set_size(width, rows)  # plotsize alone asks the real terminal (textual-plotext, issue 5)
    plot.theme("clear")
    plot.xaxes(True, False)
    plot.yaxes(True, False)
    plot.ticks_color(colour("axis"))
    top = _top(chart)
    column = max(chart.end - chart.start, 1.0) / max(width - 12, 1)
    left, right = chart.start - 2 * column, chart.end + 4 * column  # room for the names at the lines' ends
    plot.xlim(left, right)
    plot.ylim(0, top)
    plot.xticks([], [])
    for level in reversed(chart.levels):  # the first one matters most: it is drawn over the others
        if level.value <= top:
            plot.hline(level.value, color=colour(level.tone))
    for _, at in chart.moments:
        plot.vline(at, color=colour("axis"))
    for series in chart.series:
        for piece in _pieces(series.points):
            xs, ys = [x for x, _ in piece], [y for _, y in piece]
            draw = plot.plot if len(piece) > 1 else plot.scatter
            draw(xs, ys, marker="braille", color=colour(series.tone))
    # Without a single point the library draws no axes; this one cannot be seen.
    plot.scatter([chart.start], [0], marker=" ")
    for label, tone, x, y in _names(chart, top, rows - 1):
        plot.text(label, x + column, y, color=colour(tone), alignment="left")
    values = _values(chart, top, rows - 1)
    plot.yticks(list(values), list(values.values()))
    drawn, _, axis = plot.build().rstrip("\n").rpartition("\n")
    style = Style(color=Color.from_rgb(*colour("axis")))
    below = _time_axis(chart, (left, right), Text.from_ansi(axis).plain, width)
    return Text("\n").join([Text.from_ansi(drawn), *(Text(row, style) for row in below)])


def _time_axis(chart: Chart, span: tuple[float, float], axis: str, width: int) -> tuple[str, str]:
    """`axis` with its ticks, and the row of labels below: the named moments first, then times where there is room."""
    canvas = axis.find("└") + 1
    left, right = span
    named = [(at, word) for word, at in chart.moments] or [(0.0, format_clock(0))]
    labels = [*named, *((chart.end * part, format_clock(chart.end * part)) for part in (1, 0.5, 0.25, 0.75))]
    line, row = list(axis.ljust(width)[:width]), [" "] * width
    for at, word in labels:
        middle = canvas + round((at - left) / (right - left) * (width - canvas - 1))
        first = min(max(middle - len(word) // 2, 0), width - len(word))
        around = row[max(first - 2, 0) : first + len(word) + 2]
        if all(cell == " " for cell in around):
            row[first : first + len(word)] = word
            line[middle] = "┬" if line[middle] == "─" else line[middle]
    return "".join(line), "".join(row)


def _top(chart: Chart) -> float:
    """The highest value drawn; a level far above all that was measured is only named, or nothing could be read."""
    measured = max((y for series in chart.series for _, y in series.points if y is not None), default=0.0)
    levels = [level.value for level in chart.levels if not measured or level.value <= FAR_ABOVE * measured]
    return max(measured, *levels, 0.0) * 1.15 or 1.0


def _pieces(points: tuple[tuple[float, float | None], ...]) -> list[list[tuple[float, float]]]:
    """The points between two gaps, thinned to what can be told apart."""
    thinned = points[:: max(len(points) // MOST_POINTS, 1)]
    pieces: list[list[tuple[float, float]]] = [[]]
    for x, y in thinned:
        if y is not None:
            pieces[-1].append((x, y))
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]


def _values(chart: Chart, top: float, rows: int) -> dict[float, str]:
    """The value axis: the levels by name, then zero and the top, where their rows are free."""
    wanted = [
        (min(level.value, top), f"{level.label} {chart.show(level.value)}" + (" ↑" if level.value > top else ""))
        for level in chart.levels
    ]
    wanted += [(0.0, chart.show(0.0)), (top, chart.show(top))]
    taken: set[int] = set()
    values: dict[float, str] = {}
    for value, label in wanted:
        row = round(value / top * (rows - 1))
        if row not in taken:
            taken.add(row)
            values[value] = label
    return values


def _names(chart: Chart, top: float, rows: int) -> list[tuple[str, str, float, float]]:
    """The series' names beside their last points: (name, tone, x, y); one a row, the title says them all."""
    taken: set[int] = set()
    names = []
    for series in reversed(chart.series):
        last = next(((x, y) for x, y in reversed(series.points) if y is not None), None)
        if last is None:
            continue
        row = round(last[1] / top * (rows - 1))
        if row not in taken:
            taken.add(row)
            names.append((series.label, series.tone, *last))
    return names
