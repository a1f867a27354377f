"""What `systemctl show`, `journalctl -o json` and `sudo -ll` print, read: what a real systemd seldom shows in a test.
The restarts themselves are in tests/real."""

import json
from typing import Any

import pytest

from debvisor_tui.adapters.platforms.systemd import commands_without_password, covers, entries_in
from debvisor_tui.adapters.platforms.systemd_unit import Unit, units_in
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.services import ServiceState, same_parts

RUNS = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "SubState": "running",
    "Result": "success",
    "Type": "simple",
    "MainPID": "71",
    "NRestarts": "0",
    "InvocationID": "668db15fe9534996b77292a94d409129",
    "ExecMainCode": "0",
    "ExecMainStatus": "0",
    "ActiveEnterTimestampMonotonic": "1000000",
}


def unit(**told: str) -> Unit:
    shown = "\n".join(f"{key}={value}" for key, value in {**RUNS, **told}.items())
    [found] = units_in(f"{shown}\n", ["panel.service"])
    return found


@pytest.mark.parametrize(
    ("told", "runs", "came_up"),
    [
        ({}, True, True),
        ({"ActiveState": "reloading", "SubState": "reload"}, True, True),
        ({"ActiveState": "activating", "SubState": "start"}, True, False),
        ({"ActiveState": "activating", "SubState": "auto-restart"}, False, False),
        ({"ActiveState": "activating", "SubState": "auto-restart-queued"}, False, False),  # systemd 254 and later
        ({"ActiveState": "deactivating", "SubState": "stop-sigterm"}, False, False),
        ({"ActiveState": "failed", "SubState": "failed", "Result": "exit-code"}, False, False),
        ({"ActiveState": "inactive", "SubState": "dead"}, False, False),
        ({"ActiveState": "inactive", "SubState": "dead", "Type": "oneshot"}, False, True),
        ({"ActiveState": "active", "SubState": "exited", "Type": "oneshot", "MainPID": "0"}, True, True),
        ({"ActiveState": "active", "SubState": "exited", "Type": "forking", "MainPID": "0"}, False, False),
    ],
)
def test_a_unit_runs_and_has_come_up_by_its_states(told: dict[str, str], runs: bool, came_up: bool) -> None:
    assert (unit(**told).runs, unit(**told).came_up) == (runs, came_up)


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        ({"ExecMainCode": "1", "ExecMainStatus": "3", "Result": "exit-code"}, "exit code 3"),
        (
            {"ExecMainCode": "1", "ExecMainStatus": "203", "Result": "exit-code"},
            "exit code 203: its program could not be executed",
        ),
        ({"ExecMainCode": "2", "ExecMainStatus": "9", "Result": "signal"}, "ended by SIGKILL"),
        ({"ExecMainCode": "3", "ExecMainStatus": "11", "Result": "core-dump"}, "ended by SIGSEGV, core dumped"),
        ({"Result": "oom-kill"}, "the kernel was out of memory"),
        ({"Result": "start-limit-hit"}, "it was started too often in a short time (StartLimitBurst)"),
        (
            {"Result": "exit-code"},
            "a command of it before its main process failed (ExecStartPre=, ExecCondition=)",
        ),
        ({}, ""),
    ],
)
def test_how_a_unit_ended_is_told_in_words(told: dict[str, str], outcome: str) -> None:
    assert unit(**told).outcome == outcome


@pytest.mark.parametrize("shown", ["", "Failed to connect to bus", "Id=panel.service\n"])
def test_what_does_not_tell_of_a_unit_is_no_state(shown: str) -> None:
    with pytest.raises(WorkFailed, match=r"systemctl did not tell of panel\.service"):
        units_in(shown, ["panel.service"])


def entry(at: float, message: Any, comm: str = "python") -> str:
    return json.dumps({"__REALTIME_TIMESTAMP": str(int(at * 1e6)), "MESSAGE": message, "_COMM": comm})


def test_a_services_own_words_since_then_are_quoted_made_safe() -> None:
    shown = "\n".join(
        [
            entry(99.9, "before the restart"),
            entry(100.1, "Started panel.service.", "systemd"),
            entry(100.2, "one\x1b[2J\n\ntwo"),
            entry(100.3, list(b"\xffthree")),
            entry(100.4, None),
            "-- no JSON --",
            entry(100.5, "panel.service: Failed with result 'exit-code'.", "systemd"),
        ]
    )
    assert entries_in(shown, 100.0) == ["one", "two", "�three"]
    only = entry(100.5, "panel.service: Failed at step EXEC", "systemd")
    assert entries_in(only, 100.0) == ["panel.service: Failed at step EXEC"]


def test_only_a_rule_that_asks_for_no_password_lets_one_restart() -> None:
    listed = """
User deploy may run the following commands on here:

Sudoers entry:
    RunAsUsers: root
    Options: !authenticate
    Commands:
\t/usr/bin/systemctl --no-ask-password restart panel.service
\t/usr/bin/true

Sudoers entry:
    RunAsUsers: ALL
    Options: authenticate
    Commands:
\tALL
"""
    free = commands_without_password(listed)
    assert free == ["/usr/bin/systemctl --no-ask-password restart panel.service", "/usr/bin/true"]
    restart = "/usr/bin/systemctl --no-ask-password restart panel.service"
    assert any(covers(rule, restart) for rule in free)
    assert not any(covers(rule, restart.replace("panel", "worker")) for rule in free)
    assert covers("ALL", restart)
    assert covers("/usr/bin/systemctl", restart)
    assert covers("/usr/bin/systemctl --no-ask-password restart *", restart)
    assert covers(r"/usr/bin/systemctl a\:b", "/usr/bin/systemctl a:b")


def test_a_part_that_was_not_restarted_is_known() -> None:
    before = {"parts": {"panel": "a", "worker": "b", "warm": ""}, "text": "", "started": None}
    assert same_parts(ServiceState({"parts": {"panel": "c", "worker": "b", "warm": ""}}, ""), before) == ["worker"]
    assert same_parts(ServiceState({"parts": {"panel": "c", "worker": "", "warm": ""}}, ""), before) == ["worker"]
    assert same_parts(ServiceState({"parts": {"panel": "c", "worker": "d", "warm": "e"}}, ""), before) == []
