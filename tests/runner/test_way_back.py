"""The way back of a release whose rollback was begun before, from a real journal."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from releasing import make_host

from debvisor_tui.config.settings import Settings, StepOverride
from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.changes import ChangeKind, ChangeState
from debvisor_tui.model.errors import UsageError
from debvisor_tui.model.playbook import RunKind
from debvisor_tui.model.rollback import RollbackOptions, RollbackPlan
from debvisor_tui.model.standing import needed_backups
from debvisor_tui.model.states import RunState, StepState
from debvisor_tui.model.views import Now, PlannedStep
from debvisor_tui.runner.left_behind import with_left_behind
from debvisor_tui.runner.rollback_planning import last_release, plan_way_back
from debvisor_tui.store.history import History
from debvisor_tui.store.journal import Journal, NewRun
from debvisor_tui.ui.run_overview import read_past


def new_run(journal: Journal, steps: tuple[str, ...], of_run: int | None = None) -> int:
    from debvisor_tui.model.playbook import spec

    kind = RunKind.RELEASE if of_run is None else RunKind.ROLLBACK
    specs = [spec(kind, step) for step in steps]
    planned = [PlannedStep(s.id, s.title, s.phase, s.why, ()) for s in specs]
    run = journal.create_run(
        NewRun(
            kind,
            "t",
            Artifact("v1", {"commit": "1" * 40}),
            Artifact("v2", {"commit": "2" * 40}),
            "anna",
            planned,
            of_run=of_run,
        )
    )
    journal.set_run_state(run, RunState.RUNNING)
    return run


def succeed(journal: Journal, run: int, step: str, kind: ChangeKind | None = None, **facts: Any) -> None:
    attempt, _ = journal.start_attempt(run, step)
    if kind is not None:
        change = journal.intend_change(run, attempt, step, kind, "it", facts["before"])
        journal.settle_change(change, ChangeState.DONE, facts["after"])
    journal.end_attempt(attempt, StepState.SUCCEEDED, 1.0)


def release(journal: Journal, *, moved: bool, state: RunState = RunState.ABORTED, backup: str = "") -> int:
    """A release that has ended; if nothing moved, its pull failed as on a full disk."""
    run = new_run(journal, ("backup", "pull"))
    if backup:
        succeed(journal, run, "backup", ChangeKind.BACKUP, before={"path": backup}, after={"path": backup})
    attempt, _ = journal.start_attempt(run, "pull")
    old, new = {"commit": "1" * 40}, {"commit": "2" * 40}
    change = journal.intend_change(run, attempt, "pull", ChangeKind.CODE, "checkout", old)
    journal.settle_change(change, ChangeState.DONE if moved else ChangeState.FAILED, new if moved else old)
    journal.end_attempt(attempt, StepState.SUCCEEDED if moved else StepState.FAILED, 1.0)
    journal.end_run(run, state)
    return run


def rolled_back(journal: Journal, run: int) -> None:
    back = new_run(journal, ("revert-release",), of_run=run)
    succeed(journal, back, "revert-release")
    journal.end_run(back, RunState.SUCCEEDED)


@pytest.mark.slow
def test_failed_attempts_that_moved_nothing_hide_no_way_back_and_lose_nothing(tmp_path: Path) -> None:
    """Of many releases in a row, with failed ones between: rollback, home, prune and retention agree what stands."""
    journal = Journal(tmp_path / "journal.db")
    first = release(journal, moved=True, state=RunState.SUCCEEDED, backup="/b/first")
    second = release(journal, moved=True, state=RunState.SUCCEEDED, backup="/b/second")
    attempts = [release(journal, moved=False, backup=f"/b/{n}") for n in range(25)]  # more than any screen shows
    history = History(journal.path)

    def plan(run: int) -> RollbackPlan:
        return asyncio.run(plan_way_back(None, history, run, RollbackOptions()))  # type: ignore[arg-type]

    def agree(stands: int) -> None:
        assert last_release(history).id == stands
        assert read_past(history).last == stands, "R on home"
        assert "revert-release" in [action.step for action in plan(stands).enabled]
        needed = {str(path) for path in needed_backups(found.changes for found in history.standing())}
        assert f"/b/{'second' if stands == second else 'first'}" in needed

    agree(second)
    assert plan(attempts[-1]).enabled == (), "there is nothing to undo of one that moved nothing"
    with pytest.raises(UsageError, match=rf"Run {first} is not the last one: v2 \(run {second}\) came after it"):
        plan(first)
    assert first in journal.prune(1)
    assert second not in journal.prune(1), "what stands is kept, however many runs came after it"
    agree(second)
    third = release(journal, moved=True, state=RunState.FAILED)
    with pytest.raises(UsageError, match=rf"Run {second} is not the last one"):
        plan(second)
    rolled_back(journal, third)
    agree(second)
    rolled_back(journal, second)
    assert read_past(history).last is None
    with pytest.raises(UsageError, match="There is no release to roll back"):
        last_release(history)
    history.close()
    journal.close()


@pytest.mark.slow
def test_a_database_that_a_rollback_left_ahead_of_the_code_is_said(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    run = new_run(journal, ("pull", "upgrade"))
    succeed(journal, run, "pull", ChangeKind.CODE, before={"commit": "1" * 40}, after={"commit": "2" * 40})
    before = {"revision": "a1", "pending": [{"revision": "b2"}, {"revision": "c3"}]}
    succeed(journal, run, "upgrade", ChangeKind.DATABASE, before=before, after={"revision": "c3"})
    journal.end_run(run, RunState.SUCCEEDED)
    history = History(journal.path)
    now = Now("v1", Artifact("v1", {"commit": "1" * 40}), "c3", ())
    assert with_left_behind(now, history).notes == (), "it was not rolled back"
    rolled_back(journal, run)
    said = f"The database is 2 migrations ahead of v1: run {run} was rolled back without it."
    assert with_left_behind(now, history).notes == (said,)
    assert with_left_behind(replace(now, revision="a1"), history).notes == (), "somebody has taken it down since"
    for _ in range(60):
        release(journal, moved=False)
    assert with_left_behind(now, history).notes == (said,), "however many runs came after it"
    release(journal, moved=True, state=RunState.SUCCEEDED)
    assert with_left_behind(now, history).notes == (), "a newer release with the same migration runs on it now"
    history.close()
    journal.close()


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


def test_a_restart_that_will_fail_is_known_before_the_way_back_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Masked:
        async def obstacles(self) -> tuple[str, ...]:
            return ("panel.service: it is masked",)

    monkeypatch.setattr("debvisor_tui.tasks.plan.open_platform", lambda _: Masked())
    settings = make_host(tmp_path / "host").settings()
    journal = Journal(tmp_path / "journal.db")
    release = new_run(journal, ("pull", "restart"))
    succeed(journal, release, "pull", ChangeKind.CODE, before={"commit": "1" * 40}, after={"commit": "2" * 40})
    journal.end_run(release, RunState.SUCCEEDED)
    history = History(journal.path)

    def plan(settings: Settings, **options: bool) -> RollbackPlan:
        return asyncio.run(plan_way_back(settings, history, release, RollbackOptions(), **options))

    told = "The restart may fail: panel.service: it is masked"
    assert told in plan(settings, all_rows=True).warnings
    assert told not in plan(settings).warnings, "the runner itself does not wait for it"
    by_hand = settings.model_copy(update={"steps": {"restart": StepOverride(command=("true",))}})
    assert told not in plan(by_hand, all_rows=True).warnings
    history.close()
    journal.close()
