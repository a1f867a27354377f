"""The rollback screen: what the way back does and costs is there at once, and nothing happens unasked."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import seed
import seed_history
from stage import play, runner, said, shown, text_of, until

from debvisor_tui.model.errors import DebvisorError
from debvisor_tui.model.gates import GateKind
from debvisor_tui.model.rollback import RollbackOptions, RollbackPlan
from debvisor_tui.runner import query_client, spawn
from debvisor_tui.runner.client import RunnerClient
from debvisor_tui.runner.paths import TargetPaths
from debvisor_tui.store.history import History
from debvisor_tui.ui.app import DebvisorApp
from debvisor_tui.ui.hand import Hand
from debvisor_tui.ui.screens.rollback import RollbackScreen
from debvisor_tui.ui.screens.run import RunScreen
from debvisor_tui.ui.widgets.page import Choices

pytestmark = pytest.mark.usefixtures("quiet_home")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """`refuse`: the error that the counting ends with; `started`: (run, options) of what was started."""
    known: dict[str, Any] = {"refuse": None, "started": []}

    async def rollback(_settings: object, places: TargetPaths, run: int, options: RollbackOptions) -> RollbackPlan:
        if known["refuse"]:
            raise known["refuse"]
        history = History(places.journal)
        view = history.run(run)
        history.close()
        assert view is not None
        return seed_history.counted(view, options)

    async def start(_settings: object, _places: object, run: int, options: RollbackOptions, _who: object) -> int:
        known["started"].append((run, options.to_json()))
        return run

    monkeypatch.setattr(query_client, "ask_rollback", rollback)
    monkeypatch.setattr(spawn, "start_rollback", start)
    return known


def seeded(folder: Path, what: Any) -> tuple[int, float]:
    """The run that `what` writes, and the time at its end."""
    story = seed.Story(folder)
    run = what(story)
    story.close()
    return run, story.at


def test_an_additive_release_goes_back_without_its_database_at_one_key(world: dict[str, Any], tmp_path: Path) -> None:
    run, at = seeded(tmp_path, seed.whole)

    async def story_of_the_test() -> None:
        async with shown(seed.session(tmp_path, at=at)) as (app, pilot):
            app.push_screen(RollbackScreen(run))
            await until(lambda: "node.region (12 values)" in text_of(app), pilot)
            assert "○ off" in text_of(app)
            assert "→ will do       Put code back" in text_of(app)
            assert "back to v1.0.0 (3f2a91c04d7b)" in text_of(app)
            await pilot.press("escape")
            assert world["started"] == []
            app.push_screen(RollbackScreen(run))
            await until(lambda: "node.region (12 values)" in text_of(app), pilot)
            await pilot.press("enter")
            await until(lambda: "Roll back PRODUCTION production?" in text_of(app), pilot)
            await until(lambda: "Users notice the restart: the service does not answer" in text_of(app), pilot)
            await pilot.press("enter", "enter")
            assert world["started"] == [], "in production it is asked once more, and not by enter"
            await pilot.press("y")
            await until(lambda: isinstance(app.screen, RunScreen), pilot)
            assert world["started"] == [(run, {"database": None, "restore_backup": False})]

    play(story_of_the_test())


def test_who_leaves_while_a_rollback_is_being_started_is_told_so(
    world: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, at = seeded(tmp_path, seed.whole)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def start(_settings: object, _places: object, run: int, *_: object) -> int:
        begun.set()
        await go_on.wait()
        return run

    monkeypatch.setattr(spawn, "start_rollback", start)

    async def story_of_the_test() -> None:
        async with shown(seed.session(tmp_path, at=at)) as (app, pilot):
            app.push_screen(RollbackScreen(run))
            await until(lambda: "node.region (12 values)" in text_of(app), pilot)
            await pilot.press("enter")
            await until(lambda: "Roll back PRODUCTION production?" in text_of(app), pilot)
            await pilot.press("y")
            await begun.wait()
            await pilot.press("escape")
            await until(lambda: "its screen opens by itself" in text_of(app), pilot)
            go_on.set()
            await until(lambda: isinstance(app.screen, RunScreen), pilot)

    play(story_of_the_test())


def test_an_answer_that_comes_while_the_screen_closes_finds_no_half_of_it(
    world: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, at = seeded(tmp_path, seed.whole)
    asked, answered = asyncio.Event(), asyncio.Event()
    counted = query_client.ask_rollback
    unmount = Choices._on_unmount

    async def rollback(*what: Any) -> RollbackPlan:
        asked.set()
        await answered.wait()
        return await counted(*what)

    def last_of_the_screen(choices: Choices) -> None:
        unmount(choices)
        answered.set()  # the list is gone, the screen not yet

    monkeypatch.setattr(query_client, "ask_rollback", rollback)
    monkeypatch.setattr(Choices, "_on_unmount", last_of_the_screen)

    async def story_of_the_test() -> None:
        async with shown(seed.session(tmp_path, at=at)) as (app, pilot):
            home = app.screen
            app.push_screen(RollbackScreen(run))
            await until(asked.is_set, pilot)
            await pilot.press("escape")
            await until(lambda: app.screen is home and answered.is_set(), pilot)
            await pilot.pause()

    play(story_of_the_test())


def test_what_the_old_release_needs_is_not_switched_off_by_a_space_and_an_enter(
    world: dict[str, Any], tmp_path: Path
) -> None:
    run, at = seeded(tmp_path, seed_history.destructive)

    async def story_of_the_test() -> None:
        async with shown(seed.session(tmp_path, at=at)) as (app, pilot):
            app.push_screen(RollbackScreen(run))
            await until(lambda: "vm.owner (61 values)" in text_of(app), pilot)
            await pilot.press("space")
            await until(lambda: "! loses: vm.owner" in text_of(app), pilot)
            await pilot.press("space")
            await until(lambda: "off: NEEDED" in text_of(app), pilot)
            assert "node.notes was removed or changed" in text_of(app), "the reason stays"
            await pilot.press("enter")
            await until(lambda: "WILL FAIL to agree" in text_of(app), pilot)
            assert "Switched off" in text_of(app)
            await pilot.press("y", "enter")
            await until(lambda: "that was not it" in text_of(app), pilot)
            assert world["started"] == []
            await pilot.press("escape")
            assert world["started"] == []

    play(story_of_the_test())


def test_data_is_lost_only_after_it_was_switched_on_stated_and_agreed_to(
    world: dict[str, Any], tmp_path: Path
) -> None:
    run, at = seeded(tmp_path, seed_history.destructive)

    async def story_of_the_test() -> None:
        async with shown(seed.session(tmp_path, at=at)) as (app, pilot):
            app.push_screen(RollbackScreen(run))
            await until(lambda: "vm.owner (61 values)" in text_of(app), pilot)
            assert "○ off: decide" in text_of(app)
            assert "enter ROLL BACK" not in text_of(app)  # a blocker stands: the key is no offer
            await pilot.press("enter")
            await until(lambda: "Going down loses data" in text_of(app), pilot)
            assert world["started"] == []
            await pilot.press("space")
            await until(lambda: "! loses: vm.owner (61 values)" in text_of(app), pilot)
            await pilot.press("enter")
            await until(lambda: "roll back and lose it" in text_of(app), pilot)
            await pilot.press("enter")  # too easily pressed to mean yes
            assert world["started"] == []
            await pilot.press("y")
            await until(lambda: world["started"], pilot)
            assert world["started"] == [(run, {"database": True, "restore_backup": False})]

    play(story_of_the_test())


def test_a_restore_asks_for_the_targets_name(world: dict[str, Any], tmp_path: Path) -> None:
    run, at = seeded(tmp_path, seed.whole)

    async def story_of_the_test() -> None:
        async with shown(seed.session(tmp_path, at=at)) as (app, pilot):
            app.push_screen(RollbackScreen(run))
            await until(lambda: "node.region (12 values)" in text_of(app), pilot)
            await pilot.press("down", "down", "space")
            await until(lambda: "! loses: every row written since the backup" in text_of(app), pilot)
            await pilot.press("enter")
            await until(lambda: "type production" in text_of(app), pilot)
            await pilot.press(*"prod", "enter")
            assert world["started"] == []
            await pilot.press(*"production", "enter")
            await until(lambda: world["started"], pilot)
            assert world["started"] == [(run, {"database": None, "restore_backup": True})]

    play(story_of_the_test())


def test_a_living_runner_is_asked_and_nothing_else_is_started(
    world: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, at = seeded(tmp_path, seed_history.destructive)
    shown_runs: list[int] = []
    monkeypatch.setattr(DebvisorApp, "show_run", lambda _app, run: shown_runs.append(run))

    async def story_of_the_test() -> None:
        session = seed.session(tmp_path, at=at)
        async with runner(session, run) as there, shown(session) as (app, pilot):
            there.refuse = "The run is between two steps."
            app.push_screen(RollbackScreen(run))
            await until(lambda: "vm.owner (61 values)" in text_of(app), pilot)
            await pilot.press("space", "enter")
            await until(lambda: "roll back and lose it" in text_of(app), pilot)
            await pilot.press("y")
            await until(lambda: "The run is between two steps." in text_of(app), pilot)
            there.refuse = ""
            story = seed.Story(tmp_path, at=at)
            second = story.rollback(run, ["revert-release", "restart", "health"], "v1.2.0", "v1.1.0")
            story.close()
            await pilot.press("enter")
            await until(lambda: "roll back and lose it" in text_of(app), pilot)
            await pilot.press("y")
            await until(lambda: shown_runs, pilot)
            assert shown_runs == [second]
            assert there.commands == [("rollback", {"options": {"database": True, "restore_backup": False}})]
            assert world["started"] == []

    play(story_of_the_test())


def test_an_observer_sees_the_plan_and_cannot_start_it(world: dict[str, Any], tmp_path: Path) -> None:
    run, at = seeded(tmp_path, seed.whole)

    async def story_of_the_test() -> None:
        session = seed.session(tmp_path, at=at)
        async with runner(session, run) as there, shown(session) as (app, pilot):
            client = await RunnerClient.connect(session.places, session.person, observe=True)
            session.client = client
            app.push_screen(RollbackScreen(run))
            await until(lambda: "node.region (12 values)" in text_of(app), pilot)
            assert "enter ROLL BACK" not in text_of(app)
            await pilot.press("enter")
            await until(lambda: "You observe this run." in text_of(app), pilot)
            assert there.commands == world["started"] == []
            await client.close()

    play(story_of_the_test())


def test_what_has_changed_nothing_has_no_way_back(world: dict[str, Any], tmp_path: Path) -> None:
    def nothing(story: seed.Story) -> int:
        run = story.release()
        story.play("review", "ci")
        return run

    run, at = seeded(tmp_path, nothing)
    world["refuse"] = DebvisorError("Run 1 is not the last one: v1.4.0 (run 9) came after it.", "Roll that one back.")

    async def story_of_the_test() -> None:
        async with shown(seed.session(tmp_path, at=at)) as (app, pilot):
            app.push_screen(RollbackScreen(run))
            await until(lambda: "v1.4.0 (run 9) came after it" in text_of(app), pilot)
            await pilot.press("enter")
            await until(lambda: "There is nothing to undo." in text_of(app), pilot)
            await pilot.press("down", "space")
            await until(lambda: "Put code back has no switch" in text_of(app), pilot)
            assert world["started"] == []

    play(story_of_the_test())


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("scene", ["additive", "destructive", "agreed", "restore"])
def test_picture(world: dict[str, Any], snap_compare: Any, tmp_path: Path, scene: str, size: tuple[int, int]) -> None:
    run, at = seeded(tmp_path, seed_history.destructive if scene in {"destructive", "agreed"} else seed.whole)
    app = DebvisorApp(seed.session(tmp_path, at=at), hand=Hand(careful=False))

    async def set_the_scene(pilot: Any) -> None:
        app.push_screen(RollbackScreen(run))
        await until(lambda: "values)" in text_of(app), pilot)
        if scene == "agreed":
            await pilot.press("space")
            await until(lambda: "! loses" in text_of(app), pilot)
        elif scene == "restore":
            await pilot.press("down", "down", "space")
            await until(lambda: "! loses" in text_of(app), pilot)
            await pilot.press("enter")
            await until(lambda: "type production" in text_of(app), pilot)

    assert snap_compare(app, terminal_size=size, run_before=set_the_scene)


def begun_and_failed(story: seed.Story) -> int:
    """A release whose rollback waits: the old release does not answer."""
    run = seed.whole(story)
    story.rollback(run, ["revert-release", "restart", "health"])
    story.play("revert-release", "restart")
    story.wait(GateKind.FAILED, "health", "The old release does not answer.")
    return run


def test_a_rollback_that_stands_still_can_be_replaced_by_another(
    world: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, at = seeded(tmp_path, begun_and_failed)
    monkeypatch.setattr(DebvisorApp, "show_run", lambda _app, _run: None)

    async def story_of_the_test() -> None:
        session = seed.session(tmp_path, at=at)
        async with runner(session, run + 1) as there, shown(session) as (app, pilot):
            app.push_screen(RollbackScreen(run + 1))
            await until(lambda: f"This replaces rollback run {run + 1}" in text_of(app), pilot)
            await pilot.press("down", "down", "space")
            await until(lambda: "! loses: every row written since the backup" in text_of(app), pilot)
            await pilot.press("enter")
            await until(lambda: "type production" in text_of(app), pilot)
            await pilot.press(*"production", "enter")
            await until(lambda: there.commands, pilot)
            assert there.commands == [("rollback", {"options": {"database": None, "restore_backup": True}})]
            assert world["started"] == []

    play(story_of_the_test())


def test_a_rollback_at_work_is_not_disturbed(world: dict[str, Any], tmp_path: Path) -> None:
    def at_work(story: seed.Story) -> int:
        run = seed.whole(story)
        story.rollback(run, ["revert-release", "restart", "health"])
        story.start("revert-release")
        return run

    run, at = seeded(tmp_path, at_work)

    async def story_of_the_test() -> None:
        session = seed.session(tmp_path, at=at)
        async with runner(session, run + 1) as there, shown(session) as (app, pilot):
            app.push_screen(RollbackScreen(run))
            await until(lambda: "Put code back" in text_of(app), pilot)
            await pilot.press("enter")
            await until(lambda: f"Run {run + 1} is rolling it back just now." in said(app), pilot)
            assert there.commands == []

    play(story_of_the_test())
