"""What people did by hand is kept, whatever became of it, and told beside what runs now."""

import os
from pathlib import Path

import pytest
from other_user import only_root

from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.playbook import RunKind
from debvisor_tui.model.secrets_registry import remember
from debvisor_tui.model.views import Now
from debvisor_tui.runner import by_hand_log
from debvisor_tui.runner.by_hand_log import recorded, with_works_by_hand, works_by_hand
from debvisor_tui.runner.paths import TargetPaths
from debvisor_tui.store.history import History
from debvisor_tui.store.journal import Journal, NewRun


@pytest.fixture
def places(tmp_path: Path) -> TargetPaths:
    made = TargetPaths(tmp_path, "panel")
    made.prepare()
    return made


def test_what_went_well_what_failed_and_what_was_killed_are_told_apart(places: TargetPaths) -> None:
    with recorded(places, "anna", "debvisor-cli db upgrade"):
        (going,) = works_by_hand(places)
        assert going.ended is None
        assert str(going).startswith("anna runs debvisor-cli db upgrade, since ")
    with pytest.raises(WorkFailed), recorded(places, "bea", "debvisor-cli db downgrade -1"):
        raise WorkFailed("The database is locked", "Wait.")
    whole = places.by_hand_log.read_bytes()
    with pytest.raises(KeyboardInterrupt), recorded(places, "chidi", "debvisor-cli backup restore --tag a"):
        raise KeyboardInterrupt
    done, failed, stopped = works_by_hand(places)
    assert (done.who, done.what, done.error) == ("anna", "debvisor-cli db upgrade", "")
    assert done.ended is not None
    assert (failed.error, stopped.error) == ("The database is locked", "KeyboardInterrupt")
    # As a kill leaves it: the beginning of the third stands, and the next line in the middle of it.
    gone = b'{"pid": 4194303, "start_ticks": 1, "boot_id": "b"}'
    cut = b'\n{"at": 3.0, "who": "chidi", "what": "restore", "process": ' + gone + b'}\n{"at": 4'
    places.by_hand_log.write_bytes(whole + cut)
    with recorded(places, "dora", "debvisor-cli db upgrade"):
        pass
    assert [(work.who, work.ended is None) for work in works_by_hand(places)] == [
        ("anna", False),
        ("bea", False),
        ("chidi", True),
        ("dora", False),
    ]
    assert str(works_by_hand(places)[2]).endswith(": its process was killed; what it did is not recorded")
    assert places.by_hand_log.stat().st_mode & 0o777 == 0o600


def test_no_secret_is_kept(places: TargetPaths) -> None:
    remember("hunter2secret")
    with pytest.raises(WorkFailed), recorded(places, "anna", "debvisor-cli db upgrade"):
        raise WorkFailed("password hunter2secret was refused", "Fix it.")
    assert b"hunter2" not in places.by_hand_log.read_bytes()
    (work,) = works_by_hand(places)
    assert work.error.endswith(" was refused")


def test_only_what_came_after_the_newest_run_is_told_of_what_runs_now(places: TargetPaths) -> None:
    now = Now("v1", None, "a1", ())
    assert with_works_by_hand(now, places, None) == now
    with recorded(places, "anna", "debvisor-cli db upgrade"):
        pass
    journal, history = Journal(places.journal), History(places.journal)
    try:
        (note,) = with_works_by_hand(now, places, history).notes
        assert note.startswith("By hand, before any run: anna ran debvisor-cli db upgrade, ")
        assert note.endswith(": done.")
        old, new = Artifact("v1", {"commit": "1" * 40}), Artifact("v2", {"commit": "2" * 40})
        journal.create_run(NewRun(RunKind.RELEASE, "panel", old, new, "anna", []))
        assert with_works_by_hand(now, places, history).notes == ()
        with pytest.raises(WorkFailed), recorded(places, "bea", "debvisor-cli db downgrade -1"):
            raise WorkFailed("The database is locked", "Wait.")
        (note,) = with_works_by_hand(now, places, history).notes
        assert note.startswith("By hand, since run 1 began: bea ran debvisor-cli db downgrade -1, ")
        assert note.endswith(": failed: The database is locked.")
        for _ in range(4):
            with recorded(places, "anna", "debvisor-cli db upgrade"):
                pass
        notes = with_works_by_hand(now, places, history).notes
        assert notes[0] == "By hand, since run 1 began, 2 more: debvisor-tui history list"
        assert len(notes) == 4
    finally:
        history.close()
        journal.close()


def test_it_does_not_grow_without_end(places: TargetPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_hand_log, "LIMIT", 2000)
    for number in range(50):
        with recorded(places, "anna", f"work {number}"):
            pass
    assert places.by_hand_log.stat().st_size < 3000
    assert [work.what for work in works_by_hand(places)][-5:] == [f"work {number}" for number in range(45, 50)]


@only_root
def test_what_root_writes_in_another_users_folder_is_that_users(places: TargetPaths) -> None:
    os.chown(places.folder, 65534, 65534)
    with recorded(places, "root", "debvisor-cli db upgrade"):
        pass
    assert places.by_hand_log.stat().st_uid == 65534


def test_a_file_that_cannot_be_written_stops_nobody(places: TargetPaths) -> None:
    places.by_hand_log.mkdir()
    said: list[str] = []
    with recorded(places, "anna", "debvisor-cli db upgrade", said.append):
        assert said == [f"This is not recorded: {places.by_hand_log}: Is a directory. It is done all the same."]
    assert len(said) == 1, "said once"
    assert works_by_hand(places) == ()
