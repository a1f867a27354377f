"""The last resort puts back exactly what was saved, and loses nothing that is there now without keeping it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from migrating import Release, make_release, run

from debvisor_tui.model.changes import ChangeKind, ChangeState
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.findings import Found
from debvisor_tui.tasks.backup import create_backup
from debvisor_tui.tasks.backup_catalog import Backup, list_backups
from debvisor_tui.tasks.base import Job
from debvisor_tui.tasks.restore_backup import RestoreBackupTask

NOTES = [("rack 4",), (None,)]


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return make_release(tmp_path)


@pytest.fixture
def saved(release: Release) -> Backup:
    """A backup, after which the release went on: other rows, another revision."""
    made = run(create_backup(release.context("backup", release.job("v1.0.0")), "pre-deploy-v1.0.0"))
    release.rows(
        "SELECT 1", "DELETE FROM node", "CREATE TABLE later (x)", "UPDATE alembic_version SET version_num = 'b2'"
    )
    return made


def _job(release: Release, saved: Backup) -> Job:
    return release.without_log().job("v1.0.0", saved.facts)


def test_it_comes_back_and_what_was_there_is_kept(release: Release, saved: Backup) -> None:
    task, job = RestoreBackupTask(), _job(release, saved)
    context = release.context("restore-backup", job)
    assert run(task.inspect(context)).found is Found.NOT_DONE

    with closing(sqlite3.connect(release.database)) as service:  # it has the database open all the while
        service.execute("SELECT * FROM later").fetchall()
        said = run(task.run(context))
        assert service.execute("SELECT notes FROM node ORDER BY id").fetchall() == NOTES

    assert said == "restored pre-deploy-v1.0.0, revision a1, 3 rows"
    assert release.rows("SELECT name FROM sqlite_master WHERE name = 'later'") == []
    [kept, change] = release.made
    assert (kept.kind, kept.state) == (ChangeKind.BACKUP, ChangeState.DONE)
    assert str(kept.after["tag"]).startswith("before-restore-")
    assert kept.after["revision"] == "b2"
    assert (change.kind, change.before["revision"], dict(change.after)) == (
        ChangeKind.DATABASE,
        "b2",
        {"revision": "a1"},
    )
    assert release.value("restored")["rows"] == {"node": 2, "alembic_version": 1}
    assert run(task.inspect(context)).found is Found.DONE


def test_a_damaged_backup_is_refused_before_anything_is_touched(release: Release, saved: Backup) -> None:
    content = bytearray(saved.path.read_bytes())
    content[-1] ^= 1
    saved.path.write_bytes(content)
    with pytest.raises(WorkFailed, match="is damaged: its checksum"):
        run(RestoreBackupTask().run(release.context("restore-backup", _job(release, saved))))
    assert release.made == []
    assert release.rows("SELECT version_num FROM alembic_version") == [("b2",)]


def test_a_truncated_backup_is_refused(release: Release, saved: Backup) -> None:
    saved.path.write_bytes(saved.path.read_bytes()[:-4096])
    with pytest.raises(WorkFailed, match=r"is damaged: it has \d+,\d+ bytes and should have"):
        run(RestoreBackupTask().run(release.context("restore-backup", _job(release, saved))))


def test_the_very_file_of_the_run_is_restored_not_a_newer_one_of_its_tag(release: Release, saved: Backup) -> None:
    run(create_backup(release.context("backup", release.job("v1.0.0")), saved.tag))
    run(RestoreBackupTask().run(release.context("restore-backup", _job(release, saved))))
    assert release.rows("SELECT notes FROM node ORDER BY id") == NOTES


def test_a_backup_that_is_gone_or_exchanged_is_told(release: Release, saved: Backup) -> None:
    job = release.job("v1.0.0", {**saved.facts, "sha256": "0" * 64})
    with pytest.raises(WorkFailed, match="not the backup that the run took"):
        run(RestoreBackupTask().run(release.context("restore-backup", job)))
    saved.path.unlink()
    with pytest.raises(WorkFailed, match="is not there any more"):
        run(RestoreBackupTask().run(release.context("restore-backup", _job(release, saved))))
    with pytest.raises(WorkFailed, match="There is no backup tagged nightly"):
        run(RestoreBackupTask().run(release.context("restore-backup", release.job("v1.0.0", {"tag": "nightly"}))))


def test_a_database_that_is_gone_is_made_anew(release: Release, saved: Backup) -> None:
    release.database.unlink()
    run(RestoreBackupTask().run(release.context("restore-backup", _job(release, saved))))
    assert release.rows("SELECT notes FROM node ORDER BY id") == NOTES


def test_a_database_that_is_damaged_is_kept_as_it_is(release: Release, saved: Backup) -> None:
    release.database.write_bytes(b"no database " * 1000)
    run(RestoreBackupTask().run(release.context("restore-backup", _job(release, saved))))
    assert release.rows("SELECT notes FROM node ORDER BY id") == NOTES
    [aside] = release.folder.glob("panel.db.damaged-*")
    assert aside.read_bytes() == b"no database " * 1000


def test_if_what_is_there_cannot_be_kept_nothing_is_restored(release: Release, saved: Backup) -> None:
    with (release.database).open("r+b") as file:
        file.truncate(1 << 43)  # sparse: there is no room for a copy of it
    with pytest.raises(WorkFailed, match="The present database could not be kept: The backup needs"):
        run(RestoreBackupTask().run(release.context("restore-backup", _job(release, saved))))
    assert [b.tag for b in list_backups(release.backups, "test", ".sqlite3")] == [saved.tag]
