"""A clock on the screen: a widget of its own, for a widget's whole line is written whenever a part of it changes."""

from textual.content import Content

from debvisor_tui.ui.drawing import LineWidget, line


class Ticker(LineWidget):
    DEFAULT_CSS = "Ticker { width: 0; height: 1; }"

    def __init__(self, style: str = "") -> None:
        super().__init__()
        self._style = style
        self._text = ""

    def show(self, text: str) -> None:
        """Show `text`, which has the same length most of the time; only then it costs no layout."""
        if text == self._text:
            return
        if len(text) != len(self._text):
            self.styles.width = len(text)
        self._text = text
        self.refresh()

    def line_at(self, y: int) -> Content:
        return line((self._text, self._style))
