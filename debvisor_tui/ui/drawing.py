"""Small tools for drawing text in cells: cut with …, padded, columns; foreign text never becomes markup."""

from collections.abc import Iterable

from textual.content import Content
from textual.geometry import Region
from textual.strip import Strip
from textual.visual import Visual
from textual.widget import Widget

#: A piece of a line: plain text, or text with a Content style such as "bold $danger".
Piece = str | Content | tuple[str, str]


def literal(text: str) -> str:
    """`text` for where Textual takes nothing but markup. Its own `escape` lets some brackets through."""
    return text.replace("[", "\\[")


def line(*pieces: Piece) -> Content:
    return Content.assemble(*pieces)


def cell(text: str | Content, width: int, style: str = "", *, right: bool = False) -> Content:
    """`text` in exactly `width` cells: cut with … or padded, on the left if `right`."""
    content = Content.styled(text, style) if isinstance(text, str) else text
    if content.cell_length > width:
        content = content.truncate(width, ellipsis=True)
    gap = " " * (width - content.cell_length)
    return Content.assemble(gap, content) if right else Content.assemble(content, gap)


def between(left: Content, right: Content, width: int) -> Content:
    """`left` and `right` at the two ends of a line of `width` cells; the left gives way if both do not fit."""
    room = max(width - right.cell_length - 1, 0)
    return Content.assemble(cell(left, room), " ", right)


def lines(rows: Iterable[Content]) -> Content:
    """Rows under each other, as one Content."""
    return Content("\n").join(rows)


class LineWidget(Widget):
    """A widget that draws line by line from `line_at`, so that one changed line costs one line on the terminal."""

    def line_at(self, y: int) -> Content:
        """The content of line `y`; it is cut and padded to the widget's width."""
        raise NotImplementedError

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        content = cell(self.line_at(y), width)
        strips = Visual.to_strips(self, content, width, 1, self.visual_style)
        return strips[0] if strips else Strip.blank(width, self.rich_style)

    def refresh_line(self, y: int) -> None:
        """Draw anew line `y`, and nothing else."""
        self.refresh(Region(0, y, self.size.width, 1))
