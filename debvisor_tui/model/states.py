"""The states of a run, a step, a change, and the only legal ways from one to the next (DESIGN, "A run's life")."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from debvisor_tui.model.changes import ChangeState


class RunState(StrEnum):
    PLANNED = "planned"
    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABORTED = "aborted"
    ROLLING_BACK = "rolling-back"
    ROLLED_BACK = "rolled-back"
    ROLLBACK_FAILED = "rollback-failed"
    INTERRUPTED = "interrupted"


class StepState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    INTERRUPTED = "interrupted"


_R = RunState
_S = StepState

RUN_TRANSITIONS: Mapping[RunState, frozenset[RunState]] = {
    _R.PLANNED: frozenset({_R.RUNNING, _R.WAITING, _R.ABORTED, _R.INTERRUPTED}),
    _R.RUNNING: frozenset({_R.WAITING, _R.SUCCEEDED, _R.FAILED, _R.ABORTED, _R.ROLLING_BACK, _R.INTERRUPTED}),
    _R.WAITING: frozenset({_R.RUNNING, _R.FAILED, _R.ABORTED, _R.ROLLING_BACK, _R.INTERRUPTED}),
    # An ended release can still be rolled back, and a failed rollback tried again.
    _R.SUCCEEDED: frozenset({_R.ROLLING_BACK}),
    _R.FAILED: frozenset({_R.ROLLING_BACK}),
    _R.ABORTED: frozenset({_R.ROLLING_BACK}),
    _R.ROLLING_BACK: frozenset({_R.ROLLED_BACK, _R.ROLLBACK_FAILED}),
    _R.ROLLBACK_FAILED: frozenset({_R.ROLLING_BACK}),
    _R.ROLLED_BACK: frozenset(),
    _R.INTERRUPTED: frozenset({_R.RUNNING, _R.WAITING, _R.FAILED, _R.ABORTED, _R.ROLLING_BACK}),
}

STEP_TRANSITIONS: Mapping[StepState, frozenset[StepState]] = {
    _S.PENDING: frozenset({_S.RUNNING, _S.SKIPPED}),
    _S.RUNNING: frozenset({_S.SUCCEEDED, _S.FAILED, _S.CANCELLED, _S.INTERRUPTED}),
    _S.FAILED: frozenset({_S.RUNNING, _S.SKIPPED}),
    _S.CANCELLED: frozenset({_S.RUNNING, _S.SKIPPED}),
    # Inspection may find that the interrupted work was done; the operator then lets it stand.
    _S.INTERRUPTED: frozenset({_S.RUNNING, _S.SKIPPED, _S.SUCCEEDED}),
    _S.SUCCEEDED: frozenset(),
    _S.SKIPPED: frozenset(),
}

_C = ChangeState

CHANGE_TRANSITIONS: Mapping[ChangeState, frozenset[ChangeState]] = {
    # A rollback undoes also what only may have happened.
    _C.INTENDED: frozenset({_C.DONE, _C.FAILED, _C.UNDONE}),
    _C.DONE: frozenset({_C.UNDONE}),
    _C.FAILED: frozenset({_C.UNDONE}),
    _C.UNDONE: frozenset(),
}

#: A run in one of these states has (or should have) a runner.
ACTIVE_RUN_STATES = frozenset({_R.PLANNED, _R.RUNNING, _R.WAITING})

#: A run in one of these states needs nobody any more, unless somebody rolls it back.
ENDED_RUN_STATES = frozenset({_R.SUCCEEDED, _R.FAILED, _R.ABORTED, _R.ROLLED_BACK, _R.ROLLBACK_FAILED})

#: A release in one of these states has a rollback that was begun and not (yet) brought to its end.
BEGUN_ROLLBACK_STATES = frozenset({_R.ROLLING_BACK, _R.ROLLBACK_FAILED})

#: A step in one of these states does not hold the run back.
DONE_STEP_STATES = frozenset({_S.SUCCEEDED, _S.SKIPPED})


class IllegalTransition(ValueError):
    """A bug in this program: a state was asked for that the table does not allow."""


State = TypeVar("State", RunState, StepState, ChangeState)

_TABLES: Mapping[type[StrEnum], Mapping[Any, frozenset[Any]]] = {
    RunState: RUN_TRANSITIONS,
    StepState: STEP_TRANSITIONS,
    ChangeState: CHANGE_TRANSITIONS,
}


def advance(old: State, new: State) -> State:
    """Return `new` if the table allows `old` → `new`; raise :class:`IllegalTransition` otherwise."""
    if new not in _TABLES[type(old)][old]:
        raise IllegalTransition(f"{type(old).__name__}: {old} -> {new}")
    return new
