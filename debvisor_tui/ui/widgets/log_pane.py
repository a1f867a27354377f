"""The log of one attempt: draws just the lines in view, of any number, and follows until it is scrolled."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.visual import Visual
from textual.widget import Widget

from debvisor_tui.model.times import local_time
from debvisor_tui.model.views import LogLine
from debvisor_tui.ui.drawing import cell, line
from debvisor_tui.ui.keys import key

AHEAD = 200  # lines read beyond those in view, on both sides
NEAR = 50  # so few left ahead: read on
FLUSH = 0.1  # seconds between two looks at a growing log, on a good line
SLOWEST = 1.0
TIME = 9  # cells of the time column
SIDEWAYS = 20  # cells that one press scrolls sideways
TITLE = 1  # line of the pane itself


class LogPane(Widget, can_focus=True):
    """Lines are known by their numbers, from 1; they are asked for by `Wanted`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key("log", "up,k", "scroll(-1)", "up", "One line up", show=False),
        key("log", "down,j", "scroll(1)", "down", "One line down", show=False),
        key("log", "left", "sideways(-1)", "left", "Scroll the log to the left", show=False),
        key("log", "right", "sideways(1)", "right", "Scroll the log to the right, for long lines", show=False),
        key("log", "pageup", "page(-1)", "page up", "One page up in the log", show=False),
        key("log", "pagedown,space", "page(1)", "page down", "One page down in the log", show=False),
        key("log", "home", "top", "top", "The first line of the log", show=False),
        key("log", "end", "end", "end", "The last line of the log, and follow it", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "log--time",
        "log--out",
        "log--note",
        "log--cmd",
        "log--err",
        "log--found",
        "log--bar",
        "log--thumb",
    }
    DEFAULT_CSS = """
    LogPane {
        height: 1fr; min-height: 4;
        & > .log--time { color: $muted; }
        & > .log--out { color: $foreground; }
        & > .log--note { color: $muted; }
        & > .log--cmd { color: $accent; text-style: bold; }
        & > .log--err { color: #cdb58a; }
        & > .log--found { color: $background; background: $warn; }
        & > .log--bar { color: $faint; }
        & > .log--thumb { color: $muted; }
    }
    """

    @dataclass
    class Wanted(Message):
        """The pane needs the lines `first`..`last` of `attempt`; answer with `supply`."""

        pane: "LogPane"
        attempt: int
        first: int
        last: int

    @dataclass
    class FindWanted(Message):
        """The pane needs the next line with `text`, from line `start` on; answer with `found`."""

        pane: "LogPane"
        attempt: int
        text: str
        start: int
        backwards: bool

    def __init__(self, *, id: str | None = None, empty: str = "No output yet.") -> None:  # noqa: A002
        super().__init__(id=id)
        self.attempt: int | None = None
        self.last = 0  # the number of the last line, and so how many there are
        self.following = True
        self.live = False
        self.needle = ""
        self._empty = empty
        self._match: int | None = None
        self._find_note = ""
        self._top = 1  # the first line in view
        self._left = 0  # cells scrolled sideways
        self._lines: dict[int, LogLine] = {}
        self._asked = False
        self._again = False
        self._flushing = False

    # -- what it is told ----------------------------------------------------------------------------------------

    def show_attempt(self, attempt: int | None, lines: int, *, live: bool, at: int | None = None) -> None:
        """Show the `lines` lines of `attempt`. `live`: it may grow. `at`: begin at that line."""
        if attempt == self.attempt and at is None:
            if live != self.live:
                self.live = live
                self._refresh_title()
            self.grow(lines)
            return
        self.attempt, self.last, self.live = attempt, lines, live
        self.following = at is None
        self._top = at or self._lowest()
        self._left, self._lines, self._match, self._find_note = 0, {}, at, ""
        self._asked = self._again = False
        self.refresh()
        self._ask()

    def grow(self, lines: int) -> None:
        """The log now has `lines` lines; drawn within a time that follows how fast the terminal is."""
        if lines <= self.last:
            return
        self.last = lines
        if not self._flushing:
            self._flushing = True
            drain = float(getattr(self.app._driver, "drain_seconds", 0.0))
            self.set_timer(min(max(FLUSH, 4 * drain), SLOWEST), self._flush, name="log-flush")

    def _flush(self) -> None:
        if not self.screen.is_current:  # beneath a dialog each line would paint the whole screen anew
            self.set_timer(SLOWEST, self._flush, name="log-flush")
            return
        self._flushing = False
        if self.following:
            self._ask()
        else:
            self._refresh_title()
            self.refresh(Region(self.size.width - 1, TITLE, 1, self._rows()))
            self._ask()

    def supply(self, attempt: int, lines: Sequence[LogLine]) -> None:
        """The lines that were asked for; none if they cannot be had."""
        if attempt != self.attempt:
            return
        self._asked = False
        if lines:
            self._lines = {found.number: found for found in lines}
            if self.following:
                self._top = max(lines[-1].number - self._rows() + 1, 1)
        self.refresh()
        if self._again or (lines and not self._in_view(self._top)):
            self._again = False
            self._ask()

    def found(self, text: str, number: int | None) -> None:
        """The answer to FindWanted."""
        if text != self.needle:
            return
        self._match = number
        if number is None:
            self._find_note = f"“{text}” is not in this log"
        else:
            self._find_note = f"“{text}” in line {number} · n N for more"
            self._go(number - self._rows() // 2)
        self.refresh()

    # -- what it asks for ---------------------------------------------------------------------------------------

    def _ask(self) -> None:
        if self.attempt is None or not self.last:
            return
        if self._asked:
            self._again = True
            return
        rows = self._rows()
        if self.following:
            first, last = max(self.last - 2 * rows, 1), self.last
            if self._lines and max(self._lines) >= last and self._in_view(max(last - rows + 1, 1)):
                return
        else:
            first, last = max(self._top - AHEAD, 1), min(self._top + rows + AHEAD, self.last)
            near_first, near_last = max(self._top - NEAR, 1), min(self._top + rows + NEAR, self.last)
            if near_first in self._lines and near_last in self._lines:
                return
        self._asked = True
        self.post_message(self.Wanted(self, self.attempt, first, last))

    def _in_view(self, top: int) -> bool:
        return top in self._lines and min(top + self._rows() - 1, self.last) in self._lines

    # -- scrolling ----------------------------------------------------------------------------------------------

    def _rows(self) -> int:
        return max(self.size.height - TITLE, 1)

    def _lowest(self) -> int:
        """The first line in view when the last one is at the bottom."""
        return max(self.last - self._rows() + 1, 1)

    def _go(self, top: int) -> None:
        """Put line `top` first; at the end, follow."""
        lowest = self._lowest()
        self._top = min(max(top, 1), lowest)
        self.following = self._top == lowest and self.live and self._match is None
        self._ask()
        self.refresh()

    def action_scroll(self, lines: int) -> None:
        self._match = None
        self._go(self._top + lines)

    def action_page(self, pages: int) -> None:
        self._match = None
        self._go(self._top + pages * max(self._rows() - 1, 1))

    def action_top(self) -> None:
        self._match = None
        self.following = False
        self._top = 1
        self._ask()
        self.refresh()

    def action_end(self) -> None:
        self._match, self._find_note = None, ""
        self._top = self._lowest()
        self.following = True
        self._ask()
        self.refresh()

    def action_sideways(self, steps: int) -> None:
        self._left = max(self._left + steps * SIDEWAYS, 0)
        self.refresh()

    def find(self, text: str) -> None:
        """Look for `text` from the top of the view on; "" ends the search."""
        self.needle, self._match, self._find_note = text, None, ""
        if text and self.attempt is not None:
            self.post_message(self.FindWanted(self, self.attempt, text, self._top, False))
        self.refresh()

    def find_next(self, *, backwards: bool = False) -> None:
        if not self.needle or self.attempt is None:
            return
        here = self._match if self._match is not None else self._top
        start = here - 1 if backwards else here + 1
        self.post_message(self.FindWanted(self, self.attempt, self.needle, start, backwards))

    def on_resize(self, event: events.Resize) -> None:
        if self.following:
            self._top = self._lowest()
        self.refresh()  # it may have been painted in its new size, with the old top, before this was told
        self._ask()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.action_scroll(-3)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.action_scroll(3)

    # -- drawing ------------------------------------------------------------------------------------------------

    def _refresh_title(self) -> None:
        self.refresh(Region(0, 0, self.size.width, TITLE))

    def title(self) -> str:
        if not self.last:
            return "log"
        count = self.last
        lines = f"{count:,} line".replace(",", " ") + ("" if count == 1 else "s")
        if self._find_note:
            return f"log · {self._find_note}"
        if not self.live:
            at = f"line {self._top} of {lines}" if count > self._rows() else lines
            return f"log · {at}"
        if self.following:
            return f"log · following · {lines}"
        return f"log · paused at line {self._top} of {count} · end to follow"

    def render_line(self, y: int) -> Strip:
        return self._draw(y).apply_style(self.rich_style)

    def _draw(self, y: int) -> Strip:
        width = self.size.width
        if y < TITLE:
            focus = "bold $accent" if self.has_focus else "$muted"
            title = line(("─ ", "$faint"), (self.title(), focus), " ")
            rule = cell(line(title, ("─" * max(width - title.cell_length, 0), "$faint")), width)
            return Visual.to_strips(self, rule, width, 1, self.visual_style)[0]
        bar = self._bar(y - TITLE)
        room = width - 1
        found = self._lines.get(self._top + y - TITLE) if self.last else None
        if found is None:
            words = self._empty[:room] if y == TITLE and not self.last else ""
            note = self.get_component_rich_style("log--note", partial=True)
            return Strip.join([Strip([Segment(words, note)]).adjust_cell_length(room), bar])
        stamp = Strip([Segment(f"{local_time(found.at)} ", self.get_component_rich_style("log--time", partial=True))])
        body = Strip(self._segments(found)).crop(self._left, self._left + room - TIME)
        if body.cell_length < room - TIME:
            body = body.extend_cell_length(room - TIME)
        elif Strip(self._segments(found)).cell_length > self._left + room - TIME:
            more = Segment("…", self.get_component_rich_style("log--time", partial=True))
            body = Strip([*body.crop(0, room - TIME - 1), more])
        return Strip.join([stamp, body, bar])

    def _segments(self, found: LogLine) -> list[Segment]:
        style = self.get_component_rich_style(f"log--{found.stream}", partial=True)
        text = found.text.expandtabs(8)
        if not self.needle:
            return [Segment(text, style)]
        return _highlighted(text, self.needle, style, self.get_component_rich_style("log--found"))

    def _bar(self, row: int) -> Strip:
        rows, count = self._rows(), self.last
        if not self.last or count <= rows:
            return Strip([Segment(" ")])
        size = max(round(rows * rows / count), 1)
        start = round((self._top - 1) / (count - rows) * (rows - size))
        name, glyph = ("log--thumb", "┃") if start <= row < start + size else ("log--bar", "│")
        return Strip([Segment(glyph, self.get_component_rich_style(name, partial=True))])


def _highlighted(text: str, needle: str, style: Style, found: Style) -> list[Segment]:
    segments: list[Segment] = []
    low, wanted, at = text.lower(), needle.lower(), 0
    while (hit := low.find(wanted, at)) >= 0 and len(low) == len(text):
        segments += [Segment(text[at:hit], style), Segment(text[hit : hit + len(wanted)], found)]
        at = hit + len(wanted)
    return [*segments, Segment(text[at:], style)]
