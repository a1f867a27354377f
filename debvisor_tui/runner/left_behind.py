"""What a rollback has left as it was: the database ahead of the code that runs again."""

from dataclasses import replace

from debvisor_tui.model.applied import applied_by
from debvisor_tui.model.changes import Change, ChangeKind, ChangeState
from debvisor_tui.model.playbook import RunKind
from debvisor_tui.model.standing import stands
from debvisor_tui.model.states import RunState
from debvisor_tui.model.views import Now, RunView
from debvisor_tui.store.history import History

PAGE = 50  # runs read at once


def with_left_behind(now: Now, history: History) -> Now:
    """`now`, with a note if its database still is where a release that was rolled back has brought it."""
    note = _note(now, history)
    return replace(now, notes=(*now.notes, note)) if note else now


def _note(now: Now, history: History) -> str:
    """By the newest release that has moved the database: older ones have no say any more."""
    before: int | None = None
    while runs := history.runs(PAGE, before):
        before = runs[-1].id
        for run in runs:
            view = history.run(run.id) if run.kind is RunKind.RELEASE else None
            if view is None:
                continue
            if stands(run.kind, run.state, view.changes):
                return ""  # that one runs now, and the database may well be its own
            moved = _moved(view)
            if not moved:
                continue
            left = [change for change in moved if change.state is not ChangeState.UNDONE]
            still = bool(left) and left[-1].after.get("revision") == now.revision
            if run.state is not RunState.ROLLED_BACK or not still:
                return ""
            count = len(applied_by(left))
            migrations = "1 migration" if count == 1 else f"{count} migrations"
            return (
                f"The database is {migrations} ahead of {run.from_version}: run {run.id} was rolled back without it."
            )
    return ""


def _moved(view: RunView) -> tuple[Change, ...]:
    return tuple(c for c in view.changes if c.kind is ChangeKind.DATABASE and not c.is_noop)
