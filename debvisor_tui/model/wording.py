"""Small pieces of sentences that many places say alike."""

from collections.abc import Sequence

from debvisor_tui.model.text import one_line


def counted(number: int, noun: str) -> str:
    """ "1 commit", "3 commits"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(names: Sequence[str], limit: int = 10) -> str:
    """The first `limit` of `names`, made safe (a file may be called anything), and how many more there are."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(one_line(name, 200) for name in names[:limit]) + more
