"""Content that is laid out for the width it gets: hanging indents, columns, cut cells."""

from collections.abc import Callable, Iterable

from textual.content import Content
from textual.css.styles import RulesMap
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions, Visual

from debvisor_tui.ui.drawing import Piece, lines

#: Lays something out in that many cells.
Build = Callable[[int], Content]


class Fluid(Visual):
    """A visual for Static or an option, built anew when its width changes."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self._width = -1
        self._content = Content()

    def at(self, width: int) -> Content:
        if width != self._width:
            self._width, self._content = width, self._build(width)
        return self._content

    def render_strips(self, width: int, height: int | None, style: Style, options: RenderOptions) -> list[Strip]:
        return self.at(width).render_strips(width, height, style, options)

    def get_optimal_width(self, rules: RulesMap, container_width: int) -> int:
        return container_width

    def get_height(self, rules: RulesMap, width: int) -> int:
        return self.at(width).get_height(rules, width)


def hanging_indent(text: Content | str, width: int, indent: int, first: Piece = "", style: str = "") -> list[Content]:
    """`text` wrapped into `width` cells, each line indented by `indent`; `first` stands in the first one's indent."""
    content = Content.styled(text, style) if isinstance(text, str) else text
    head = Content.assemble(first)
    head = head.truncate(indent, ellipsis=True) if head.cell_length > indent else head
    head = Content.assemble(head, " " * (indent - head.cell_length))
    wrapped = [piece for part in content.split("\n") for piece in (part.wrap(max(width - indent, 8)) or [Content()])]
    blank = " " * indent
    return [Content.assemble(blank if number else head, piece) for number, piece in enumerate(wrapped)]


def page(rows: Iterable[Content | list[Content]]) -> Content:
    """Rows, and lists of rows, under each other."""
    flat: list[Content] = []
    for row in rows:
        flat += row if isinstance(row, list) else [row]
    return lines(flat)
