"""The way back of a release whose rollback was begun before, from a real journal."""

import asyncio
from pathlib import Path
from typing import Any

from debvisor_tui.model.changes import ChangeKind, ChangeState
from debvisor_tui.model.playbook import RunKind
from debvisor_tui.model.rollback import RollbackOptions
from debvisor_tui.model.states import RunState, StepState
from debvisor_tui.model.views import PlannedStep
from debvisor_tui.runner.way_back import plan_way_back
from debvisor_tui.store.history import History
from debvisor_tui.store.journal import Journal, NewRun
from debvisor_tui.ui.past import read_past


def new_run(journal: Journal, steps: tuple[str, ...], of_run: int | None = None) -> int:
    from debvisor_tui.model.playbook import spec

    kind = RunKind.RELEASE if of_run is None else RunKind.ROLLBACK
    specs = [spec(kind, step) for step in steps]
    planned = [PlannedStep(s.id, s.title, s.phase, s.why, ()) for s in specs]
    run = journal.create_run(NewRun(kind, "t", "v1", "1" * 40, "v2", "2" * 40, "anna", planned, of_run=of_run))
    journal.set_run_state(run, RunState.RUNNING)
    return run


def succeed(journal: Journal, run: int, step: str, kind: ChangeKind | None = None, **facts: Any) -> None:
    attempt, _ = journal.start_attempt(run, step)
    if kind is not None:
        change = journal.intend_change(run, attempt, step, kind, "it", facts["before"])
        journal.settle_change(change, ChangeState.DONE, facts["after"])
    journal.end_attempt(attempt, StepState.SUCCEEDED, 1.0)


def test_a_rollback_whose_proof_failed_is_not_the_end_of_all_ways_back(tmp_path: Path) -> None:
    """Else neither that release nor one before it could ever be rolled back again."""
    journal = Journal(tmp_path / "journal.db")
    release = new_run(journal, ("pull", "restart"))
    succeed(journal, release, "pull", ChangeKind.CODE, before={"commit": "1" * 40}, after={"commit": "2" * 40})
    journal.end_run(release, RunState.SUCCEEDED)
    back = new_run(journal, ("revert-release", "restart", "health"), of_run=release)
    succeed(journal, back, "revert-release")
    history = History(journal.path)
    plan = asyncio.run(plan_way_back(None, history, release, RollbackOptions()))  # type: ignore[arg-type]
    assert [a.step for a in plan.enabled] == ["restart", "health"], "its runner is gone: what is left of it"
    succeed(journal, back, "restart")
    attempt, _ = journal.start_attempt(back, "health")
    journal.end_attempt(attempt, StepState.FAILED, 1.0, "503")
    journal.end_run(back, RunState.FAILED)
    plan = asyncio.run(plan_way_back(None, history, back, RollbackOptions()))  # type: ignore[arg-type]
    assert plan.enabled[-1].step == "health"
    assert read_past(history).last == release, "R on home leads to it"
    history.close()
    journal.close()
