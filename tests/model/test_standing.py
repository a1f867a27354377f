"""What still stands, over every state of a run and of a change."""

from itertools import product
from pathlib import Path

from debvisor_tui.model.changes import Change, ChangeKind, ChangeState
from debvisor_tui.model.playbook import RunKind
from debvisor_tui.model.standing import LASTING, lasts, needed_backups, stands
from debvisor_tui.model.states import BEGUN_ROLLBACK_STATES, RunState

OLD, NEW = (
    {"commit": "1", "id": "1", "revision": "1", "pid": 1, "ticks": 1},
    {"commit": "2", "id": "2", "revision": "2"},
)


def change(kind: ChangeKind, state: ChangeState, *, moved: bool) -> Change:
    after = {} if state is ChangeState.INTENDED else NEW if moved else OLD
    return Change(1, "step", kind, "it", state, OLD, after)


def test_only_a_release_that_moved_something_lasting_stands() -> None:
    for kind, state, moved, run in product(ChangeKind, ChangeState, (True, False), RunState):
        found = stands(RunKind.RELEASE, run, [change(kind, state, moved=moved)])
        lasting = kind in LASTING and state is not ChangeState.UNDONE
        # Without an outcome it may have happened; a command of the config's own tells nothing of what it moved.
        lasting = lasting and (moved or state is ChangeState.INTENDED or kind is ChangeKind.OWN)
        assert found == (run is not RunState.ROLLED_BACK and (lasting or run in BEGUN_ROLLBACK_STATES))
        assert not stands(RunKind.ROLLBACK, run, [change(kind, state, moved=True)])


def test_the_backups_of_the_newest_two_that_stand_are_needed() -> None:
    def backup(name: str) -> Change:
        return Change(1, "backup", ChangeKind.BACKUP, name, ChangeState.DONE, {}, {"path": name})

    code = change(ChangeKind.CODE, ChangeState.DONE, moved=True)
    standing = [(backup("/b/3"), code), (code, backup("/b/2")), (backup("/b/1"),)]
    assert list(needed_backups(standing)) == [Path("/b/3"), Path("/b/2")]
    assert list(needed_backups([])) == []


def test_what_only_an_own_step_has_done_displaces_no_backup() -> None:
    def backup(name: str) -> Change:
        return Change(1, "backup", ChangeKind.BACKUP, "", ChangeState.DONE, {}, {"path": f"/backups/{name}"})

    def own(done: bool) -> Change:
        return Change(2, "page", ChangeKind.OWN, "", ChangeState.DONE, {"undo": ["x"]}, {"done": done})

    code = Change(3, "pull", ChangeKind.CODE, "", ChangeState.DONE, {"commit": "1"}, {"commit": "2"})
    aborted = [(backup(f"a{n}"), own(True)) for n in range(5)]
    needed = needed_backups([*aborted, (backup("new"), code), (backup("old"), code), (backup("older"), code)])
    assert [path.name for path in needed] == ["new", "old"]
    assert not lasts(own(False)), "inspection has found that it was not done"
