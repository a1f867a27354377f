"""The questions in front of a screen: agree to a danger, give a reason, type a name; Escape always means no."""

from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ScreenResultType
from textual.widgets import Input

from debvisor_tui.ui.base import DebvisorModal
from debvisor_tui.ui.drawing import Piece, line
from debvisor_tui.ui.keys import key
from debvisor_tui.ui.widgets.block import Block
from debvisor_tui.ui.widgets.field import AnswerField

SHORTEST: Final = 8  # letters and digits of a reason

#: What the dialogs share: a box with a title, a text, a danger and a line of keys.
_BOX = """
$NAME { align: center middle; }
$NAME > Vertical {
    width: 72; max-width: 100%; height: auto; max-height: 100%; padding: 1 2;
    background: $surface; border: round $accent;
}
$NAME.-danger > Vertical { border: round $danger; }
$NAME Block { height: auto; margin-bottom: 1; }
$NAME VerticalScroll { height: auto; max-height: 30vh; margin-bottom: 1; }
$NAME VerticalScroll > Block { margin: 0; }
$NAME #keys { margin: 0; color: $muted; }
$NAME Input { margin-bottom: 1; }
"""


def _css(name: str) -> str:
    return _BOX.replace("$NAME", name)


def _head(title: str, text: str | Content, danger: str) -> ComposeResult:
    yield Block(line((title, "bold")))
    if not (text or danger):
        return
    with VerticalScroll(can_focus=False):  # the keys beneath it stay in view, however long it is
        if danger:
            yield Block(
                Content("\n").join(line(("! ", "bold $danger"), (row, "$danger")) for row in danger.split("\n"))
            )
        if danger and text:
            yield Block(Content(""))
        if text:
            yield Block(text if isinstance(text, Content) else Content(text))


class _Keys(Block):
    """The dialog's last line: which keys answer, and, if its text is longer than the box, how to read on."""

    def __init__(self, *pairs: tuple[str, str]) -> None:
        self._pairs = pairs
        super().__init__(self._text(more=False), id="keys")

    def tell(self, *, more: bool) -> None:
        self.show(self._text(more=more))

    def _text(self, *, more: bool) -> Content:
        pieces: list[Piece] = []
        for name, does in (*((("↓", "more"),) if more else ()), *self._pairs):
            if pieces:
                pieces.append((" · ", "$faint"))
            pieces += [(name, "bold $foreground"), f" {does}"]
        return line(*pieces)


_SCROLLING: list[BindingType] = [
    key("dialog", "pagedown,down", "scroll_text(1)", "down", "More of the text", show=False),
    key("dialog", "pageup,up", "scroll_text(-1)", "up", "Back in the text", show=False),
]


class _Scrolling(DebvisorModal[ScreenResultType]):
    """A dialog whose text may be longer than its box; then its last line says how to read on."""

    def on_mount(self) -> None:
        self.call_after_refresh(self._fit)

    def on_resize(self) -> None:
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        """The text gets the rows that field and keys leave: these are always in view."""
        frame = self.query_one(Vertical)
        for box in self.query(VerticalScroll):
            around = frame.outer_size.height - frame.content_size.height
            others = sum(
                child.outer_size.height + child.styles.margin.height for child in frame.children if child is not box
            )
            room = self.size.height - around - others - box.styles.margin.height
            box.styles.max_height = max(room, 2)
        self.call_after_refresh(self.call_after_refresh, self._tell_of_more)  # once it is laid out anew

    def _tell_of_more(self) -> None:
        more = any(box.max_scroll_y > 0 for box in self.query(VerticalScroll))
        for keys in self.query(_Keys):
            keys.tell(more=more)

    def action_scroll_text(self, by: int) -> None:
        for box in self.query(VerticalScroll):
            box.scroll_relative(y=by * 3, animate=False)


class ConfirmDialog(_Scrolling[bool]):
    """Agree with `y`, and with no other key, for Enter is pressed too easily; True if agreed."""

    ANSWERS = frozenset({"agree"})

    DEFAULT_CSS = _css("ConfirmDialog")
    BINDINGS: ClassVar[list[BindingType]] = [
        key("confirm", "y", "agree", "agree", "Agree to what the dialog says"),
        key("confirm", "escape,n", "refuse", "back", "Go back, nothing is done"),
        key("confirm", "enter", "enter", "enter", "Says which key agrees", show=False),
        *_SCROLLING,
    ]

    def __init__(self, title: str, text: str | Content = "", *, danger: str = "", agree: str = "do it") -> None:
        super().__init__(classes="-danger" if danger else "")
        self._parts = (title, text, danger)
        self._agree = agree

    def compose(self) -> ComposeResult:
        with Vertical():
            yield from _head(*self._parts)
            yield _Keys(("y", self._agree), ("esc", "back, nothing is done"))

    def action_enter(self) -> None:
        self.debvisor.say(f"Enter does nothing here: y {self._agree}, esc goes back.", wrong=False)

    def action_agree(self) -> None:
        self.answer(True)

    def action_refuse(self) -> None:
        self.answer(False)


class ReasonDialog(_Scrolling[str | None]):
    """Asks for a sentence that stands in the history; None if the operator went back.

    The field starts empty. `proposal`: what tab puts there; a sentence in somebody's name is taken by one key and
    confirmed by another. A sentence of less than `SHORTEST` letters is no reason.
    """

    DEFAULT_CSS = _css("ReasonDialog")
    BINDINGS: ClassVar[list[BindingType]] = [
        key("reason", "escape", "refuse", "back", "Go back, nothing is done"),
        key("reason", "tab", "propose", "take the proposed words", "Take the proposed words", show=False),
        *_SCROLLING,
    ]

    def __init__(
        self,
        title: str,
        text: str | Content = "",
        *,
        danger: str = "",
        proposal: str = "",
        ask: str = "why?",
        confirm: str = "record it and go on",
    ) -> None:
        super().__init__(classes="-danger" if danger else "")
        self._parts = (title, text, danger)
        self._proposal = proposal
        self._ask = ask
        self._confirm = confirm

    def compose(self) -> ComposeResult:
        with Vertical():
            yield from _head(*self._parts)
            if self._proposal:
                yield Block(line(("tab", "bold $foreground"), (" takes: ", "$muted"), f"“{self._proposal}”"))
            yield AnswerField(placeholder=self._ask, max_length=400)
            yield _Keys(("enter", self._confirm), ("esc", "back, nothing is done"))

    def action_propose(self) -> None:
        if self._proposal:
            field = self.query_one(AnswerField)
            field.value = self._proposal
            field.cursor_position = len(self._proposal)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        reason = " ".join(event.value.split())
        if sum(map(str.isalnum, reason)) >= SHORTEST:
            self.answer(reason)
        else:
            self.query_one(AnswerField).again(f"a reason of {SHORTEST} letters or more is needed; it is kept")

    def action_refuse(self) -> None:
        self.answer(None)


class TypedDialog(_Scrolling[bool]):
    """Agree by typing `expected` exactly: for what cannot be taken back. True if agreed."""

    DEFAULT_CSS = _css("TypedDialog")
    BINDINGS: ClassVar[list[BindingType]] = [
        key("typed", "escape", "refuse", "back", "Go back, nothing is done"),
        *_SCROLLING,
    ]

    def __init__(self, title: str, text: str | Content, *, danger: str, expected: str) -> None:
        super().__init__(classes="-danger")
        self._parts = (title, text, danger)
        self._expected = expected.strip()

    def compose(self) -> ComposeResult:
        with Vertical():
            yield from _head(*self._parts)
            yield AnswerField(placeholder=f"type {self._expected} to agree", max_length=max(100, len(self._expected)))
            yield _Keys(("enter", "do it, once the name is typed"), ("esc", "back, nothing is done"))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value.strip() == self._expected:
            self.answer(True)
        else:
            self.query_one(AnswerField).again(f"that was not it: type {self._expected} to agree")

    def action_refuse(self) -> None:
        self.answer(False)
