"""Changes: the recorded side effects of a run, each with what stood before and what stands after."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

#: What a JSON column holds: strings, numbers, booleans, None, lists and mappings of these.
Facts = Mapping[str, Any]


class ChangeKind(StrEnum):
    """What was changed; `before` and `after` hold the keys named here.

    CODE      {"commit": full sha, "version": tag or describe}
    IMAGE     {"id": config digest, "digest": manifest digest, "tag": …}
    DATABASE  {"revision": alembic revision or None}; in `before` also "pending": [{"revision", "message",
              "destructive", "irreversible", "drops": what going down takes away, "takes": {what going up
              takes away: how many values or rows that were, None if not counted}}], oldest first
    PROCESS   {"pid": int, "started": unix seconds, "ticks": int} (or units, containers, replicas)
    BACKUP    {"tag": …, "path": …, "sha256": …, "bytes": int, "revision": …} in `after`
    """

    CODE = "code"
    IMAGE = "image"
    DATABASE = "database"
    PROCESS = "process"
    BACKUP = "backup"
    OWN = "own"


class ChangeState(StrEnum):
    """INTENDED is committed before the side effect: a change left so may or may not have happened."""

    INTENDED = "intended"
    DONE = "done"
    FAILED = "failed"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class Change:
    id: int
    step: str
    kind: ChangeKind
    subject: str  # what it is about, for people: "/srv/debvisor", "database panel.db"
    state: ChangeState
    before: Facts = field(default_factory=dict)
    after: Facts = field(default_factory=dict)
    at: float = 0.0  # unix seconds of the intent

    @property
    def moved_nothing(self) -> bool:
        """Whether it is known that what stood before still stood after; without an outcome nothing is known."""
        keys = _TELLING.get(self.kind, ())
        return bool(keys) and all(
            key in self.after and key in self.before and self.after[key] == self.before[key] for key in keys
        )


#: By which facts two states of one kind are told apart.
_TELLING: Mapping[ChangeKind, tuple[str, ...]] = {
    ChangeKind.CODE: ("commit",),
    ChangeKind.IMAGE: ("id",),
    ChangeKind.DATABASE: ("revision",),
    ChangeKind.PROCESS: ("pid", "ticks"),
}
