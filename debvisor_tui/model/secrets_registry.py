"""What this process must never print: every secret it has had in its hands, for crash output and last words."""

from typing import Any

from debvisor_tui.model.changes import ChangeKind, ChangeState
from debvisor_tui.model.checks import CheckState
from debvisor_tui.model.findings import Found
from debvisor_tui.model.gates import Answer, GateKind
from debvisor_tui.model.playbook import RELEASE_STEPS, ROLLBACK_STEPS, Phase, RunKind
from debvisor_tui.model.states import RunState, StepState
from debvisor_tui.model.text import Redactor, clean, clean_all

_HANDED_OUT = Redactor()
#: What stands openly in a config or is a word of the program's own.
_PUBLIC: set[str] = {
    *(s.id for s in (*RELEASE_STEPS, *ROLLBACK_STEPS)),
    *(str(word) for words in (RunKind, Phase, RunState, StepState, ChangeKind, ChangeState) for word in words),
    *(str(word) for words in (GateKind, Answer, Found, CheckState) for word in words),
}


def publish(*texts: str) -> None:
    """Tell of texts that are no secrets, though a secret may be a part of them."""
    _PUBLIC.update(texts)


def is_public(secret: str) -> bool:
    """Whether `secret` is a part of what everybody reads ("debvisor"): striking it out would hide nothing.

    And it would break what the program must read back, such as a path with that word in it.
    """
    return any(secret in text for text in _PUBLIC)


def hidden(secret: str) -> str:
    """What of `secret` is struck out: all of it, or where it is public only a URL's password."""
    return f":{secret}@" if is_public(secret) else secret


def remember(*secrets: str) -> None:
    _HANDED_OUT.add(*map(hidden, secrets))


def scrub(text: str) -> str:
    """`text` without control sequences and without any secret that this process knows."""
    return clean(text, _HANDED_OUT)


def scrub_all(value: Any) -> Any:
    """The same all the way down a document of plain data."""
    return clean_all(value, _HANDED_OUT)
