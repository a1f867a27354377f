"""What of a doctor's look does not need a whole host: parts that fail in ways of their own hide nothing."""

import asyncio
import subprocess
from pathlib import Path

import pytest
from releasing import make_host

from debvisor_tui.model.checks import Check, CheckState
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.runner import doctor as runner_doctor
from debvisor_tui.runner.launch import Service
from debvisor_tui.runner.paths import TargetPaths
from debvisor_tui.tasks import doctor


@pytest.mark.parametrize(
    ("error", "text", "fix"),
    [
        (WorkFailed("The remote is gone.", "Ask for it."), "The remote is gone.", "Ask for it."),
        (PermissionError(13, "Permission denied", "/srv/data"), "/srv/data: Permission denied", "Who may read it?"),
        (TimeoutError(), "it gave no answer within 45 s", "Look at the host, then try again."),
        (KeyError("revision"), "looking at it failed: KeyError: 'revision'", "This is a bug."),
    ],
)
def test_a_part_that_fails_is_a_check_that_says_why(error: Exception, text: str, fix: str) -> None:
    async def examination() -> list[Check]:
        raise error

    assert asyncio.run(doctor.bounded("source", examination())) == [Check("source", CheckState.BAD, text, fix)]


@pytest.mark.slow
def test_a_host_of_which_nothing_is_there_is_told_part_by_part(tmp_path: Path) -> None:
    host = make_host(tmp_path)
    found = asyncio.run(doctor.examine(host.settings(source={"checkout": str(tmp_path / "gone")})))
    states = {check.part: check.state for check in found}
    assert states == {
        "config": CheckState.GOOD,
        "platform": CheckState.WARNING,
        "source": CheckState.BAD,
        "database": CheckState.BAD,
        "migrations": CheckState.BAD,
        "backup": CheckState.BAD,
        "health": CheckState.WARNING,
        "monitor": CheckState.WARNING,
    }


@pytest.mark.slow
def test_an_old_checkout_can_go_forward_and_a_diverged_one_cannot(tmp_path: Path) -> None:
    host = make_host(tmp_path)
    settings = host.settings()

    def source() -> Check:
        return [check for check in asyncio.run(doctor.examine(settings)) if check.part == "source"][-1]

    assert source().state is CheckState.GOOD
    assert source().text.startswith("v1.10.0 could be put in place")

    for argv in (("add", "."), ("-c", "user.name=x", "-c", "user.email=x@x", "commit", "-q", "-m", "by hand")):
        (host.checkout / "hotfix.txt").write_text("a commit that no release has\n")
        subprocess.run(["git", "-C", str(host.checkout), *argv], check=True)
    assert source().state is CheckState.BAD


@pytest.mark.slow
@pytest.mark.parametrize(
    ("service", "text"),
    [(Service(user=False), "started by systemd-run: no logout ends it"), (None, "started by setsid")],
)
def test_how_a_runner_will_be_started_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: Service | None, text: str
) -> None:
    monkeypatch.setattr(runner_doctor, "find_service", lambda: service)
    monkeypatch.setattr(runner_doctor, "logout_ends_it", lambda: "")
    settings = make_host(tmp_path / "host").settings()
    found = asyncio.run(runner_doctor.examine(settings, TargetPaths(tmp_path / "state", "test")))
    assert [check.text for check in found if check.part == "runner"] == [text]
    assert not (tmp_path / "state").exists(), "looking makes nothing"
