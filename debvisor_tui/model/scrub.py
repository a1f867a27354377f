"""What this process must never print: every secret it has had in its hands, for crash output and last words."""

from typing import Any

from debvisor_tui.model.text import Redactor, clean, clean_all

_HANDED_OUT = Redactor()


def remember(*secrets: str) -> None:
    _HANDED_OUT.add(*secrets)


def scrub(text: str) -> str:
    """`text` without control sequences and without any secret that this process knows."""
    return clean(text, _HANDED_OUT)


def scrub_all(value: Any) -> Any:
    """The same all the way down a document of plain data."""
    return clean_all(value, _HANDED_OUT)
