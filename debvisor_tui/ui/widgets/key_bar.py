"""The last line: the keys that can be used now, and nothing else."""

from collections.abc import Iterator
from typing import Protocol, cast

from textual.binding import Binding
from textual.content import Content

from debvisor_tui.ui.drawing import LineWidget, Piece, line


class HasKeys(Protocol):
    """A screen whose keys are shown."""

    def key_hints(self) -> Iterator[Binding]: ...

    def danger(self, action: str) -> bool: ...


class KeyBar(LineWidget):
    """Shows its screen's `key_hints`; what does not fit is left out from the end, but "q quit" and "? help" stay."""

    DEFAULT_CSS = """
    KeyBar { height: 1; padding: 0 1; background: $panel; color: $muted; }
    """

    def line_at(self, y: int) -> Content:
        screen = cast(HasKeys, self.screen)
        hints = [
            (binding.key_display or binding.key, binding.description, screen.danger(binding.action), binding.action)
            for binding in screen.key_hints()
        ]
        keep = [hint for hint in hints if hint[3].endswith(("help", "quit"))]
        room = self.size.width - sum(_width(hint) for hint in keep)
        shown = []
        for hint in hints:
            if hint in keep:
                continue
            room -= _width(hint)
            if room < 0:
                break
            shown.append(hint)
        pieces: list[Piece] = []
        for key, text, danger, _action in [*shown, *keep]:
            if pieces:
                pieces.append((" · ", "$faint"))
            pieces.append((key, "bold $danger" if danger else "bold $foreground"))
            pieces.append((f" {text}", "$danger" if danger else ""))
        return line(*pieces)


def _width(hint: tuple[str, str, bool, str]) -> int:
    return len(hint[0]) + len(hint[1]) + 4
