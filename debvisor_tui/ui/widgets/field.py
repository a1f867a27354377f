"""A line to type into; what is pasted there is foreign text, too."""

from textual.widgets import Input

from debvisor_tui.model.text import sanitise


class Field(Input):
    def replace(self, text: str, start: int, end: int) -> None:
        """As Input's, through which all goes that is typed and pasted, but without control sequences.

        Judged with what stands before it: a combining mark is typed after its letter.
        """
        at = min(start, end)
        safe = sanitise(self.value[:at] + text)[at:].replace("\t", " ")
        super().replace(safe, start, end)
