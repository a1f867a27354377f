"""The doctor's screen: what stops a release is there with its fix, and looking again looks again."""

from pathlib import Path
from typing import Any

import pytest
import seed
from stage import play, shown, text_of, until

from debvisor_tui.model.checks import Check, CheckState
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.runner import query_client
from debvisor_tui.ui.app import DebvisorApp
from debvisor_tui.ui.hand import Hand
from debvisor_tui.ui.screens.doctor import DoctorScreen

pytestmark = pytest.mark.usefixtures("quiet_home")

GOOD, WARNING, BAD = CheckState.GOOD, CheckState.WARNING, CheckState.BAD
FOUND = (
    Check("config", GOOD, "/etc/debvisor/debvisor.toml is valid"),
    Check(
        "platform",
        BAD,
        "sudo does not let deploy restart debvisor.service without a password",
        "A line for /etc/sudoers.d (visudo): deploy ALL=(root) NOPASSWD: "
        "/usr/bin/systemctl --no-ask-password restart debvisor.service",
    ),
    Check("source", GOOD, "v1.1.0 (b81d40ffe296) in place (/srv/debvisor)"),
    Check("source", GOOD, "v1.3.0 could be put in place, the newest of 2 newer"),
    Check("database", GOOD, "panel.db, 41 MB"),
    Check("health", WARNING, "ready: 503, cache failing", "http://127.0.0.1:8080/health/ready"),
)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the doctor finds, one look after the other: the checks, or an error."""
    said: list[Any] = [FOUND]

    async def ask(*_: object) -> tuple[Check, ...]:
        found = said.pop(0) if len(said) > 1 else said[0]
        if isinstance(found, Exception):
            raise found
        assert isinstance(found, tuple)
        return found

    monkeypatch.setattr(query_client, "ask_doctor", ask)
    return said


def test_what_stops_a_release_is_told_with_its_fix_and_looked_for_again(answers: list[Any], tmp_path: Path) -> None:
    answers[:] = [FOUND, WorkFailed("No answer about doctor within 90 s.", "Try again."), FOUND[:1]]

    async def story_of_the_test() -> None:
        async with shown(seed.session(tmp_path, at=seed.START)) as (app, pilot):
            await pilot.press("D")
            await until(lambda: "✗ 1 of 6 checks would stop a release." in text_of(app), pilot)
            assert isinstance(app.screen, DoctorScreen)
            assert "NOPASSWD" in text_of(app)
            await pilot.press("r")
            await until(lambda: "Try again." in text_of(app), pilot)
            assert "NOPASSWD" not in text_of(app), "what was found before is not true of now"
            await pilot.press("r")
            await until(lambda: "✓ Nothing was found that would stop a release." in text_of(app), pilot)
            await pilot.press("escape")
            await until(lambda: "LAST RUNS" in text_of(app), pilot)

    play(story_of_the_test())


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_picture(answers: list[Any], snap_compare: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    app = DebvisorApp(seed.session(tmp_path, at=seed.START), hand=Hand(careful=False))

    async def set_the_scene(pilot: Any) -> None:
        app.push_screen(DoctorScreen())
        await until(lambda: "would stop a release" in text_of(app), pilot)
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=set_the_scene)
