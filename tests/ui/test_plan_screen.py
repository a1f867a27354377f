"""The plan screen: a version is chosen, its plan read, and only then something is started."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import seed
import seed_history
from stage import play, runner, shown, text_of, until

from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.errors import DebvisorError, LockHeld
from debvisor_tui.model.views import ReleasePlan, Version
from debvisor_tui.runner import launch, query_client, spawn
from debvisor_tui.ui.app import DebvisorApp
from debvisor_tui.ui.hand import Hand
from debvisor_tui.ui.screens.plan import PlanScreen
from debvisor_tui.ui.screens.run import RunScreen

pytestmark = pytest.mark.usefixtures("quiet_home")

SIZES = ((80, 24), (120, 40))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the questions answer: a value, or the error they raise; and what was started."""
    answers: dict[str, Any] = {
        "versions": seed_history.VERSIONS,
        "plan": seed_history.release_plan(),
        "start": 1,
        "started": [],
        "fetched": [],
        "logout": "",
    }

    def answer(name: str) -> Any:
        if isinstance(answers[name], Exception):
            raise answers[name]
        return answers[name]

    async def versions(*_: object) -> tuple[Version, ...]:
        return answer("versions")  # type: ignore[no-any-return]

    async def plan(*_: object, fetch: bool) -> ReleasePlan:
        answers["fetched"].append(fetch)
        return answer("plan")  # type: ignore[no-any-return]

    async def start(
        _settings: object, _places: object, version: str, person: object, *, auto: bool, seen: Artifact
    ) -> int:
        answers["started"].append((version, str(person), auto, seen))
        return answer("start")  # type: ignore[no-any-return]

    monkeypatch.setattr(query_client, "ask_versions", versions)
    monkeypatch.setattr(query_client, "ask_plan", plan)
    monkeypatch.setattr(spawn, "start_release", start)
    monkeypatch.setattr(launch, "logout_ends_it", lambda: answers["logout"])
    return answers


def test_a_release_is_started_after_its_plan_was_seen_and_production_confirmed(
    world: dict[str, Any], tmp_path: Path
) -> None:
    story = seed.Story(tmp_path)
    story.release()
    story.close()

    async def story_of_the_test() -> None:
        async with shown(seed.session(tmp_path, at=seed.START)) as (app, pilot):
            app.push_screen(PlanScreen())
            await until(lambda: "v1.3.0" in text_of(app), pilot)
            await pilot.press("down", "enter")
            await until(lambda: "git fetch --tags origin" in text_of(app) or "PRE-DEPLOY" in text_of(app), pilot)
            assert "by hand, you attest it" in text_of(app)
            assert "about 26 s and 4 steps not timed yet" in text_of(app)
            assert world["fetched"] == [True], "nobody has said that this version is fresh"
            await pilot.press("a", "enter")
            await until(lambda: "start the release" in text_of(app), pilot)
            await pilot.press("escape")
            assert world["started"] == []
            await pilot.press("enter")
            await until(lambda: "Release v1.2.0 to production?" in text_of(app), pilot)
            await pilot.press("y")
            await until(lambda: isinstance(app.screen, RunScreen), pilot)
            assert world["started"] == [("v1.2.0", "anna (10.0.0.7)", True, seed_history.VERSIONS[1].artifact)]

    play(story_of_the_test())


def test_who_leaves_while_a_release_is_being_started_is_told_so(
    world: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Going back would end a start whose runner may have begun, and promises that nothing was touched."""
    story = seed.Story(tmp_path)
    story.release()
    story.close()
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def start(*_: object, **__: object) -> int:
        begun.set()
        await go_on.wait()
        return int(world["start"])

    monkeypatch.setattr(spawn, "start_release", start)

    async def story_of_the_test() -> None:
        async with shown(seed.session(tmp_path, at=seed.START)) as (app, pilot):
            app.push_screen(PlanScreen())
            await until(lambda: "v1.3.0" in text_of(app), pilot)
            await pilot.press("down", "enter")
            await until(lambda: "PRE-DEPLOY" in text_of(app), pilot)
            await pilot.press("enter")
            await until(lambda: "Release v1.2.0 to production?" in text_of(app), pilot)
            await pilot.press("y")
            await begun.wait()
            await pilot.press("escape")
            await until(lambda: "being started; its screen opens" in text_of(app), pilot)
            go_on.set()
            await until(lambda: isinstance(app.screen, RunScreen), pilot)

    play(story_of_the_test())


def test_what_the_remote_has_just_said_is_not_asked_again(world: dict[str, Any], tmp_path: Path) -> None:
    world["versions"] = tuple(replace(version, fresh=True) for version in seed_history.VERSIONS)

    async def story_of_the_test() -> None:
        async with shown(seed.session(tmp_path, at=seed.START)) as (app, pilot):
            app.push_screen(PlanScreen())
            await until(lambda: "v1.3.0" in text_of(app), pilot)
            await pilot.press("down", "enter")
            await until(lambda: "PRE-DEPLOY" in text_of(app), pilot)
            assert world["fetched"] == [False]
            await pilot.press("r")
            await until(lambda: world["fetched"] == [False, True], pilot)

    play(story_of_the_test())


def test_the_cursor_passes_over_what_is_not_newer(world: dict[str, Any], tmp_path: Path) -> None:
    async def story_of_the_test() -> None:
        async with shown(seed.session(tmp_path, at=seed.START)) as (app, pilot):
            screen = PlanScreen()
            app.push_screen(screen)
            await until(lambda: "older; to go back use R" in text_of(app), pilot)
            await pilot.press("down", "down")
            assert screen.offers.highlighted == 1  # not on to v1.1.0, and not round to the newest: Down means down
            assert "›" in text_of(app), "the cursor is a glyph, not a colour alone"
            world["versions"] = seed_history.VERSIONS[2:]
            await pilot.press("r")
            await until(lambda: "Nothing is newer than what runs now" in text_of(app), pilot)
            await pilot.press("enter")
            await until(lambda: "There is no newer version to choose." in text_of(app), pilot)
            assert world["started"] == []

    play(story_of_the_test())


def test_what_is_in_the_way_is_said_and_nothing_is_started(world: dict[str, Any], tmp_path: Path) -> None:
    world["plan"] = seed_history.release_plan("The checkout /srv/debvisor has local changes [/].")

    async def story_of_the_test() -> None:
        async with shown(seed.session(tmp_path, at=seed.START)) as (app, pilot):
            app.push_screen(PlanScreen("v1.2.0"))
            await until(lambda: "v1.2.0 cannot be released yet" in text_of(app), pilot)
            assert "has local changes [/]" in text_of(app)
            await pilot.press("enter")
            await until(lambda: "It cannot start: The checkout" in text_of(app), pilot)
            await pilot.press("ctrl+p", *"choose")  # the palette, too, says why not
            await until(lambda: "has local changes [/]." in text_of(app) and "Choose  (enter)" in text_of(app), pilot)
            await pilot.press("escape")
            await until(lambda: isinstance(app.screen, PlanScreen), pilot)
            world["plan"] = seed_history.release_plan()
            await pilot.press("r")
            await until(lambda: "Nothing is touched yet" in text_of(app), pilot)
            world["start"] = LockHeld("Run 41 of bea is going on.", "Attach to it from home.")
            await pilot.press("enter")
            await until(lambda: "start the release" in text_of(app), pilot)
            await pilot.press("y")
            await until(lambda: "Run 41 of bea is going on." in text_of(app), pilot)
            assert isinstance(app.screen, PlanScreen)

    play(story_of_the_test())


def test_an_origin_that_is_gone_is_told_and_can_be_asked_again(world: dict[str, Any], tmp_path: Path) -> None:
    world["versions"] = DebvisorError("The origin does not answer.", "Is the network there? Press r.")

    async def story_of_the_test() -> None:
        async with shown(seed.session(tmp_path, at=seed.START)) as (app, pilot):
            app.push_screen(PlanScreen())
            await until(lambda: "The origin does not answer." in text_of(app), pilot)
            world["versions"] = seed_history.VERSIONS
            await pilot.press("r")
            await until(lambda: "Which version?" in text_of(app) and "v1.3.0" in text_of(app), pilot)

    play(story_of_the_test())


def test_that_a_logout_would_end_the_run_is_said_beside_the_key_that_starts_it(
    world: dict[str, Any], tmp_path: Path
) -> None:
    world["logout"] = "A logout would end this run. First do: sudo loginctl enable-linger [b]anna[/b]"

    async def story_of_the_test() -> None:
        async with shown(seed.session(tmp_path, at=seed.START)) as (app, pilot):
            app.push_screen(PlanScreen("v1.2.0"))
            await until(lambda: "starts; it waits for you" in text_of(app), pilot)
            await until(lambda: world["logout"] in " ".join(text_of(app).split()), pilot)
            assert "PRE-DEPLOY" in text_of(app), "the plan still has its room"

    play(story_of_the_test())


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("scene", ["versions", "plan", "problems"])
def test_picture(world: dict[str, Any], snap_compare: Any, tmp_path: Path, scene: str, size: tuple[int, int]) -> None:
    if scene == "problems":
        world["plan"] = seed_history.release_plan(
            "The checkout /srv/debvisor has local changes (2 files). Commit them, or take them away.",
            "v1.2.0 is not on main.",
        )
    app = DebvisorApp(seed.session(tmp_path, at=seed.START), hand=Hand(careful=False))

    async def set_the_scene(pilot: Any) -> None:
        app.push_screen(PlanScreen())
        await until(lambda: "v1.3.0" in text_of(app), pilot)
        if scene != "versions":
            await pilot.press("down", "enter")
            await until(lambda: "PRE-DEPLOY" in text_of(app), pilot)

    assert snap_compare(app, terminal_size=size, run_before=set_the_scene)


def test_when_somebody_was_quicker_it_says_who_and_attaches(world: dict[str, Any], tmp_path: Path) -> None:
    held = LockHeld("bert runs release v1.1.0 on sandbox since 22:02:00 (run 1, process 7).", "Attach to it.")
    story = seed.Story(tmp_path)
    story.release()
    story.ready("review")
    story.close()
    world["start"] = held

    async def story_of_the_test() -> None:
        session = seed.session(tmp_path, at=seed.START)
        async with runner(session, story.run), shown(session) as (app, pilot):
            app.push_screen(PlanScreen("v1.2.0"))
            await until(lambda: "starts; it waits for you" in text_of(app), pilot)
            await pilot.press("enter")
            await until(lambda: "to production?" in text_of(app), pilot)
            await pilot.press("y")
            await until(lambda: "bert runs release v1.1.0 on sandbox since 22:02:00" in text_of(app), pilot)
            assert "Nothing was started." in text_of(app)
            await pilot.press("enter")
            await until(lambda: isinstance(app.screen, RunScreen) and app.screen.run_id == story.run, pilot)

    play(story_of_the_test())
