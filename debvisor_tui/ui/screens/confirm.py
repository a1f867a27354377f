"""The last question before something that is hard to take back: `y`, or a name to be typed."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.getters import query_one
from textual.widgets import Input, Static

from debvisor_tui.ui.base import DebvisorModal
from debvisor_tui.ui.keys import key


class ConfirmScreen(DebvisorModal[bool]):
    """True if the operator agreed. `danger`: what will be lost. `name`: what is to be typed, or "" for `y`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key("confirm", "y", "agree", "yes", "Do what is asked", show=False),
        key("confirm", "escape,n", "dismiss(False)", "no", "Go back; nothing is done", show=False),
    ]
    DEFAULT_CSS = """
    ConfirmScreen { align: center middle; }
    ConfirmScreen > Vertical {
        width: 90%; max-width: 72; height: auto; max-height: 90%; padding: 1 2;
        background: $surface; border: round $border; border-title-color: $foreground;
    }
    ConfirmScreen > Vertical.-danger { border: round $danger; border-title-color: $danger; }
    ConfirmScreen Static { height: auto; margin-bottom: 1; }
    ConfirmScreen #confirm-danger { color: $danger; }
    ConfirmScreen #confirm-hint { color: $muted; margin-bottom: 0; }
    """

    hint = query_one("#confirm-hint", Static)

    def __init__(self, title: str, question: str, *, agree: str, danger: str = "", name: str = "") -> None:
        super().__init__()
        self._title, self._question, self._agree = title, question, agree
        self._danger, self._typed_name = danger, name

    def compose(self) -> ComposeResult:
        with Vertical(classes="-danger" if self._danger else "") as box:
            box.border_title = Content(f" {self._title} ")
            yield Static(Content(self._question))
            if self._danger:
                yield Static(Content(self._danger), id="confirm-danger")
            if self._typed_name:
                yield Input(placeholder=f"type {self._typed_name}")
            yield Static(id="confirm-hint", markup=False)

    def on_mount(self) -> None:
        how = f"type {self._typed_name} and press enter" if self._typed_name else "y"
        self.hint.update(Content.assemble((how, "bold"), f" {self._agree} · ", ("esc", "bold"), " go back"))

    def action_agree(self) -> None:
        if not self._typed_name:
            self.dismiss(True)

    @on(Input.Submitted)
    def _typed(self, event: Input.Submitted) -> None:
        if event.value.strip() == self._typed_name:
            self.dismiss(True)
        else:
            self.hint.update(
                Content.assemble(("Not the same. ", "$danger"), f"Type {self._typed_name} exactly, or press esc.")
            )
