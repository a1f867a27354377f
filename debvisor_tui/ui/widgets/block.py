"""A piece of text on a screen that is drawn anew only when it says something else."""

from textual.content import Content
from textual.widgets import Static

EMPTY = Content("")


class Block(Static):
    """A Static that takes Content only, so that nothing foreign is ever read as markup."""

    def __init__(self, content: Content = EMPTY, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(content, markup=False, id=id, classes=classes)
        self._shown = content

    def show(self, content: Content) -> None:
        """Show `content`; what stands there already costs nothing, and the same number of lines no layout."""
        if content.is_same(self._shown):
            return
        same_height = self.is_mounted and self._rows(content) == self._rows(self._shown)
        self._shown = content
        self.update(content, layout=not same_height)

    def _rows(self, content: Content) -> int:
        return content.get_height({}, max(self.content_size.width, 1))
