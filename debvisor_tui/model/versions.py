"""Version names in the order that people mean: v1.9.0 before v1.10.0, v2.0.0-rc.1 before v2.0.0."""

import difflib
import re
from collections.abc import Iterable

_VERSION = re.compile(r"(\d+(?:\.\d+)*)[-_.]?([0-9A-Za-z.\-_]*)(\+.*)?$")
_POST = re.compile(r"(?:post|p|patch|sp)[.-]?\d*$", re.IGNORECASE)

Key = tuple[bool, tuple[int, ...], int, tuple[tuple[bool, int, str], ...], str]


def version_key(name: str) -> Key:
    """Sorts versions oldest first. Pre-releases come before their release (semver.org, 11); other names first."""
    found = _VERSION.search(name)
    if not found:
        return (False, (), 0, (), name)
    numbers = [int(part) for part in found[1].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    rest = found[2]
    stage = 0 if not rest else 1 if _POST.match(rest) else -1
    parts = re.findall(r"\d+|[A-Za-z]+", rest)
    # Numbers before words, numbers by value: rc.2 before rc.10.
    return (
        True,
        tuple(numbers),
        stage,
        tuple((not p.isdigit(), int(p) if p.isdigit() else 0, p) for p in parts),
        name,
    )


def plain_version(name: str) -> str:
    """`name` without what differs from place to place: the leading "v", "-3-gabc1234" of git describe, build data."""
    return re.sub(r"-\d+-g[0-9a-f]{4,40}$", "", name.strip().partition("+")[0]).lstrip("vV")


def nearest_version(name: str, known: Iterable[str]) -> str:
    """The one of `known` that `name` was most likely meant to be, or ""."""
    candidates = list(known)
    same = [c for c in candidates if plain_version(c) == plain_version(name)]
    return (same or difflib.get_close_matches(name, candidates, n=1, cutoff=0.6) or [""])[0]
