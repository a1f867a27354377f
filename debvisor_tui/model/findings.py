"""What inspection of the world found of a step's work that was under way, or that may be done already."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Found(StrEnum):
    DONE = "done"
    NOT_DONE = "not done"
    PARTLY = "partly done"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """`text` gives the evidence in a sentence: "the checkout is at 3f2a91c, which is v1.1.0".

    `stands`: what stands now, in the keys of the step's change (:class:`.changes.ChangeKind`), or {} where that
    cannot be told; it becomes the outcome of a change whose outcome was never recorded.
    """

    found: Found
    text: str
    stands: Mapping[str, Any] = field(default_factory=dict)
