"""The two ways to show more than fits: a page that scrolls, and a list to choose from."""

from textual.containers import VerticalScroll
from textual.widgets import OptionList


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
    """A list whose cursor is a quiet bar, so that colours that mean something stay what they are."""

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
