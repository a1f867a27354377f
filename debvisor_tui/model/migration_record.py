"""What a step of a run has found out of the migrations that were pending then, read back from its evidence."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from debvisor_tui.model.evidence import Migration
from debvisor_tui.model.migration_answers import Answer, answers
from debvisor_tui.model.trial import Trial
from debvisor_tui.model.views import RunView


@dataclass(frozen=True, slots=True)
class MigrationRecord:
    """`current`, `head`: where the database stood, and where it was to go; "" is before the first revision. `trial`:
    None if they were not tried."""

    current: str
    head: str
    pending: tuple[Migration, ...]
    trial: Trial | None

    def answered(self) -> Iterator[tuple[Migration, tuple[Answer, ...]]]:
        for migration in self.pending:
            yield migration, answers(migration, self.trial)


def migrations_of(view: RunView, step: str) -> MigrationRecord | None:
    """What `step` found last; None if it has not looked, or has not come so far."""
    looked = view.found(step, "migrations")
    if not looked:
        return None
    found = looked[-1].value
    tried = [e.value for e in view.found(step, "trial") if e.value.get("artifact") == found.get("artifact")]
    return MigrationRecord(
        str(found.get("current") or ""),
        str(found.get("head") or ""),
        tuple(Migration.from_json(m) for m in found.get("pending") or () if isinstance(m, Mapping)),
        Trial.from_json(tried[-1]) if tried else None,
    )
