"""What the message line says."""

from dataclasses import dataclass, replace

from textual.content import Content

from debvisor_tui.ui.drawing import line


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
