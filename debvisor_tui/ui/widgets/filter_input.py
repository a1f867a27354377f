"""A one-line field that is typed into all the time, while the list beside it is moved in."""

from textual import events

from debvisor_tui.ui.widgets.field import Field


class FilterInput(Field):
    """`keys`: printable keys that belong to the screen and never to the text."""

    DEFAULT_CSS = """
    FilterInput { background-tint: $background 0%; }
    """

    def __init__(self, keys: str, placeholder: str, *, name: str) -> None:
        super().__init__(placeholder=placeholder, max_length=200, select_on_focus=False, id=name)
        self.cursor_blink = False
        # Inline, for the app's own style of fields would win over this widget's.
        self.styles.height, self.styles.padding, self.styles.border = 1, 0, ("none", "transparent")
        self._screen_keys = keys

    def check_consume_key(self, key: str, character: str | None) -> bool:
        return character not in tuple(self._screen_keys) and super().check_consume_key(key, character)

    async def _on_key(self, event: events.Key) -> None:
        if event.character is not None and event.character in self._screen_keys:
            event.prevent_default()  # keeps Input's own handler from typing it; the screen's binding gets it
