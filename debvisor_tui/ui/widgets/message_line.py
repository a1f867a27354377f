"""The line above the key bar: the last thing that was said to the operator; gone at the next key."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from debvisor_tui.ui.paint import line
from debvisor_tui.ui.widgets.block import EMPTY, Block
from debvisor_tui.ui.widgets.key_bar import KeyBar

if TYPE_CHECKING:
    from debvisor_tui.ui.app import DebvisorApp


@dataclass(frozen=True, slots=True)
class Message:
    """`times`: how often in a row it was said. `wrong`: something was refused, or failed."""

    text: str
    wrong: bool = False
    times: int = 1

    def again(self, text: str, *, wrong: bool) -> "Message":
        same = (self.text, self.wrong) == (text, wrong)
        return replace(self, times=self.times + 1) if same else Message(text, wrong)

    @property
    def content(self) -> Content:
        count = (f"   ×{self.times}", "bold $muted") if self.times > 1 else ""
        return line((self.text, "$warn" if self.wrong else "$foreground"), count)


class MessageLine(Block):
    """Has a row of its own, so that nothing is covered; a longer text takes a few more while it is there."""

    DEFAULT_CSS = """
    MessageLine { height: auto; min-height: 1; max-height: 5; padding: 0 1; }
    """

    def on_mount(self) -> None:
        self.tell(cast("DebvisorApp", self.app).message)

    def tell(self, message: Message | None) -> None:
        self.show(EMPTY if message is None else message.content)


class Foot(Vertical):
    """What each screen ends with: the message line and the key bar."""

    DEFAULT_CSS = "Foot { dock: bottom; height: auto; }"

    def compose(self) -> ComposeResult:
        yield MessageLine()
        yield KeyBar()
