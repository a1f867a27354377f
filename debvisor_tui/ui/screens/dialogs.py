"""The questions in front of a screen: agree to a danger, give a reason, type a name; Escape always means no."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ScreenResultType
from textual.widgets import Input

from debvisor_tui.ui.base import DebvisorModal
from debvisor_tui.ui.keys import key
from debvisor_tui.ui.paint import Piece, line
from debvisor_tui.ui.widgets.block import Block
from debvisor_tui.ui.widgets.field import Field

#: What the dialogs share: a box with a title, a text, a danger and a line of keys.
_BOX = """
$NAME { align: center middle; }
$NAME > Vertical {
    width: 72; max-width: 100%; height: auto; max-height: 100%; padding: 1 2;
    background: $surface; border: round $accent;
}
$NAME.-danger > Vertical { border: round $danger; }
$NAME Block { height: auto; margin-bottom: 1; }
$NAME VerticalScroll { height: auto; max-height: 40vh; margin-bottom: 1; }
$NAME VerticalScroll > Block { margin: 0; }
$NAME #keys { margin: 0; color: $muted; }
$NAME Input { margin-bottom: 1; }
"""


def _css(name: str) -> str:
    return _BOX.replace("$NAME", name)


def _head(title: str, text: str | Content, danger: str) -> ComposeResult:
    yield Block(line((title, "bold")))
    if text:
        with VerticalScroll(can_focus=False):
            yield Block(text if isinstance(text, Content) else Content(text))
    if danger:
        yield Block(line(("! ", "bold $danger"), (danger, "$danger")))


def _keys(*pairs: tuple[str, str]) -> Block:
    pieces: list[Piece] = []
    for name, does in pairs:
        if pieces:
            pieces.append((" · ", "$faint"))
        pieces += [(name, "bold $foreground"), f" {does}"]
    return Block(line(*pieces), id="keys")


_SCROLLING: list[BindingType] = [
    key("dialog", "pagedown,down", "scroll_text(1)", "down", "More of the text", show=False),
    key("dialog", "pageup,up", "scroll_text(-1)", "up", "Back in the text", show=False),
]


class _Scrolling(DebvisorModal[ScreenResultType]):
    """A dialog whose text may be longer than its box."""

    def action_scroll_text(self, by: int) -> None:
        for box in self.query(VerticalScroll):
            box.scroll_relative(y=by * 3, animate=False)


class ConfirmDialog(_Scrolling[bool]):
    """Agree with `y`, and with no other key, for Enter is pressed too easily; True if agreed."""

    DEFAULT_CSS = _css("ConfirmDialog")
    BINDINGS: ClassVar[list[BindingType]] = [
        key("confirm", "y", "agree", "agree", "Agree to what the dialog says"),
        key("confirm", "escape,n", "refuse", "back", "Go back, nothing is done"),
        *_SCROLLING,
    ]

    def __init__(self, title: str, text: str | Content = "", *, danger: str = "", agree: str = "do it") -> None:
        super().__init__(classes="-danger" if danger else "")
        self._parts = (title, text, danger)
        self._agree = agree

    def compose(self) -> ComposeResult:
        with Vertical():
            yield from _head(*self._parts)
            yield _keys(("y", self._agree), ("esc", "back, nothing is done"))

    def action_agree(self) -> None:
        self.dismiss(True)

    def action_refuse(self) -> None:
        self.dismiss(False)


class ReasonDialog(_Scrolling[str | None]):
    """Asks for a sentence that stands in the history; None if the operator went back. Never returns ""."""

    DEFAULT_CSS = _css("ReasonDialog")
    BINDINGS: ClassVar[list[BindingType]] = [
        key("reason", "escape", "refuse", "back", "Go back, nothing is done"),
        *_SCROLLING,
    ]

    def __init__(
        self,
        title: str,
        text: str | Content = "",
        *,
        danger: str = "",
        initial: str = "",
        ask: str = "why?",
        confirm: str = "record it and go on",
    ) -> None:
        super().__init__(classes="-danger" if danger else "")
        self._parts = (title, text, danger)
        self._initial = initial
        self._ask = ask
        self._confirm = confirm

    def compose(self) -> ComposeResult:
        with Vertical():
            yield from _head(*self._parts)
            field = Field(self._initial, placeholder=self._ask, max_length=400, select_on_focus=False)
            field.cursor_blink = False
            yield field
            yield _keys(("enter", self._confirm), ("esc", "back, nothing is done"))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        reason = " ".join(event.value.split())
        if reason:
            self.dismiss(reason)
        else:
            field = self.query_one(Input)
            field.value = ""
            field.placeholder = "a few words are needed: they stand in the history"

    def action_refuse(self) -> None:
        self.dismiss(None)


class TypedDialog(DebvisorModal[bool]):
    """Agree by typing `expected` exactly: for what cannot be taken back. True if agreed."""

    DEFAULT_CSS = _css("TypedDialog")
    BINDINGS: ClassVar[list[BindingType]] = [
        key("typed", "escape", "refuse", "back", "Go back, nothing is done"),
    ]

    def __init__(self, title: str, text: str | Content, *, danger: str, expected: str) -> None:
        super().__init__(classes="-danger")
        self._parts = (title, text, danger)
        self._expected = expected

    def compose(self) -> ComposeResult:
        with Vertical():
            yield from _head(*self._parts)
            field = Field(placeholder=f"type {self._expected} to agree", max_length=100)
            field.cursor_blink = False
            yield field
            yield _keys(("enter", "do it, once the name is typed"), ("esc", "back, nothing is done"))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value.strip() == self._expected:
            self.dismiss(True)
        else:
            field = self.query_one(Input)
            field.value = ""
            field.placeholder = f"that was not it: type {self._expected} to agree"

    def action_refuse(self) -> None:
        self.dismiss(False)
