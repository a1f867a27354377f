"""What a run has changed, in a sentence for whoever is about to leave it."""

from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.changes import Change, ChangeKind, ChangeState
from debvisor_tui.model.instants import Instant
from debvisor_tui.model.playbook import RunKind
from debvisor_tui.model.run_summary import can_roll_back, changes_so_far
from debvisor_tui.model.states import RunState
from debvisor_tui.model.views import RunSummary, RunView

OLD, NEW = Artifact("v1", {"commit": "1" * 40}), Artifact("v2", {"commit": "2" * 40})


def view(*changes: Change) -> RunView:
    run = RunSummary(1, RunKind.RELEASE, None, "panel", OLD, NEW, RunState.WAITING, "anna", Instant(0.0), None, None)
    return RunView(run, (), None, (), changes, (), 0)


def test_nothing_and_a_backup_alone_leave_nothing_to_roll_back() -> None:
    assert changes_so_far(view()) == "Nothing has been changed so far."
    backup = Change(1, "backup", ChangeKind.BACKUP, "f", ChangeState.DONE, {}, {"tag": "pre-deploy-v2"})
    assert changes_so_far(view(backup)) == "Changed so far: backup pre-deploy-v2."
    assert can_roll_back(view(backup)).startswith("Nothing has been changed yet")


def test_an_own_step_that_was_tried_again_is_said_once_as_its_last_attempt_ended() -> None:
    def drain(number: int, state: ChangeState) -> Change:
        return Change(number, "drain", ChangeKind.OWN, "drain", state, {"undo": ["rm", "drained"]}, {})

    failed, done = drain(1, ChangeState.FAILED), drain(2, ChangeState.DONE)
    assert changes_so_far(view(failed)) == "Changed so far: drain (failed in mid-work)."
    assert changes_so_far(view(failed, done)) == "Changed so far: drain."
    assert changes_so_far(view(done, drain(3, ChangeState.INTENDED))) == (
        "Changed so far: drain (begun; not known whether done)."
    )


def test_what_was_moved_in_two_attempts_is_said_with_both() -> None:
    up = [
        Change(n, "upgrade", ChangeKind.DATABASE, "db", state, {"revision": before}, {"revision": after})
        for n, state, before, after in (
            (1, ChangeState.FAILED, "a1", "b2"),
            (2, ChangeState.DONE, "b2", "c3"),
        )
    ]
    assert changes_so_far(view(*up)) == "Changed so far: database a1 → b2 (failed in mid-work), database b2 → c3."
