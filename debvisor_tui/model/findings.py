"""What inspection of the world found of a step's work that was under way, or that may be done already."""

from dataclasses import dataclass
from enum import StrEnum


class Found(StrEnum):
    DONE = "done"
    NOT_DONE = "not done"
    PARTLY = "partly done"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """`text` gives the evidence in a sentence: "the checkout is at 3f2a91c, which is v1.1.0"."""

    found: Found
    text: str
