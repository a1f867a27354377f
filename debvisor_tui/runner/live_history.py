"""Runs as they stand: one that should have a runner, and has none, is interrupted, whatever the journal says."""

from dataclasses import replace

from debvisor_tui.model.states import ACTIVE_RUN_STATES, RunState
from debvisor_tui.model.views import RunSummary, RunView
from debvisor_tui.runner.lock import find_holder
from debvisor_tui.runner.paths import TargetPaths
from debvisor_tui.store.history import History

#: What the journal says of a run only while a runner has it in hand.
IN_HAND = ACTIVE_RUN_STATES | {RunState.ROLLING_BACK}


class LiveHistory(History):
    """The journal for whoever shows it. A runner that was killed could not write that it was: the lock tells."""

    def __init__(self, places: TargetPaths) -> None:
        super().__init__(places.journal)
        self._places = places

    def runs(self, limit: int = 200, before: int | None = None) -> list[RunSummary]:
        free = self._free()
        return [self._as_it_stands(run, free=free) for run in super().runs(limit, before)]

    def summary(self, run: int) -> RunSummary | None:
        free = self._free()
        found = super().summary(run)
        return found and self._as_it_stands(found, free=free)

    def active(self) -> RunSummary | None:
        free = self._free()
        found = super().active()
        return found and self._as_it_stands(found, free=free)

    def run(self, run: int) -> RunView | None:
        free = self._free()
        view = super().run(run)
        return view and replace(view, run=self._as_it_stands(view.run, free=free))

    def _free(self) -> bool:
        holder = find_holder(self._places)
        return holder is None or not holder.is_runner

    def _as_it_stands(self, run: RunSummary, *, free: bool) -> RunSummary:
        """`free`: nobody held the target before `run` was read. Asked again after it: a runner may just have come."""
        if run.state in IN_HAND and free and self._free():
            return replace(run, state=RunState.INTERRUPTED)
        return run
