"""A release without a terminal, by the shipped command: what it decides by itself, and with which code it ends."""

import subprocess
import sys
from pathlib import Path

import pytest
from release_host import Host

from debvisor_tui.model.playbook import RunKind
from debvisor_tui.model.states import RunState
from debvisor_tui.store.history import History

PROGRAM = Path(sys.executable).with_name("debvisor-tui")


def ship(host: Host, *options: str) -> "subprocess.CompletedProcess[str]":
    target = ("--config", host.sandbox.config_path, "--state-dir", host.sandbox.state_dir)
    return subprocess.run(
        [PROGRAM, *map(str, target), "release", "v1.1.0", "--headless", "--auto", "--yes", *options],
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
