"""Units of a real systemd: restarted, seen to stay, and told of truly when they do not."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from contracts import Noted, PlatformContract
from releasing import make_host
from systemd import Machine, booted

from debvisor_tui.adapters.platforms import open_platform
from debvisor_tui.adapters.platforms.protocol import Platform
from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.services import ServiceState

pytestmark = [pytest.mark.real, pytest.mark.slow]

GOOD = "ExecStart=/bin/sleep 1000"
NEW = Artifact("v2")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with booted(f"debvisor-units-{os.getpid()}", tmp_path_factory.mktemp("machine")) as running:
        yield running


@pytest.fixture
def programs(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    folder = machine.programs("systemctl", "journalctl")
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return machine


def platform_of(folder: Path, *units: str, **keys: Any) -> Platform:
    host = make_host(folder)
    return open_platform(host.settings(platform={"kind": "systemd", "units": units, "settle": "1s", **keys}))


class TestSystemd(PlatformContract):
    @pytest.fixture
    def platform(self, programs: Machine, tmp_path: Path) -> Platform:
        programs.unit("panel.service", GOOD)
        programs.unit("worker@.service", GOOD)
        programs.run("systemctl", "start", "panel", "worker@1")
        return platform_of(tmp_path, "panel", "worker@1")

    @pytest.fixture
    def stopped(self, programs: Machine, tmp_path: Path) -> Platform:
        programs.unit("idle.service", GOOD)
        return platform_of(tmp_path, "idle")


async def restarted(platform: Platform) -> tuple[ServiceState | WorkFailed, list[str], Noted]:
    """What came of a restart, what the service said since, and what was run for it."""
    work = Noted()
    mark = await platform.mark()
    assert mark is not None
    came: ServiceState | WorkFailed
    try:
        came = await platform.restart(work, NEW, await platform.state())
    except WorkFailed as error:
        came = error
    return came, await mark.lines_since(20), work


@pytest.mark.parametrize(
    ("service", "what"),
    [
        ("ExecStart=/bin/sh -c 'echo the config is broken; exit 3'", "panel.service ended .* (exit code 3)"),
        (
            "Restart=always\nRestartSec=100ms\nExecStart=/bin/sh -c 'echo the config is broken; sleep 0.2; exit 3'",
            "panel.service ended .* after its start, and systemd starts it again",
        ),
        (
            "Type=notify\nTimeoutStartSec=1s\nExecStart=/bin/sh -c 'echo the config is broken; sleep 60'",
            "panel.service did not start: it was not ready in time (TimeoutStartSec), or did not stop in time",
        ),
        (
            "ExecStartPre=/bin/sh -c 'echo the config is broken; exit 1'\nExecStart=/bin/sleep 60",
            "panel.service did not start: a command of it before its main process failed .*, ExecCondition=)",
        ),
        (
            "ExecStart=/bin/sh -c 'echo the config is broken; kill -9 $$$$'",
            "panel.service ended .* (ended by SIGKILL)",
        ),
    ],
    ids=["dies", "crash-loops", "never ready", "not even started", "killed"],
)
def test_a_unit_that_does_not_stay_fails_the_restart_with_its_own_words(
    programs: Machine, tmp_path: Path, service: str, what: str
) -> None:
    programs.unit("panel.service", GOOD)
    programs.unit("other.service", "ExecStart=/bin/sh -c 'echo nobody asked for this; exec sleep 1000'")
    programs.run("systemctl", "restart", "panel")
    programs.unit("panel.service", service)
    platform = platform_of(tmp_path, "panel")

    async def story() -> tuple[ServiceState | WorkFailed, list[str], Noted]:
        programs.run("systemctl", "restart", "other")
        return await restarted(platform)

    came, lines, _ = asyncio.run(story())
    assert isinstance(came, WorkFailed), came
    assert lines[-1] == "the config is broken", "the service's words, not systemd's of it"
    before, _, after = what.partition(".*")
    assert came.what.startswith(before)
    assert came.what.endswith(after)
    assert "the config is broken" in lines
    assert not any("nobody asked" in line for line in lines), "another unit's words are not its own"


def test_a_good_release_comes_up_although_the_one_before_used_up_the_start_limit(
    programs: Machine, tmp_path: Path
) -> None:
    limit = "StartLimitIntervalSec=1h\nStartLimitBurst=2"
    programs.unit("panel.service", "Restart=always\nRestartSec=10ms\nExecStart=/bin/false", limit)
    platform = platform_of(tmp_path, "panel")
    came, _, _ = asyncio.run(restarted(platform))
    assert isinstance(came, WorkFailed)
    programs.run("sh", "-c", "until systemctl is-failed --quiet panel; do sleep 0.1; done")
    programs.unit("panel.service", GOOD, limit)
    came, _, work = asyncio.run(restarted(platform))
    assert isinstance(came, ServiceState), came
    assert ("systemctl", "--no-ask-password", "reset-failed", "panel.service") in work.ran


def test_what_stands_behind_a_unit_that_died_is_not_touched(programs: Machine, tmp_path: Path) -> None:
    programs.unit("panel.service", "ExecStart=/bin/false")
    programs.unit("worker@.service", GOOD)
    programs.run("systemctl", "start", "worker@1")
    worker = programs.run("systemctl", "show", "-P", "InvocationID", "worker@1")
    came, _, work = asyncio.run(restarted(platform_of(tmp_path, "panel", "worker@1")))
    assert isinstance(came, WorkFailed)
    assert programs.run("systemctl", "show", "-P", "InvocationID", "worker@1") == worker
    assert not any("worker@1.service" in argv for argv in work.ran)


def test_a_unit_that_dies_while_the_next_one_is_restarted_fails_it(programs: Machine, tmp_path: Path) -> None:
    programs.unit("panel.service", "ExecStart=/bin/sleep 1.5")
    programs.unit("worker@.service", GOOD)
    came, _, _ = asyncio.run(restarted(platform_of(tmp_path, "panel", "worker@1")))
    assert isinstance(came, WorkFailed)
    assert came.what.startswith("panel.service ended ")


def test_a_unit_whose_condition_does_not_hold_was_not_started(programs: Machine, tmp_path: Path) -> None:
    programs.unit("panel.service", GOOD, "ConditionPathExists=/nowhere")
    programs.run("systemctl", "stop", "panel")
    came, _, _ = asyncio.run(restarted(platform_of(tmp_path, "panel")))
    assert isinstance(came, WorkFailed)
    assert came.what.startswith("systemctl restart ended well, but panel.service does not run: ")
    assert "a Condition…= of its unit file does not hold" in (came.hint or "")


def test_a_unit_that_only_does_something_has_done_it(programs: Machine, tmp_path: Path) -> None:
    programs.unit("warm.service", "Type=oneshot\nExecStart=/bin/true")
    programs.unit("panel.service", GOOD)
    came, _, _ = asyncio.run(restarted(platform_of(tmp_path, "warm", "panel")))
    assert isinstance(came, ServiceState), came
    assert came.text.startswith("warm.service (not running); panel.service (pid ")


def test_a_unit_file_that_systemd_has_not_read_yet_is_told(programs: Machine, tmp_path: Path) -> None:
    programs.unit("panel.service", GOOD)
    programs.write("/etc/systemd/system/panel.service", f"[Service]\n{GOOD}\nNice=1\n")
    came, _, work = asyncio.run(restarted(platform_of(tmp_path, "panel")))
    assert isinstance(came, ServiceState)
    assert any("systemd uses the old one until a daemon-reload" in line for line in work.lines)


def test_what_cannot_be_restarted_is_known_before_anything_begins(programs: Machine, tmp_path: Path) -> None:
    programs.unit("panel.service", GOOD)
    programs.run("sh", "-c", "ln -sf /dev/null /etc/systemd/system/gone.service; systemctl daemon-reload")
    assert asyncio.run(platform_of(tmp_path, "panel").obstacles()) == ()
    assert asyncio.run(platform_of(tmp_path, "panel", "nowhere", "gone").obstacles()) == (
        "nowhere.service: there is no such unit on this host",
        "gone.service: it is masked: systemctl unmask makes it startable",
    )


def test_a_sudo_rule_that_is_missing_is_named_and_is_enough_once_it_is_there(
    programs: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.unit("panel.service", GOOD)
    programs.run("sh", "-c", "id deploy || useradd --create-home deploy; rm -f /etc/sudoers.d/deploy")
    sudo = tmp_path / "bin" / "sudo"
    sudo.parent.mkdir()
    monkeypatch.setenv("PATH", str(sudo.parent), prepend=os.pathsep)
    sudo.write_text(f'#!/bin/sh\nexec docker exec -i -u deploy {programs.name} sudo "$@"\n', encoding="utf-8")
    sudo.chmod(0o755)
    monkeypatch.setattr("debvisor_tui.adapters.platforms.systemd.user_name", lambda: "deploy")
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    platform = platform_of(tmp_path, "panel", sudo=True)
    (told,) = asyncio.run(platform.obstacles())
    asked, _, rule = told.partition(". A line for /etc/sudoers.d (visudo): ")
    assert asked == "sudo does not let deploy restart panel.service without a password"
    came, _, _ = asyncio.run(restarted(platform))
    assert isinstance(came, WorkFailed)
    assert came.what == "panel.service was not restarted: sudo: a password is required"
    assert rule in (came.hint or "")
    programs.write("/etc/sudoers.d/deploy", rule + "\n")
    programs.run("chmod", "440", "/etc/sudoers.d/deploy")
    programs.run("visudo", "-c")
    assert asyncio.run(platform.obstacles()) == ()
    came, _, work = asyncio.run(restarted(platform))
    assert isinstance(came, ServiceState), came
    assert tuple(work.ran) == platform.restart_commands(NEW)
    other = "deploy ALL=(root) NOPASSWD: /usr/bin/true\ndeploy ALL=(ALL) PASSWD: ALL\n"
    programs.run("sh", "-c", "cat > /etc/sudoers.d/deploy", text=other)
    (told,) = asyncio.run(platform.obstacles())
    assert told.startswith("sudo does not let deploy restart panel.service without a password")
