"""What is shown while the terminal is too small to decide anything on."""

from textual.app import ComposeResult
from textual.content import Content
from textual.geometry import Size
from textual.screen import ModalScreen

from debvisor_tui.ui.widgets.block import Block

WIDTH, HEIGHT = 60, 16  # cells; below, a question or a danger might not be seen whole


def too_small(size: Size) -> bool:
    return size.width < WIDTH or size.height < HEIGHT


class TooSmallScreen(ModalScreen[None]):
    """Goes by itself once the terminal is larger."""

    DEFAULT_CSS = """
    TooSmallScreen { align: center middle; }
    TooSmallScreen Block { width: 100%; height: auto; padding: 0 1; text-align: center; }
    """

    def compose(self) -> ComposeResult:
        yield Block(
            Content(
                f"This terminal is too small to work on. debvisor-tui needs {WIDTH}x{HEIGHT} and likes 80x24. "
                "Make it larger, or leave with ctrl+q and use --headless; a run goes on either way."
            )
        )
