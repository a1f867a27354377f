"""The line above the key bar: the last thing that was said to the operator; gone at the next key."""

from typing import cast

from textual.app import ComposeResult
from textual.containers import Vertical

from debvisor_tui.ui.message import Message
from debvisor_tui.ui.navigator import Navigator
from debvisor_tui.ui.widgets.block import EMPTY, Block
from debvisor_tui.ui.widgets.key_bar import KeyBar


class MessageLine(Block):
    """Has a row of its own, so that nothing is covered; a longer text takes a few more while it is there."""

    DEFAULT_CSS = """
    MessageLine { height: auto; min-height: 1; max-height: 5; padding: 0 1; }
    """

    def on_mount(self) -> None:
        self.tell(cast(Navigator, self.app).message)

    def tell(self, message: Message | None) -> None:
        self.show(EMPTY if message is None else message.content)


class Foot(Vertical):
    """What each screen ends with: the message line and the key bar."""

    DEFAULT_CSS = "Foot { dock: bottom; height: auto; }"

    def compose(self) -> ComposeResult:
        yield MessageLine()
        yield KeyBar()
