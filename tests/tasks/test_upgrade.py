"""Up and down again: what is recorded is what really stands, also when it fails or is cancelled half-way."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from migrating import Release, make_release, run, until

from debvisor_tui.adapters.migrations.alembic import upgrade
from debvisor_tui.adapters.migrations.probe import PROBE
from debvisor_tui.model.changes import Change, ChangeKind, ChangeState
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.findings import Found
from debvisor_tui.model.rollback import RollbackOptions, plan_rollback
from debvisor_tui.system.execute import run_quietly
from debvisor_tui.tasks.data_loss import count_losses
from debvisor_tui.tasks.migration_check import MigrationCheckTask
from debvisor_tui.tasks.revert_database import RevertDatabaseTask
from debvisor_tui.tasks.upgrade import UpgradeTask

ADD = ('op.add_column("node", sa.Column("region", sa.Text))', 'op.drop_column("node", "region")')
MAKE = ('op.create_table("window", sa.Column("id", sa.Integer))', 'op.drop_table("window")')
DROP = ('op.drop_column("node", "notes")', 'op.add_column("node", sa.Column("notes", sa.Text))')


@pytest.fixture
def release(tmp_path: Path) -> Release:
    """v1.3.0, with three migrations of which the last destroys, is in place; its migrations are pending."""
    release = make_release(tmp_path)
    release.migration("b2", "a1", *ADD)
    release.migration("c3", "b2", *MAKE)
    release.migration("d4", "c3", *DROP)
    release.tag("v1.3.0")
    return release


def _upgrade(release: Release) -> str:
    job = release.job("v1.3.0") if release.found else release.shown("v1.3.0")
    return run(UpgradeTask().run(release.context("upgrade", job)))


def _revision(release: Release) -> str:
    [(revision,)] = release.rows("SELECT version_num FROM alembic_version")
    return str(revision)


def _moves(release: Release) -> list[Change]:
    return [c for c in release.made if c.kind is ChangeKind.DATABASE]


def _found_upgrade(release: Release) -> Found:
    return run(UpgradeTask().inspect(release.context("upgrade", release.job("v1.3.0")))).found


@pytest.mark.slow
def test_three_up_and_exactly_three_down_by_what_was_recorded(release: Release) -> None:
    assert _found_upgrade(release) is Found.NOT_DONE
    run(MigrationCheckTask().run(release.context("migration-check", release.job("v1.3.0"))))
    said = _upgrade(release)

    assert said == "3 migrations applied, a1 → d4"
    assert _found_upgrade(release) is Found.DONE
    [change] = _moves(release)
    assert (change.state, change.before["revision"], dict(change.after)) == (
        ChangeState.DONE,
        "a1",
        {"revision": "d4"},
    )
    assert [(m["revision"], m["destructive"], m["drops"]) for m in change.before["pending"]] == [
        ("b2", False, ["node.region"]),
        ("c3", False, ["window"]),
        ("d4", True, []),
    ]
    assert [row["revision"] for row in release.value("revisions")["applied"]] == ["b2", "c3", "d4"]
    assert any(line.startswith("applied c3 make c3 (") for line in release.lines)

    release.rows("SELECT 1", "UPDATE node SET region = 'north' WHERE id = 1", "INSERT INTO window VALUES (1), (2)")
    losses = run(count_losses(release.settings, ["node.region", "window", "gone", "node.gone"]))
    assert losses == {"node.region": 1, "window": 2, "gone": None, "node.gone": None}
    plan = plan_rollback(1, "v1.3.0", "v1.0.0", release.made, RollbackOptions(database=True), losses)
    [action] = [a for a in plan.enabled if a.step == "revert-database"]
    assert action.loses == "node.region (1 value), window (2 rows)"

    task, job = RevertDatabaseTask(), release.job("v1.3.0", action.facts)
    context = release.without_log().context("revert-database", job)
    assert run(task.inspect(context)).found is Found.NOT_DONE
    assert run(task.run(context)) == "down 3 revisions, d4 → a1"
    assert run(task.inspect(context)).found is Found.DONE
    assert _revision(release) == "a1"
    assert release.rows("SELECT name FROM sqlite_master WHERE name = 'window'") == []
    assert task.commands(release.settings, job) == ("debvisor-cli --config debvisor.toml db downgrade a1",)
    assert run(task.run(context)) == "nothing to undo: the database is at a1 already"


@pytest.mark.slow
def test_the_second_of_three_that_fails_leaves_a_true_record(release: Release) -> None:
    release.migration("c3", "b2", 'op.execute("INSERT INTO no_such_table VALUES (1)")')
    release.tag("v1.3.1")
    job = release.shown("v1.3.1")
    with pytest.raises(
        WorkFailed, match=r"Revision c3 \(make c3\) failed: .*no_such_table \(in c3\.py, line 7\)"
    ) as told:
        run(UpgradeTask().run(release.context("upgrade", job)))

    assert told.value.hint.startswith("The database stands at b2.")
    [change] = _moves(release)
    assert (change.state, dict(change.after)) == (ChangeState.FAILED, {"revision": "b2"})
    assert [row["revision"] for row in release.value("revisions")["applied"]] == ["b2"]
    assert run(UpgradeTask().inspect(release.context("upgrade", job))).found is Found.PARTLY
    assert not any("Traceback" in line for line in release.lines)

    release.migration("c3", "b2", *MAKE)  # fixed: the retry does the rest, and the plan still knows all of it
    release.tag("v1.3.2")
    run(UpgradeTask().run(release.context("upgrade", release.shown("v1.3.2"))))
    plan = plan_rollback(1, "v1.3.2", "v1.0.0", release.made)
    assert plan.actions[0].facts == {"revision": "a1", "count": 3}


def test_nothing_pending_changes_nothing(release: Release) -> None:
    release.git("checkout", "-q", "v1.0.0")
    said = run(UpgradeTask().run(release.context("upgrade", release.job("v1.0.0"))))
    assert said == "nothing to apply: the database is at a1"
    assert _moves(release) == []


def test_without_the_releases_code_in_place_nothing_is_applied(release: Release) -> None:
    release.git("checkout", "-q", "v1.0.0")
    with pytest.raises(WorkFailed, match="was the pull skipped") as told:
        _upgrade(release)
    assert "pull first" in told.value.hint
    assert _revision(release) == "a1"


@pytest.mark.slow
def test_a_check_that_no_longer_holds_is_made_again(release: Release) -> None:
    run(MigrationCheckTask().run(release.context("migration-check", release.job("v1.3.0"))))
    release.rows(
        "SELECT 1", "ALTER TABLE node ADD COLUMN region TEXT", "UPDATE alembic_version SET version_num = 'b2'"
    )
    assert _upgrade(release) == "2 migrations applied, b2 → d4"
    assert _moves(release)[0].before["revision"] == "b2"


@pytest.mark.slow
def test_the_way_down_stays_open_when_the_old_code_is_back(release: Release) -> None:
    """Only the newer release's code knows the way; it is taken from the repository, and not put in place."""
    _upgrade(release)
    release.git("checkout", "-q", "v1.0.0")
    job = release.job("v1.3.0", {"revision": "a1", "count": 3})
    job = replace(job, old=job.new, new=release.job("v1.0.0").new)
    before = release.git("status", "--porcelain", "--ignored")
    assert run(RevertDatabaseTask().run(release.context("revert-database", job))) == "down 3 revisions, d4 → a1"
    assert release.git("status", "--porcelain", "--ignored") == before
    assert (_revision(release), release.git("describe", "--tags")) == ("a1", "v1.0.0")


@pytest.mark.slow
def test_down_to_base(release: Release) -> None:
    _upgrade(release)
    job = release.job("v1.3.0", {"revision": None, "count": 4})
    assert run(RevertDatabaseTask().run(release.context("revert-database", job))) == "down 4 revisions, d4 → base"
    assert release.rows("SELECT * FROM alembic_version") == []


@pytest.mark.slow
def test_cancelled_half_way_the_record_says_where_it_stands(release: Release) -> None:
    mark = release.folder / "reached"
    release.migration(
        "c3", "b2", f"op.get_bind(); import pathlib, time; pathlib.Path({str(mark)!r}).touch(); time.sleep(60)"
    )
    release.tag("v1.3.3")
    job = release.shown("v1.3.3")

    async def story() -> None:
        upgrade = asyncio.create_task(UpgradeTask().run(release.context("upgrade", job)))
        await until(mark.exists)
        upgrade.cancel()
        with pytest.raises(asyncio.CancelledError):
            await upgrade

    run(story())
    [change] = _moves(release)
    assert (change.state, dict(change.after)) == (ChangeState.FAILED, {"revision": "b2"})
    assert [row["revision"] for row in release.value("revisions")["applied"]] == ["b2"]


def test_losses_of_a_database_that_cannot_be_read_are_unknown_not_none(release: Release) -> None:
    release.database.unlink()
    assert run(count_losses(release.settings, ["node", "node.notes"])) == {"node": None, "node.notes": None}
    assert not release.database.exists()


def test_a_listener_that_fails_ends_no_migration(release: Release) -> None:
    def fail(event: Mapping[str, Any]) -> None:
        raise BrokenPipeError(f"nobody hears of {event['revision']}")

    with pytest.raises(BrokenPipeError, match="nobody hears of b2"):
        run(upgrade(release.settings, run_quietly, ["b2", "c3", "d4"], on_event=fail))
    assert _revision(release) == "d4"


def test_a_probe_whose_asker_is_gone_ends_what_it_has_begun(release: Release) -> None:
    argv = [sys.executable, str(PROBE), "--ini", str(release.checkout / "alembic.ini"), "--", "upgrade", "head"]
    environ = {**os.environ, "DATABASE_URL": f"sqlite:///{release.database}"}
    with subprocess.Popen(argv, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as probe:
        assert probe.stdout is not None
        probe.stdout.close()  # as of a runner that was killed
        assert probe.stderr is not None
        assert b"Traceback" not in probe.stderr.read()
        assert probe.wait(60) == 0
    assert _revision(release) == "d4"
