"""The two ways to show more than fits: a page that scrolls, and a list to choose from."""

from rich.segment import Segment
from textual.containers import VerticalScroll
from textual.strip import Strip
from textual.widgets import OptionList

CURSOR = "›"


class Page(VerticalScroll):
    """Scrolls by arrows and page keys."""

    DEFAULT_CSS = """
    Page {
        height: 1fr; padding: 0 1; background: $background;
        scrollbar-color: $faint; scrollbar-color-hover: $muted; scrollbar-color-active: $muted;
        scrollbar-background: $background; scrollbar-background-hover: $background;
        scrollbar-background-active: $background;
        & > Static { height: auto; padding: 0 1 0 0; }
    }
    """


class Choices(OptionList):
    """A list whose cursor is a glyph and a quiet bar, so that colours that mean something stay what they are.

    It ends at its ends: with two choices, one key too many must not lead to the other one.
    """

    DEFAULT_CSS = """
    Choices, Choices:focus {
        height: 1fr; border: none; padding: 0; background: $background; background-tint: $background 0%;
        scrollbar-color: $faint; scrollbar-color-hover: $muted; scrollbar-color-active: $muted;
        scrollbar-background: $background; scrollbar-background-hover: $background;
        scrollbar-background-active: $background;
        & > .option-list--option { padding: 0 1; }
        & > .option-list--option-highlighted { background: $faint; color: $foreground; text-style: none; }
        & > .option-list--option-disabled { color: $muted; }
    }
    """

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        if self.highlighted is None or not self._is_head(self.scroll_offset.y + y):
            return strip
        style = next((segment.style for segment in strip if segment.style), None)
        return Strip([Segment(CURSOR, style), *strip.crop(1)], strip.cell_length)

    def _is_head(self, row: int) -> bool:
        """Whether `row` is the first one of the option under the cursor."""
        lines = self._lines
        return 0 <= row < len(lines) and lines[row] == (self.highlighted, 0)

    def action_cursor_down(self) -> None:
        if self.highlighted is None or any(not o.disabled for o in self._options[self.highlighted + 1 :]):
            super().action_cursor_down()

    def action_cursor_up(self) -> None:
        if self.highlighted is None or any(not o.disabled for o in self._options[: self.highlighted]):
            super().action_cursor_up()
