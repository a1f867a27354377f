"""The backup step against a real database: what it leaves behind, and what it never leaves behind."""

import asyncio
import hashlib
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from migrating import Release, make_release, run, until

from debvisor_tui.adapters.databases.sqlite.file import SQLiteFile
from debvisor_tui.model.changes import Change, ChangeKind, ChangeState
from debvisor_tui.model.errors import DebvisorError, LockHeld, UsageError, WorkFailed
from debvisor_tui.model.findings import Found
from debvisor_tui.tasks.backup import BackupTask, create_backup
from debvisor_tui.tasks.backup_catalog import Backup, alone, list_backups, newest, prove_whole


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return make_release(tmp_path, backup={"verify": "restore", "keep": 3})


def _take(release: Release, tag: str) -> Backup:
    return run(create_backup(release.context("backup", release.job("v1.0.0")), tag))


def _listed(release: Release) -> tuple[Backup, ...]:
    return list_backups(release.backups, "test", ".sqlite3")


def _files(release: Release) -> list[str]:
    return sorted(p.name for p in release.backups.iterdir() if p.name != ".lock")


def test_a_backup_is_whole_private_and_described(release: Release) -> None:
    said = run(BackupTask().run(release.context("backup", release.job("v1.0.0"))))

    path = release.backups / "pre-deploy-v1.0.0.sqlite3"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest = json.loads((release.backups / "pre-deploy-v1.0.0.sqlite3.json").read_text())
    assert "revision a1" in said
    assert _files(release) == [path.name, f"{path.name}.json"]
    assert [(release.backups / name).stat().st_mode & 0o777 for name in _files(release)] == [0o600, 0o600]
    assert release.backups.stat().st_mode & 0o777 == 0o700
    assert manifest["sha256"] == digest
    assert manifest["rows"] == {"node": 2, "alembic_version": 1}
    facts = {"tag": "pre-deploy-v1.0.0", "path": str(path), "sha256": digest, "bytes": path.stat().st_size}
    [change] = release.made
    assert (change.kind, change.state) == (ChangeKind.BACKUP, ChangeState.DONE)
    assert change.after == {**facts, "revision": "a1"}
    assert release.value("backup").items() >= facts.items()
    verified = {"integrity": "ok", "read_back": True, "restored": True, "rows": manifest["rows"]}
    assert release.value("verified") == verified
    assert BackupTask().commands(release.settings, release.job("v1.0.0")) == (
        "debvisor-cli --config debvisor.toml backup create --type full --tag pre-deploy-v1.0.0",
    )


def test_a_second_backup_of_a_tag_overwrites_nothing_and_is_the_one_restored(release: Release) -> None:
    first = _take(release, "nightly")
    release.rows("SELECT 1", "INSERT INTO node (notes) VALUES ('new')")
    second = _take(release, "nightly")

    assert first.path != second.path
    assert first.path.exists()
    assert [b.rows["node"] for b in _listed(release)] == [3, 2]
    assert newest(_listed(release), "nightly") == second


def test_the_oldest_go_but_none_that_a_rollback_may_need(release: Release) -> None:
    mine = _take(release, "pre-deploy-v1.0.0")
    of_this_run = list(release.made)
    for number in range(4):
        release.made[:] = of_this_run
        _take(release, f"later-{number}")
    assert [b.tag for b in _listed(release)] == ["later-3", "later-2", "later-1", "pre-deploy-v1.0.0"]
    release.made.clear()  # the next release: if it is given up, the one before it may still need its backup
    _take(release, "pre-deploy-v1.1.0")
    assert [b.tag for b in _listed(release)] == ["pre-deploy-v1.1.0", "later-3", "later-2", "pre-deploy-v1.0.0"]
    release.made.clear()  # and the next but one
    _take(release, "pre-deploy-v1.2.0")
    assert [b.tag for b in _listed(release)] == ["pre-deploy-v1.2.0", "pre-deploy-v1.1.0", "later-3"]
    assert not mine.path.exists()


def test_another_targets_backups_in_the_same_folder_are_left_alone(release: Release, tmp_path: Path) -> None:
    _take(release, "shared")
    release.settings = release.settings.model_copy(update={"name": "other"})
    for number in range(5):
        _take(release.without_log(), f"other-{number}")
    assert [b.tag for b in _listed(release)] == ["shared"]


def _folder_is_a_file(release: Release) -> None:
    release.backups.write_text("in the way")


def _folder_inside_a_file(release: Release) -> None:
    release.settings = release.settings.model_copy(
        update={"backup": release.settings.backup.model_copy(update={"dir": release.database / "backups"})}
    )


def _no_room(release: Release) -> None:
    os.truncate(release.database, 1 << 43)  # sparse: 8.8 TB by its size


def _no_database(release: Release) -> None:
    release.database.unlink()


def _no_sqlite(release: Release) -> None:
    release.database.write_text("what is this?" * 1000)


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (_folder_is_a_file, "is not a folder"),
        (_folder_inside_a_file, "cannot be made: Not a directory"),
        (_no_room, r"The backup needs 21\.1 TB in .*, and .* are free"),
        (_no_database, r"There is no file .*panel\.db"),
        (_no_sqlite, r"panel\.db is not a whole SQLite database"),
    ],
)
def test_what_is_in_the_way_is_told_and_nothing_is_left_behind(
    release: Release, spoil: Callable[[Release], None], what: str
) -> None:
    spoil(release)
    with pytest.raises(WorkFailed, match=what) as told:
        _take(release, "nightly")
    assert told.value.hint
    assert not any(change.state is ChangeState.DONE for change in release.made)
    if release.backups.is_dir():
        assert _files(release) == []


@pytest.mark.parametrize("tag", ["", "  ", "-rf", "a\x1b[2J", "x" * 200])
def test_a_tag_that_is_none_is_refused(release: Release, tag: str) -> None:
    with pytest.raises(UsageError, match="is no tag"):
        _take(release, tag)


def test_a_tag_is_no_path(release: Release) -> None:
    made = _take(release, "a/../../b")
    assert made.path.parent == release.backups
    assert newest(_listed(release), "a/../../b") == made


def test_two_writers_at_once_are_refused(release: Release) -> None:
    release.backups.mkdir()
    with alone(release.backups), pytest.raises(LockHeld):
        _take(release, "nightly")


def test_a_cancelled_backup_ends_its_thread_and_leaves_nothing(
    release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, told = threading.Event(), list[bool]()

    def slow(self: SQLiteFile, file: Path, progress: object, stop: threading.Event) -> None:
        file.write_bytes(b"half")
        reached.set()
        told.append(stop.wait(20))

    monkeypatch.setattr(SQLiteFile, "back_up", slow)

    async def story() -> None:
        backup = asyncio.create_task(create_backup(release.context("backup", release.job("v1.0.0")), "nightly"))
        await until(reached.is_set)
        backup.cancel()
        with pytest.raises(asyncio.CancelledError):
            await backup

    run(story())
    assert told == [True]
    assert _files(release) == []
    assert [change.state for change in release.made] == [ChangeState.FAILED]


def test_inspection_tells_this_runs_backup_from_an_older_one(release: Release) -> None:
    task, context = BackupTask(), release.context("backup", release.job("v1.0.0"))
    _take(release, "pre-deploy-v1.0.0")
    release.without_log()
    assert run(task.inspect(context)).found is Found.NOT_DONE
    mine = _take(release, "pre-deploy-v1.0.0")
    assert run(task.inspect(context)).found is Found.DONE
    mine.path.write_bytes(mine.path.read_bytes()[:-1] + b"!")
    assert run(task.inspect(context)).found is Found.PARTLY
    mine.path.rename(f"{mine.path}.partial")
    finding = run(task.inspect(context))
    assert finding.found is Found.PARTLY
    assert "broken off" in finding.text


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"tag": 1, "created": 2}', "\x00", None])
def test_a_backup_with_a_bad_manifest_is_listed_and_never_used(release: Release, content: str | None) -> None:
    made = _take(release, "nightly")
    manifest = Path(f"{made.path}.json")
    if content is None:
        manifest.unlink()
    else:
        manifest.write_text(content)
    [listed] = _listed(release)
    assert listed.problem
    assert newest(_listed(release), "nightly") is None
    with pytest.raises(DebvisorError, match="cannot be used"):
        prove_whole(listed, lambda done, total: None, threading.Event())
    assert _take(release, "nightly").path != made.path


def test_the_backup_of_a_release_that_stands_outlives_any_number_of_attempts(release: Release) -> None:
    """Two given-up attempts and a small `keep` must not take the way back of the release that runs."""
    stands = _take(release, "pre-deploy-v1.0.0")
    code = Change(1, "pull", ChangeKind.CODE, "", ChangeState.DONE, {"commit": "a"}, {"commit": "b"})
    made = Change(2, "backup", ChangeKind.BACKUP, "", ChangeState.DONE, {}, {"path": str(stands.path)})
    release.standing = ((code, made),)
    for version in ("v1.1.0", "v1.1.1", "v1.1.2", "v1.1.3", "v1.1.4"):
        release.made.clear()  # a run of its own
        _take(release, f"pre-deploy-{version}")
    assert stands.path.exists()
    assert len(_listed(release)) == 4, "three are kept, and the one that is needed"
    release.standing = ()
    release.made.clear()
    _take(release, "pre-deploy-v1.1.5")
    assert not stands.path.exists()
