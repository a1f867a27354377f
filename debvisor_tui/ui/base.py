"""The screen that all screens are: it knows the session, says why a key does nothing now, and feeds the key bar."""

from collections.abc import Iterator
from typing import cast

from textual.binding import Binding
from textual.screen import ModalScreen, ScreenResultType

from debvisor_tui.model.errors import DebvisorError
from debvisor_tui.ui.asks import Asks
from debvisor_tui.ui.navigator import Navigator
from debvisor_tui.ui.session import Session


class DebvisorScreen(Asks[ScreenResultType]):
    """Actions are Textual's; before one of them runs by key, button or palette the app asks `refusal` about it."""

    @property
    def debvisor(self) -> Navigator:
        return cast(Navigator, self.app)

    @property
    def session(self) -> Session:
        return self.debvisor.session

    def on_screen_resume(self) -> None:
        from debvisor_tui.ui.widgets.message_line import MessageLine

        for line in self.query(MessageLine):
            line.tell(self.debvisor.message)

    def refusal(self, action: str) -> str:
        """Why `action` cannot be done now, in one sentence, or "" if it can. Refused actions leave the key bar."""
        return ""

    def danger(self, action: str) -> bool:
        """Whether the key bar shows the action as one that is hard to take back."""
        from debvisor_tui.ui.keys import DANGEROUS

        return action in DANGEROUS

    def key_hints(self) -> Iterator[Binding]:
        """What the key bar shows: the shown bindings that can be used now, one for each action, in their order."""
        seen: set[str] = set()
        for bindings in self._bindings.key_to_bindings.values():
            for binding in bindings:
                if binding.show and binding.action not in seen and not self.refusal(binding.action):
                    seen.add(binding.action)
                    yield binding
        yield from self.app._bindings.key_to_bindings.get("question_mark", ())

    def refresh_keys(self) -> None:
        """Tell the key bar that what can be done has changed."""
        from debvisor_tui.ui.widgets.key_bar import KeyBar

        for bar in self.query(KeyBar):
            bar.refresh()

    def say(self, text: str, *, wrong: bool = False) -> None:
        """Say it to the operator on the message line; `text` may hold foreign text, it is never markup."""
        self.debvisor.say(text, wrong=wrong)

    def say_error(self, error: DebvisorError) -> None:
        self.say(str(error), wrong=True)


class DebvisorModal(Asks[ScreenResultType], ModalScreen[ScreenResultType]):
    """A question in front of the screen that asks it; it is answered once."""

    def __init__(self, *, classes: str | None = None) -> None:
        super().__init__(classes=classes)
        self._answered = False

    @property
    def debvisor(self) -> Navigator:
        return cast(Navigator, self.app)

    @property
    def session(self) -> Session:
        return self.debvisor.session

    def answer(self, result: ScreenResultType) -> None:
        """Dismiss with `result`, the first time: a second key in the same packet must not take the screen below
        along."""
        if not self._answered:
            self._answered = True
            self.dismiss(result)
