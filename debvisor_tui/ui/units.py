"""Sizes, counts and names as people read them."""


def format_bytes(count: float) -> str:
    """`count` bytes in decimal units: "48.2 MB"."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError("unreachable")


def name_of(operator: str) -> str:
    """The name in "anna (10.0.0.7)"."""
    return operator.partition(" (")[0]


def format_count(count: int) -> str:
    """`count` in groups of three: "81 204"."""
    return f"{count:,}".replace(",", " ")
