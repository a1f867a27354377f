"""How much going down would lose, counted on the live database just before it is agreed to."""

from collections.abc import Sequence
from typing import Any

from debvisor_tui.adapters.databases import opened
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.errors import DebvisorError
from debvisor_tui.model.evidence import Migration
from debvisor_tui.model.migration_answers import names_taken, planned
from debvisor_tui.model.trial import Trial
from debvisor_tui.model.wording import counted


async def count_losses(settings: Settings, names: Sequence[str]) -> dict[str, int | None]:
    """Rows of each "table", values that are not NULL of each "table.column"; None where that cannot be told.

    Reads only, and never raises: what could not be counted is taken for lost by the plan.
    """
    try:
        return await (await opened(settings)).count(names)
    except DebvisorError:
        return dict.fromkeys(names)


async def plan_entries(
    settings: Settings, migrations: Sequence[Migration], trial: Trial | None
) -> list[dict[str, Any]]:
    """What a DATABASE change keeps of each of `migrations`. What they are about to take away is counted now:
    afterwards nobody can tell what was there."""
    taken = await count_losses(settings, names_taken(migrations, trial))
    return [planned(migration, trial, taken) for migration in migrations]


def in_words(name: str, count: int | None) -> str:
    """How much is in `name`: "12 values", "1 row", "not counted"."""
    if count is None:
        return "not counted"
    return counted(count, "value" if "." in name else "row")
