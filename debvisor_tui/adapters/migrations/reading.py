"""What the probe has recorded of a revision, read: its SQL parsed, as the Migration that people see."""

from collections.abc import Mapping
from typing import Any

from debvisor_tui.model.evidence import Migration, Operation


def read_migration(recorded: Mapping[str, Any], dialect: str) -> Migration:
    """`recorded`: as probe_recorder.describe tells it; `dialect`: alembic's name of it."""
    known = {key: value for key, value in recorded.items() if key not in {"operations", "down"}}
    return Migration(
        operations=_read(recorded["operations"], dialect), down=_read(recorded["down"], dialect), **known
    )


def _read(recorded: list[Mapping[str, Any]], dialect: str) -> tuple[Operation, ...]:
    added: set[str] = set()  # tables and columns that this very revision made: nothing in them to lose
    found: list[Operation] = []
    for one in recorded:
        if one["adds"]:
            added.add(str(one["adds"]))
        if one["sql"]:
            from debvisor_tui.adapters.migrations.sql import read_sql  # sqlglot: 0.2 s

            found += read_sql(str(one["sql"]), dialect, added)
        else:
            found.append(Operation(one["text"], one["destructive"], one["drops"], one["unknown"]))
    return tuple(found)
