"""Help: read from the screens, so it holds every key that there is."""

import pkgutil
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import seed
from stage import play, shown, text_of, until

import debvisor_tui.ui.screens
from debvisor_tui.ui.app import DebvisorApp
from debvisor_tui.ui.base import DebvisorScreen
from debvisor_tui.ui.hand import Hand
from debvisor_tui.ui.screens.help import OWNERS, HelpScreen, keys_of

pytestmark = pytest.mark.usefixtures("quiet_home")


def test_every_screen_has_its_keys_in_the_help() -> None:
    explained = {name for _, _, name in OWNERS}
    for module in pkgutil.iter_modules(debvisor_tui.ui.screens.__path__):
        for value in vars(import_module(f"debvisor_tui.ui.screens.{module.name}")).values():
            if not (isinstance(value, type) and issubclass(value, DebvisorScreen)):
                continue
            if any(issubclass(getattr(import_module(f"debvisor_tui.ui.{m}"), n), value) for _, m, n in OWNERS):
                continue
            assert value.__name__ in explained, f"{value.__name__} is not in the help"
    for title, path, name in OWNERS:
        keys = dict(keys_of(getattr(import_module(f"debvisor_tui.ui.{path}"), name)))
        assert keys, f"{title} has no keys"
        assert all(does for does in keys.values())


def test_the_keys_of_the_screen_one_comes_from_stand_first(tmp_path: Path) -> None:
    from debvisor_tui.ui.screens.history import HistoryScreen

    async def story_of_the_test() -> None:
        async with shown(seed.session(tmp_path, at=seed.START), size=(100, 40)) as (app, pilot):
            app.push_screen(HistoryScreen())
            await until(lambda: "no run yet" in text_of(app), pilot)
            await pilot.press("question_mark")
            await until(lambda: "KEYS HERE: history" in text_of(app), pilot)
            assert "Change between the runs and the search" in text_of(app)
            await pilot.press("end")
            await until(lambda: str(tmp_path)[:30] in text_of(app), pilot)
            await pilot.press("escape")
            await until(lambda: isinstance(app.screen, HistoryScreen), pilot)

    play(story_of_the_test())


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_picture(snap_compare: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    app = DebvisorApp(seed.session(tmp_path, at=seed.START), hand=Hand(careful=False))

    async def set_the_scene(pilot: Any) -> None:
        app.push_screen(HelpScreen())
        await until(lambda: "HOW A RUN WORKS" in text_of(app), pilot)

    assert snap_compare(app, terminal_size=size, run_before=set_the_scene)
