"""How much going down would lose, counted on the live database just before it is agreed to."""

from collections.abc import Sequence

from debvisor_tui.adapters.databases import opened
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.errors import DebvisorError
from debvisor_tui.model.evidence import Migration
from debvisor_tui.model.wording import counted


async def count_losses(settings: Settings, names: Sequence[str]) -> dict[str, int | None]:
    """Rows of each "table", values that are not NULL of each "table.column"; None where that cannot be told.

    Reads only, and never raises: what could not be counted is taken for lost by the plan.
    """
    try:
        return await (await opened(settings)).count(names)
    except DebvisorError:
        return dict.fromkeys(names)


async def count_taken(settings: Settings, migrations: Sequence[Migration]) -> dict[str, int | None]:
    """What `migrations` are about to take away, counted now: afterwards nobody can tell what was there."""
    names = [op.drops for m in migrations for op in m.operations if op.destructive and op.drops]
    return await count_losses(settings, list(dict.fromkeys(names)))


def in_words(name: str, count: int | None) -> str:
    """How much is in `name`: "12 values", "1 row", "not counted"."""
    if count is None:
        return "not counted"
    return counted(count, "value" if "." in name else "row")
