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


def format_bytes(count: float) -> str:
    """`count` bytes for people, in decimal units: "812 B", "48.2 MB"."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
