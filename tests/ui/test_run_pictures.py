"""The run's screen as pictures: each step and each kind of gate, at both sizes."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import seed
from scenes import SCENES
from stage import runner_aside, text_of, until

from debvisor_tui.ui.app import DebvisorApp, Opening
from debvisor_tui.ui.hand import Hand

pytestmark = pytest.mark.usefixtures("quiet_home")

SIZES = (pytest.param((80, 24), id="80x24"), pytest.param((120, 40), id="120x40", marks=pytest.mark.slow))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", SCENES)
def test_picture(name: str, size: tuple[int, int], snap_compare: Any, tmp_path: Path) -> None:
    scene = SCENES[name]
    story = seed.Story(tmp_path)
    scene.tell(story)
    story.close()
    session = seed.session(tmp_path, at=story.at + 2)
    app = DebvisorApp(session, opening=Opening(story.run), hand=Hand(careful=False))

    async def set_the_scene(pilot: Any) -> None:
        await until(lambda: story_is_shown(app, operated=scene.runner), pilot)
        if scene.press:
            await pilot.press(*scene.press)
        await until(lambda: scene.wait in text_of(app), pilot)
        await pilot.pause()

    with ExitStack() as stack:
        if scene.runner:
            told = {"type": "progress", "run": story.run, **scene.progress} if scene.progress else None
            stack.enter_context(runner_aside(session, story.run, progress=told))
        assert snap_compare(app, terminal_size=size, run_before=set_the_scene)


def story_is_shown(app: DebvisorApp, *, operated: bool) -> bool:
    """The run is read, its log is drawn, and the runner (if there is one) has said who operates."""
    screen: Any = app.screen
    if not hasattr(screen, "log_pane") or screen.view is None:
        return False
    drawn = not screen.log_pane.last or screen.log_pane._lines
    return bool(drawn) and (screen.operates if operated else not screen.listening)
