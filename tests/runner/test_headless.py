"""A release without a terminal, by the shipped command: what it decides by itself, and with which code it ends."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from release_host import Host

from debvisor_tui.model.playbook import RunKind
from debvisor_tui.model.states import RunState
from debvisor_tui.store.history import History

PROGRAM = Path(sys.executable).with_name("debvisor-tui")


def ship(host: Host, *options: str, version: str = "v1.1.0") -> "subprocess.CompletedProcess[str]":
    return call(host, "release", version, "--headless", "--auto", "--yes", *options)


def call(host: Host, *words: str) -> "subprocess.CompletedProcess[str]":
    target = ("--config", host.sandbox.config_path, "--state-dir", host.sandbox.state_dir)
    return subprocess.run(
        [PROGRAM, *map(str, target), *words],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=90,
        check=False,
    )


@pytest.mark.slow
def test_a_failed_rollback_is_not_answered_by_another_one(host: Host) -> None:
    host.configure(lambda c: c["health"].update(ready="http://127.0.0.1:9/health/ready", timeout="1s"))
    done = ship(host, "--rollback-on-failure")
    history = History(host.places.journal)
    runs = sorted(history.runs(limit=20), key=lambda run: run.id)
    history.close()
    assert [(run.kind, run.state) for run in runs] == [
        (RunKind.RELEASE, RunState.ROLLING_BACK),
        (RunKind.ROLLBACK, RunState.WAITING),
    ]
    assert done.returncode == 1
    assert "The rollback from v1.1.0 to v1.0.0 (run 2) has stopped. Done: " in done.stderr
    assert "Not done: Health." in done.stderr
    assert "debvisor-tui attach 2" in done.stderr
    # What waits is said as what it is, and since when, also without a terminal.
    assert "✗ Health failed, and waits for a person since " in call(host, "status").stdout
    waits = json.loads(call(host, "status", "--json").stdout)["run"]["waits"]
    assert (waits["kind"], waits["step"]) == ("failed", "health")
    assert abs(waits["since"] - time.time()) < 60


@pytest.mark.slow
def test_a_release_asks_the_remote_twice_at_the_most(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.configure(lambda c: c["monitor"].update(duration="1s", interval="200ms"))
    calls, real = tmp_path / "calls", shutil.which("git")
    shim = tmp_path / "bin" / "git"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\necho "$@" >> {calls}\nexec {real} "$@"\n')
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{shim.parent}:{os.environ['PATH']}")
    done = ship(host)
    assert done.returncode == 0, done.stderr
    fetches = [call for call in calls.read_text().splitlines() if " fetch " in call]
    assert len(fetches) == 2, "once for the plan, once before the code is put in place"


@pytest.mark.slow
def test_what_a_rollback_does_not_bring_back_is_said_from_the_plan_to_the_end(host: Host) -> None:
    """v1.2.0 drops node.notes: going down makes the column again, and none of its 12 values."""
    host.configure(lambda c: c["monitor"].update(duration="1s", interval="200ms"))
    ship(host, "--accept-data-loss", version="v1.2.0")
    lost = "12 values of node.notes"
    plan = json.loads(call(host, "rollback", "--plan", "--json").stdout)
    assert plan["stays_lost"] == [lost]
    told = call(host, "rollback", "--plan").stdout
    assert f"Not restored by this: {lost}, which v1.2.0 took away. Only the backup of " in told
    restoring = json.loads(call(host, "rollback", "--plan", "--restore-backup", "--json").stdout)
    assert restoring["stays_lost"] == []
    (restore,) = [a for a in restoring["actions"] if a["step"] == "restore-backup"]
    assert "added since the backup of" in restore["loses"]
    assert "every change to older rows" in restore["loses"]
    done = call(host, "rollback", "--database", "--yes", "--headless")
    assert done.returncode == 0, done.stderr
    assert f"succeeded ({lost} not restored)" in done.stdout
    with closing(sqlite3.connect(host.sandbox.dir / "data" / "panel.db")) as database:
        assert database.execute("SELECT count(notes), count(*) FROM node").fetchone() == (0, 12)
    history = History(host.places.journal)
    assert [run.note for run in history.runs()] == [f"{lost} not restored"] * 2
    history.close()
    assert f"rolled-back, {lost} not restored" in call(host, "status").stdout


@pytest.mark.slow
def test_a_failed_steps_last_twenty_lines_are_printed(host: Host) -> None:
    code = "for n in range(50): print('line', n)\nraise SystemExit(3)"
    host.configure(lambda c: c.update(steps={"review": {"command": [sys.executable, "-c", code]}}))
    done = ship(host)
    told = [line.partition("| ")[2] for line in done.stdout.splitlines() if "    | " in line]
    assert len(told) == 20
    assert told[-2:] == ["line 49", told[-1]]


@pytest.mark.slow
def test_a_step_may_call_the_playbooks_own_commands_within_its_run(host: Host) -> None:
    cli = str(PROGRAM.with_name("debvisor-cli"))
    host.configure(lambda c: c["monitor"].update(duration="1s", interval="200ms"))
    command = [cli, "--config", str(host.sandbox.config_path), "db", "upgrade"]
    host.configure(lambda c: c.update(steps={"upgrade": {"command": command}}))
    done = ship(host)
    assert done.returncode == 0, done.stdout + done.stderr
