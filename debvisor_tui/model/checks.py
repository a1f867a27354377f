"""What a look at a target's host found: whether a release could be made here now, part by part."""

from dataclasses import dataclass
from enum import StrEnum


class CheckState(StrEnum):
    GOOD = "good"
    WARNING = "warning"  # a release can be made; this is to be known before
    BAD = "bad"  # it stops a release


@dataclass(frozen=True, slots=True)
class Check:
    """`part`: of the config, such as "source"; `text`: the fact; `fix`: what can be done about it, or ""."""

    part: str
    state: CheckState
    text: str
    fix: str = ""
