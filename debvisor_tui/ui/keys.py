"""How a key is declared: one helper for all screens, so that each has an id, a hint and an explanation."""

from textual.binding import Binding

#: Actions whose keys are shown as dangerous, and stand apart from harmless ones.
DANGEROUS = frozenset({"rollback", "abort"})

_DISPLAY = {
    "enter": "enter",
    "escape": "esc",
    "question_mark": "?",
    "slash": "/",
    "full_stop": ".",
    "plus": "+",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "pageup": "pgup",
    "pagedown": "pgdn",
}


def key_name(name: str) -> str:
    """What stands on the key that Textual calls `name`."""
    return _DISPLAY.get(name, name)


def key(
    scope: str,
    keys: str,
    action: str,
    hint: str,
    tooltip: str,
    *,
    show: bool = True,
    display: str | None = None,
    priority: bool = False,
) -> Binding:
    """A binding of `keys` (comma-separated) to `action` on the screen or widget `scope`.

    `hint` is the one or two words of the key bar; `tooltip` the sentence of help and palette. `show`: it is in the
    key bar when it can be used. `priority`: before anything else, also where a dialog is open.
    """
    first = keys.partition(",")[0]
    return Binding(
        keys,
        action,
        hint,
        show=show,
        key_display=display or _DISPLAY.get(first, first),
        tooltip=tooltip,
        priority=priority,
        id=f"{scope}.{action}",
    )
