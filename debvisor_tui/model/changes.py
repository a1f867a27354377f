"""Changes: the recorded side effects of a run, each with what stood before and what stands after."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.services import FOR_PEOPLE

#: What a JSON column holds: strings, numbers, booleans, None, lists and mappings of these.
Facts = Mapping[str, Any]


class ChangeKind(StrEnum):
    """What was changed; `before` and `after` hold the keys named here.

    CODE      Artifact.facts(): {"commit": full sha, "environment"?, "version": tag or describe}; in `before` also
              "stays"?: [what putting the code back leaves as the release has made it]
    IMAGE     Artifact.facts(): {"id": config digest, "digest": manifest digest, "reference", "version"}
    DATABASE  {"revision": alembic revision or None}; in `before` also "pending": [{"revision", "message",
              "destructive", "irreversible", "drops": what going down takes away, "takes": {what going up
              takes away: how many values or rows that were, None if not counted}}], oldest first
    PROCESS   ServiceState.facts(): {"pid": int, "ticks": int, "started": unix seconds, "text"} (or units …)
    OWN       {"undo": argv, "shown", "place": see playbook.undo_place} in `before`, {"done": bool} in `after`
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
    def is_noop(self) -> bool:
        """Whether it is known that what stood before still stood after; without an outcome nothing is known."""
        match self.kind:
            case ChangeKind.CODE | ChangeKind.IMAGE:
                return Artifact.from_facts(self.before).is_same_code(Artifact.from_facts(self.after))
            case ChangeKind.DATABASE:
                both = "revision" in self.before and "revision" in self.after
                return both and bool(self.before["revision"] == self.after["revision"])
            case ChangeKind.PROCESS:
                before, after = _identity(self.before), _identity(self.after)
                return bool(before) and before == after
            case ChangeKind.OWN:
                return self.after.get("done") is False
            case _:
                return False


def _identity(facts: Facts) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if key not in FOR_PEOPLE}
