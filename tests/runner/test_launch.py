"""How a runner is started: by systemd where that can be (here a script stands for it), else in its own session."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import pytest
from release_host import ANNA, Host, answer, attached, until

from debvisor_tui.model.gates import Answer, GateKind
from debvisor_tui.runner import launch
from debvisor_tui.runner.spawn import start_release
from debvisor_tui.store.history import History

#: As systemd does: the command gets an environment and a session that are not its caller's.
WORKS = """#!/bin/bash
printf '%s\\n' "$@" > "$HERE/argv"
while [[ $1 == --* ]]; do shift; done
setsid env -i PATH="$PATH" "$@" </dev/null >/dev/null 2>&1 &
echo $! > "$HERE/pid"
"""
FAILS = """#!/bin/bash
printf '%s\\n' "$@" > "$HERE/argv"
echo "Failed to connect to bus: No medium found" >&2
exit 1
"""
#: It answers too late, and starts the command all the same.
LATE = """#!/bin/bash
printf '%s\\n' "$@" > "$HERE/argv"
while [[ $1 == --* ]]; do shift; done
(sleep 2; setsid env -i PATH="$PATH" "$@"; echo $? > "$HERE/late") </dev/null >/dev/null 2>&1 &
exec sleep 30
"""
SHOW = """#!/bin/bash
cat "$HERE/pid"
"""
CONFUSED = """#!/bin/bash
exit 1
"""


class Systemd:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "system").mkdir()
        self.is_("systemctl", SHOW)

    def is_(self, name: str, script: str) -> None:
        path = self.folder / name
        path.write_text(script.replace("$HERE", str(self.folder)), encoding="utf-8")
        path.chmod(0o755)

    def told(self, name: str) -> str:
        path = self.folder / name
        return path.read_text(encoding="utf-8") if path.exists() else ""


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    folder = tmp_path / "systemd"
    folder.mkdir()
    monkeypatch.setattr(launch, "SYSTEMD", folder / "system")
    monkeypatch.setattr(launch, "LINGER", folder)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return Systemd(folder)


def release(host: Host) -> tuple[int, int]:
    """A release at its first gate: its run, and the runner's pid."""

    async def story() -> int:
        run = await start_release(host.settings, host.places, "v1.1.0", ANNA)
        await host.gate(run, GateKind.READY, "review")
        return run

    return asyncio.run(story()), host.runner_pid()


def how(host: Host, run: int) -> str:
    """As the run's history says it was started."""
    history = History(host.places.journal)
    with contextlib.closing(history):
        return next(str(e.data["how"]) for e in history.events(run) if "how" in e.data)


def nothing_of_start_is_left(host: Host) -> bool:
    return not list(host.places.folder.glob("start-*"))


def test_as_a_service_it_gets_the_environment_and_tells_nobody(
    systemd: Systemd, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    systemd.is_("systemd-run", WORKS)
    monkeypatch.setenv("DEPLOY_TOKEN", "t0ken-that-nobody-sees")
    host.configure(lambda c: c.update(steps={"review": {"command": ["sh", "-c", "echo token=$DEPLOY_TOKEN"]}}))
    run, pid = release(host)
    assert int(systemd.told("pid")) == pid
    assert "--property=KillMode=process" in systemd.told("argv")
    cmdline = Path(f"/proc/{pid}/cmdline").read_bytes()
    assert b"t0ken" not in cmdline
    assert "t0ken" not in systemd.told("argv")
    assert nothing_of_start_is_left(host)
    assert how(host, run) == "systemd-run"

    async def play() -> None:
        gate = host.view(run).gate
        assert gate is not None
        async with attached(host) as (client, _):
            await answer(client, gate, Answer.RUN)
            await host.gate(run, GateKind.READY, "ci")

    asyncio.run(play())
    assert "token=t0ken-that-nobody-sees" in host.lines(run, "review")


def test_where_systemd_refuses_it_has_a_session_of_its_own(systemd: Systemd, host: Host) -> None:
    systemd.is_("systemd-run", FAILS)
    run, pid = release(host)
    assert "--unit=" in systemd.told("argv")
    assert how(host, run) == "setsid (systemd-run failed: Failed to connect to bus: No medium found)"
    assert os.getsid(pid) != os.getsid(0)
    assert nothing_of_start_is_left(host)


def test_what_systemd_starts_too_late_comes_to_nothing(
    systemd: Systemd, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    systemd.is_("systemd-run", LATE)
    monkeypatch.setattr(launch, "TIMEOUT", 0.5)
    run, pid = release(host)
    assert "no answer within" in how(host, run)
    asyncio.run(until(lambda: bool(systemd.told("late")), "systemd starts it at last"))
    assert systemd.told("late").strip() != "0"
    assert host.runner_pid() == pid


def test_a_service_whose_process_systemd_does_not_name_is_waited_for(systemd: Systemd, host: Host) -> None:
    systemd.is_("systemd-run", WORKS)
    systemd.is_("systemctl", CONFUSED)
    run, pid = release(host)
    assert how(host, run) == "systemd-run"
    assert int(systemd.told("pid")) == pid


def test_it_outlives_who_started_it_without_systemd(host: Host) -> None:
    starter = os.fork()
    if starter == 0:
        with contextlib.suppress(BaseException):
            release(host)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(starter, 0)
    pid = host.runner_pid()
    assert pid
    os.kill(pid, signal.SIGHUP)
    assert host.runner_pid() == pid
    assert os.getsid(pid) == os.getpgid(pid) != os.getsid(0)


@pytest.mark.parametrize(
    ("answer", "lingers", "warned"), [("b true", False, True), ("b false", False, False), ("b true", True, False)]
)
def test_a_user_is_told_when_a_logout_would_end_the_run(
    answer: str, lingers: bool, warned: bool, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    systemd.is_("systemd-run", WORKS)
    systemd.is_("busctl", f"#!/bin/sh\necho {answer}\n")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(systemd.folder))
    if lingers:
        (systemd.folder / launch._user_name()).touch()
        (systemd.folder / "bus").touch()
    assert ("enable-linger" in launch.logout_ends_it()) is warned
