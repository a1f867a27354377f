"""Artifacts: a release as it can be put in place, whatever its source is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

SHORT = 12  # characters of an identity, for people


@dataclass(frozen=True, slots=True)
class Artifact:
    """`version`: its name for people. `identity`: what it is exactly, the telling part first.

    A git source has {"commit": full sha, "environment"?: the name of its Python environment}; an image source
    {"id": …, "digest": …, "reference": …}. Empty: not known.
    """

    version: str = ""
    identity: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What its identity is called: "commit"."""
        return next(iter(self.identity), "")

    @property
    def exact(self) -> str:
        """The telling part of its identity, or ""."""
        return next(iter(self.identity.values()), "")

    @property
    def short(self) -> str:
        return self.exact[:SHORT]

    def __str__(self) -> str:
        """For a sentence: "v1.2.0 (3f2a91c0aab1)"."""
        return f"{self.version} ({self.short})" if self.version and self.exact else self.version or self.short

    @property
    def environment(self) -> str:
        """The name of what it runs in, beside its code; "" if it has none of its own, or that is not known."""
        return self.identity.get("environment", "")

    def is_same_code(self, other: "Artifact") -> bool:
        """Whether both are known to be the same code, whatever they are called; in the same environment, too, if both
        have one of their own (an older journal does not tell)."""
        mine, theirs = self.environment, other.environment
        return bool(self.exact) and self.exact == other.exact and (mine == theirs or not mine or not theirs)

    def facts(self) -> dict[str, Any]:
        """As a change holds it: the identity, and the version."""
        return {**self.identity, "version": self.version} if self.identity or self.version else {}

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Self:
        """Of a change's `before` or `after`; what is not a text there is no part of an identity."""
        identity = {key: value for key, value in facts.items() if key != "version" and isinstance(value, str)}
        return cls(str(facts.get("version") or ""), identity)


@dataclass(frozen=True, slots=True)
class Commit:
    """One change of the code between two artifacts. `at`: unix seconds."""

    id: str
    author: str
    at: float
    subject: str

    @property
    def short(self) -> str:
        return self.id[:SHORT]


@dataclass(frozen=True, slots=True)
class Commits:
    """The newest of the commits between two artifacts, newest first, and how many there are in `total`.

    `trunk`: the branch that they are all on: "origin/main".
    """

    commits: tuple[Commit, ...]
    total: int
    trunk: str
