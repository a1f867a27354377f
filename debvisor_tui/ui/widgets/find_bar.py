"""The line under a log in which the words to look for are typed."""

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label

from debvisor_tui.ui.keys import key
from debvisor_tui.ui.widgets.field import Field


class FindBar(Horizontal):
    BINDINGS: ClassVar[list[BindingType]] = [key("find", "escape", "close", "close", "Close the search", show=False)]
    DEFAULT_CSS = """
    FindBar { height: 1; display: none; background: $panel; }
    FindBar.-open { display: block; }
    FindBar Label { width: auto; color: $accent; }
    FindBar Input { width: 1fr; height: 1; border: none; padding: 0; background: $panel; }
    FindBar Input:focus { border: none; }
    """

    @dataclass
    class Asked(Message):
        """`text` is to be found; "" ends the search."""

        text: str

    def compose(self) -> ComposeResult:
        yield Label(" find: ", markup=False)
        field = Field(placeholder="words in this log, then enter", max_length=200)
        field.cursor_blink = False
        yield field

    @property
    def is_open(self) -> bool:
        return self.has_class("-open")

    def open(self) -> None:
        self.add_class("-open")
        self.query_one(Input).focus()

    def close(self) -> None:
        self.remove_class("-open")
        self.query_one(Input).value = ""

    def action_close(self) -> None:
        self.close()
        self.post_message(self.Asked(""))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.remove_class("-open")
        self.post_message(self.Asked(event.value.strip()))
