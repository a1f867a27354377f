"""Evidence: the facts that a step establishes. Tasks write them, the journal keeps them, screens show them.

Names and the shape of `value`, by step (times are unix seconds, latencies milliseconds):

=================  ==========  ==================================================================================
step               name        value
=================  ==========  ==================================================================================
review             commits     {"from", "to": identities, "from_version", "to_version", "trunk": "origin/main",
                               "commits": [{"commit", "author", "at", "subject"}]}, newest first
review, ci, …      attested    {"by": "anna (10.0.0.7)", "at", "statement"}
ci                 checks      {"commit", "checks": [{"name", "result": passed|failed|pending|unknown,
                               "seconds"?, "detail"?}]}
backup             backup      {"tag", "path", "bytes", "sha256", "revision", "seconds"}
backup             verified    {"integrity": "ok", "read_back": bool, "restored": bool | None, "rows": {table: n}}
migration-check,   migrations  {"current", "head", "pending": [Migration.to_json(), …], oldest first, "elsewhere":
upgrade                        folder that the migrations were found in, if it is not the release's}
migration-check    environment {"name", "path", "built": it was not there before, "seconds"?} of the release
migration-check,   trial       Trial.to_json() and "artifact": what came of trying them on a copy (model/trial.py)
upgrade
pull               code        {"label": "commit", "before", "after", "before_version", "after_version", "files"?}
upgrade            revisions   {"before", "after", "applied": [{"revision", "message", "seconds"}]}
restart            process     {"before": ServiceState.facts() | None, "after": the same}
pull, restart      baseline    {"requests", "error_rate", "p50", "p95", "p99", "seconds"} of the old process
health             probe       {"name": live|ready, "status": int | None, "ms", "ok", "in_a_row", "text",
                               "parts"?: {"database": "ok", …}}, one a probe
smoke              request     {"name", "method", "url", "status": int | None, "ms", "ok", "text"}, one a request
monitor            watch       {"duration", "interval", and the Thresholds}: by what it is watched, and how long
monitor            verdict     Verdict.to_json()
revert-database    revisions   as `upgrade`
revert-release     code        as `pull`
restore-backup     restored    {"tag", "path", "revision", "rows": {table: n}}
any                inspection  {"found": done|not done|partly done|unknown}
=================  ==========  ==================================================================================
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Evidence:
    """`text` says the fact in one line for people; `value` holds it for screens and programs."""

    step: str
    name: str
    text: str
    value: Mapping[str, Any]
    at: float  # unix seconds
    attempt: int | None = None


class Effect(StrEnum):
    """What an operation does to data and to the release from before."""

    NONE = ""
    DESTROYS = "destroys"
    BREAKS = "breaks"  # the release from before does not run on it; no data is lost
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a migration. `drops`: what it takes away, as "table" or "table.column", else "".

    `destructive`: it takes something away, breaks the release from before, or may. `unknown`: it may.
    """

    text: str
    destructive: bool = False
    drops: str = ""
    unknown: bool = False

    @property
    def effect(self) -> Effect:
        if not self.destructive:
            return Effect.NONE
        if self.drops:
            return Effect.DESTROYS
        return Effect.UNKNOWN if self.unknown else Effect.BREAKS


@dataclass(frozen=True, slots=True)
class Migration:
    """One revision. `unknown` says why its operations could not be told; then it counts as destructive.

    `irreversible` says why there is no way down, or "".
    """

    revision: str
    message: str
    operations: tuple[Operation, ...] = ()
    down: tuple[Operation, ...] = ()
    unknown: str = ""
    irreversible: str = ""
    sql: str = ""
    down_revision: str | None = field(default=None)

    @property
    def destructive(self) -> bool:
        return bool(self.unknown) or any(op.destructive for op in self.operations)

    @property
    def drops_on_the_way_down(self) -> tuple[str, ...]:
        return tuple(op.drops for op in self.down if op.drops)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        known = {k: v for k, v in data.items() if k not in {"operations", "down"}}
        return cls(
            operations=tuple(map(_operation, data.get("operations", ()))),
            down=tuple(map(_operation, data.get("down", ()))),
            **known,
        )


def _operation(data: Mapping[str, Any]) -> Operation:
    """An older journal does not tell what is unknown from what only breaks: it is not said to lose nothing."""
    untold = bool(data.get("destructive")) and not data.get("drops")
    return Operation(**{"unknown": untold, **data})
