"""Sizes, counts and names as people read them."""

from debvisor_tui.model.text import one_line


def name_of(operator: str) -> str:
    """The name in "anna (10.0.0.7)"."""
    return operator.partition(" (")[0]


def tell_apart(who: str, me: str) -> str:
    """The name of `who` ("root (pts/4)"); with the terminal or address too where it is the name of `me` as well."""
    return one_line(who, 80) if name_of(who) == name_of(me) else name_of(who)


def format_count(count: int) -> str:
    """`count` in groups of three: "81 204"."""
    return f"{count:,}".replace(",", " ")
