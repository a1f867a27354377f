"""How much going down would lose, counted on the live database just before it is agreed to."""

import asyncio
from collections.abc import Sequence

from debvisor_tui.config.settings import Settings
from debvisor_tui.model.errors import DebvisorError
from debvisor_tui.tasks.database import open_target


async def count_losses(settings: Settings, names: Sequence[str]) -> dict[str, int | None]:
    """Rows of each "table", values that are not NULL of each "table.column"; None where that cannot be told.

    Reads only, and never raises: what could not be counted is taken for lost by the plan.
    """
    try:
        return await asyncio.to_thread(open_target(settings).count, names)
    except DebvisorError:
        return dict.fromkeys(names)


def in_words(name: str, count: int | None) -> str:
    """ "column node.notes: 12 values", "table node: 1 row", or that it was not counted."""
    kind, unit = ("column", "value") if "." in name else ("table", "row")
    if count is None:
        return f"{kind} {name}: not counted" if " " not in name else name
    return f"{kind} {name}: {count:,} {unit}{'' if count == 1 else 's'}".replace(",", " ")
