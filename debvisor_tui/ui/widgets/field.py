"""A line to type into; what is pasted there is foreign text, too."""

from typing import cast

from textual import events
from textual.widgets import Input

from debvisor_tui.model.text import sanitise
from debvisor_tui.ui.asks import Asks
from debvisor_tui.ui.navigator import Navigator


class Field(Input):
    def replace(self, text: str, start: int, end: int) -> None:
        """As Input's, through which all goes that is typed and pasted, but without control sequences.

        Judged with what stands before it: a combining mark is typed after its letter.
        """
        at = min(start, end)
        safe = sanitise(self.value[:at] + text)[at:].replace("\t", " ")
        super().replace(safe, start, end)


class AnswerField(Field):
    """The field of a dialog. Enter ends the text once; what is typed behind it, in the same packet, is not part of
    it."""

    def __init__(self, *, placeholder: str, max_length: int) -> None:
        super().__init__(placeholder=placeholder, max_length=max_length, select_on_focus=False)
        self.cursor_blink = False
        self._ended = False

    def again(self, placeholder: str) -> None:
        """What was typed is not enough: it is asked for once more."""
        self._ended = False
        self.value = ""
        self.placeholder = placeholder

    async def _on_key(self, event: events.Key) -> None:
        # Here and not by a binding: bindings are looked up later, when the keys behind this one are typed already.
        if self._ended:
            event.stop()
            event.prevent_default()
        elif event.key == "enter":
            event.stop()
            event.prevent_default()
            hand = cast(Navigator, self.app).hand
            if hand.ends_a_text(event, cast(Asks[object], self.screen).asked_at):
                self._ended = True
                self.post_message(self.Submitted(self, self.value))
