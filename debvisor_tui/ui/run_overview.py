"""What home knows of the runs: read in a thread, after the first paint, which does not wait for these imports."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from debvisor_tui.model.views import RunSummary, RunView

if TYPE_CHECKING:
    from debvisor_tui.store.history import History

SHOWN = 12  # runs


@dataclass(frozen=True)
class Past:
    """`active`: the run in progress, or interrupted. `last`: the newest release that can be rolled back."""

    runs: tuple[RunSummary, ...] = ()
    active: RunView | None = None
    last: int | None = None


def read_past(history: "History") -> Past:
    runs = tuple(history.runs(limit=SHOWN))
    active = history.active()
    last = next(history.standing(), None)
    return Past(runs, history.run(active.id) if active is not None else None, last.id if last is not None else None)
