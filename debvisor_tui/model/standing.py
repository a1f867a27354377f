"""What still stands: which releases have left something on the target that a rollback could undo.

Defined once, over all runs of the target and without a limit (DESIGN, "Rollback"): asked by the rollback, home,
history's prune and the retention of backups. A release that has moved nothing does not stand, however it ended.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.changes import Change, ChangeKind, ChangeState
from debvisor_tui.model.playbook import CODE, RunKind
from debvisor_tui.model.states import BEGUN_ROLLBACK_STATES, RunState

#: What a release leaves behind. A restart by itself has nothing to go back to, and a backup is only a file.
LASTING: Final = frozenset({ChangeKind.CODE, ChangeKind.IMAGE, ChangeKind.DATABASE, ChangeKind.OWN})

#: Backups of this many standing releases are kept: the one that goes back first, and the one before it.
BACKUPS_OF: Final = 2


def lasts(change: Change) -> bool:
    """Whether `change` is, or may be, still there: one without an outcome may."""
    return change.kind in LASTING and change.state is not ChangeState.UNDONE and not change.is_noop


def stands(kind: RunKind, state: RunState, changes: Iterable[Change]) -> bool:
    """Whether a run with these `changes` is a release that still stands.

    One whose rollback was begun and not brought to its end does, too: that the old release answers is to be proven.
    """
    if kind is not RunKind.RELEASE or state is RunState.ROLLED_BACK:
        return False
    return state in BEGUN_ROLLBACK_STATES or any(map(lasts, changes))


def needed_artifacts(standing: Iterable[Sequence[Change]]) -> Iterator[Artifact]:
    """What rolling back could put in place, or run once more; `standing` as for :func:`needed_backups`."""
    for changes in standing:
        for change in changes:
            if change.kind in CODE:
                yield Artifact.from_facts(change.before)
                yield Artifact.from_facts(change.after)


def needed_backups(standing: Iterable[Sequence[Change]]) -> Iterator[Path]:
    """The backups that rolling back could need; `standing`: the changes of each release that stands, newest first."""
    # What only a step of the config's own has done is undone without a backup: it displaces none.
    serious = (changes for changes in standing if any(lasts(c) and c.kind is not ChangeKind.OWN for c in changes))
    for _, changes in zip(range(BACKUPS_OF), serious, strict=False):
        for change in changes:
            path = change.after.get("path") or change.before.get("path")
            if change.kind is ChangeKind.BACKUP and path:
                yield Path(str(path))
