"""The way back of a release that waits and has changed nothing: it ends, and the next one may begin."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from release_host import Host

from debvisor_tui.model.states import RunState

PROGRAM = Path(sys.executable).with_name("debvisor-tui")


def call(host: Host, *words: str) -> "subprocess.CompletedProcess[str]":
    target = ("--config", str(host.sandbox.config_path), "--state-dir", str(host.sandbox.state_dir))
    argv = [str(PROGRAM), *target, *words]
    return subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=90, check=False)


@pytest.mark.slow
def test_a_release_that_failed_its_check_is_ended_by_the_way_back(host: Host) -> None:
    host.sandbox.set_fault("migration-fails")
    failed = call(host, "release", "v1.3.0", "--headless", "--auto", "--yes")
    assert failed.returncode == 1
    assert "On a copy of the data: Revision c48d9e6a1b70" in failed.stdout
    assert host.state(1) is RunState.WAITING
    asked = call(host, "rollback", "--headless")
    assert (asked.returncode, host.state(1)) == (2, RunState.WAITING), "nobody has agreed to it"
    assert "Agree to it with --yes" in asked.stderr
    done = call(host, "rollback", "--json", "--yes")
    assert (done.returncode, json.loads(done.stdout)["exit_code"]) == (0, 0)
    assert "Run 1 has changed nothing that is to be undone" in done.stderr
    assert host.state(1) is RunState.FAILED
    assert "No run goes on." in call(host, "status").stdout
