"""What home knows of the runs: read in a thread, after the first paint, which does not wait for these imports."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from debvisor_tui.model.changes import ChangeKind, ChangeState
from debvisor_tui.model.playbook import RunKind
from debvisor_tui.model.states import RunState
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
    last = next((r.id for r in runs if r.kind is RunKind.RELEASE and _stands(history.run(r.id))), None)
    return Past(runs, history.run(active.id) if active is not None else None, last)


def _stands(view: RunView | None) -> bool:
    """Whether a release left something that a rollback could undo, or has not finished."""
    if view is None or view.run.state is RunState.ROLLED_BACK:
        return False
    if view.run.state is RunState.ROLLBACK_FAILED:  # if only the proof is missing, that is still to be given
        return True
    return any(c.kind is not ChangeKind.BACKUP and c.state is not ChangeState.UNDONE for c in view.changes)
