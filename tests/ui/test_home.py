"""Home: what runs now with the age of that knowledge, the run to attach to, and why a key does nothing."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import seed
from scenes import SCENES
from stage import in_hand, play, runner, said, shown, text_of, until

from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.states import RunState
from debvisor_tui.model.views import Now, Probe
from debvisor_tui.runner import query_client
from debvisor_tui.ui.app import DebvisorApp, Opening
from debvisor_tui.ui.hand import Hand
from debvisor_tui.ui.screens.run import RunScreen
from debvisor_tui.ui.widgets.run_table import RunTable

SIZES = ((80, 24), (120, 40))
NOW = Now(
    "v1.1.0",
    Artifact("v1.1.0", {"commit": "b81d40ffe296"}),
    "d2a95be81c07",
    (Probe("ready", "http://x", 200, 4.0, True, "good", {"cache": "ok"}),),
)


def test_before_the_first_release_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer: asyncio.Queue[Now | WorkFailed] = asyncio.Queue()

    async def now(*_: object) -> Now:
        got = await answer.get()
        if isinstance(got, WorkFailed):
            raise got
        return got

    monkeypatch.setattr(query_client, "ask_now", now)

    async def main() -> None:
        async with shown(seed.session(tmp_path, at=seed.START)) as (app, pilot):
            await until(lambda: "asking…" in text_of(app), pilot)
            await until(lambda: "n begins the first release" in text_of(app), pilot)
            answer.put_nowait(NOW)
            await until(lambda: "v1.1.0" in text_of(app) and "probed at 22:02:00" in text_of(app), pilot)
            await pilot.press("R")
            await until(lambda: "No release has changed anything that is still in place." in said(app), pilot)
            # what is known stays in view with its age while it is asked again, and when that fails
            await pilot.press("ctrl+r")
            await until(lambda: "probed at 22:02:00, asking again…" in text_of(app), pilot)
            answer.put_nowait(WorkFailed("No answer about now within 90 s.", "Try again."))
            await until(lambda: "No answer about now within 90 s." in text_of(app), pilot)
            assert "probed at 22:02:00" in text_of(app)

    play(main())


@pytest.mark.usefixtures("quiet_home")
def test_a_run_in_progress_is_shown_and_attached_to(tmp_path: Path) -> None:
    async def main() -> None:
        story = seed.Story(tmp_path)
        SCENES["failed"].tell(story)
        session = seed.session(tmp_path, at=story.at)
        async with runner(session, story.run), shown(session) as (app, pilot):
            await until(lambda: "Health failed, waits for you since 22:02:40" in text_of(app), pilot)
            assert "✗ failed   run 1" in text_of(app), "it is no question, and not just waiting"
            assert "The service is not ready after 15 s" in text_of(app)
            await pilot.press("n")
            await until(lambda: "Run 1 has not ended; a shows it." in said(app), pilot)
            await pilot.press("enter")  # the table's first row is that run
            await until(lambda: isinstance(app.screen, RunScreen) and app.screen.operates, pilot)
        story.close()

    play(main())


@pytest.mark.usefixtures("quiet_home")
@pytest.mark.parametrize("alive", [True, False], ids=["goes on", "its runner is gone"])
def test_started_plainly_it_opens_on_the_run_that_has_not_ended(tmp_path: Path, alive: bool) -> None:
    story = seed.Story(tmp_path)
    SCENES["failed"].tell(story)
    story.close()
    session = seed.session(tmp_path, at=story.at)

    async def main() -> None:
        app = DebvisorApp(session, opening=Opening(in_progress=True), hand=Hand(careful=False))
        async with AsyncExitStack() as stack:
            if alive:
                await stack.enter_async_context(runner(session, story.run))
            pilot = await stack.enter_async_context(app.run_test(size=(80, 24)))
            told = "you decide" if alive else "The runner is gone"
            await until(lambda: isinstance(app.screen, RunScreen) and told in text_of(app), pilot)
            await pilot.press("d")
            await until(lambda: ("IN PROGRESS" if alive else "INTERRUPTED") in text_of(app), pilot)

    play(main())


def _two_runs(story: seed.Story) -> None:
    run = seed.whole(story)
    story.rollback(run, ["revert-release", "restart", "health"])
    story.play("revert-release")
    story.done(RunState.SUCCEEDED)
    story.at += 90_000
    SCENES["failed"].tell(story)


@pytest.mark.usefixtures("quiet_home")
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("runs", ["none", "some"])
def test_picture(snap_compare: Any, tmp_path: Path, runs: str, size: tuple[int, int]) -> None:
    at = seed.START
    if runs == "some":
        story = seed.Story(tmp_path)
        _two_runs(story)
        story.close()
        at = story.at
    session = seed.session(tmp_path, at=at, production=runs == "some")
    app = DebvisorApp(session, hand=Hand(careful=False))

    async def set_the_scene(pilot: Any) -> None:
        await until(lambda: "cache ok" in text_of(app) or "probed at" in text_of(app), pilot)
        await until(lambda: ("waits for you since" if runs == "some" else "first release") in text_of(app), pilot)

    with in_hand(session):
        assert snap_compare(app, terminal_size=size, run_before=set_the_scene)


def test_on_the_next_day_a_runs_time_has_its_day(tmp_path: Path, quiet_home: None) -> None:
    story = seed.Story(tmp_path)
    seed.whole(story)
    story.close()

    async def main() -> None:
        async with shown(seed.session(tmp_path, at=seed.START + 60)) as (app, pilot):
            await until(lambda: "v1.0.0 → v1.1.0" in text_of(app), pilot)
            table = app.screen.query_one(RunTable)
            day = "17 Mar"
            assert day not in text_of(app)
            runs = list(table._runs)
            table.show(runs, seed.START + 86_400 * 2)
            await until(lambda: day in text_of(app), pilot)

    play(main())
