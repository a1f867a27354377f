"""History: the runs and all their logs can be found, and a run tells what happened in it."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import seed
import seed_history
from looks import plots_fit
from stage import in_hand, play, shown, text_of, until
from textual import events
from typer.testing import CliRunner

from debvisor_tui.cli.history import commands
from debvisor_tui.runner.paths import TargetPaths
from debvisor_tui.store.history import History
from debvisor_tui.ui.app import DebvisorApp
from debvisor_tui.ui.hand import Hand
from debvisor_tui.ui.screens.history import HistoryScreen
from debvisor_tui.ui.screens.rollback import RollbackScreen
from debvisor_tui.ui.screens.run_history import SECTIONS, RunHistoryScreen

pytestmark = pytest.mark.usefixtures("quiet_home")


@pytest.fixture(autouse=True)
def its_run_is_in_hand(tmp_path: Path) -> Iterator[None]:
    with in_hand(seed.session(tmp_path, at=seed.START)):
        yield


SIZES = ((80, 24), (120, 40))
SHOWS = {
    "timeline": "release v1.1.0 → v1.3.0 by anna",
    "log": "watching for 30 s",
    "changes": "9c41d2e07ab3 → d2a95be81c07",
    "decisions": "run · Code review",
    "evidence": "4 commits between",
    "metrics": "so far: fail",
}


def test_typing_filters_the_runs_and_enter_opens_one(tmp_path: Path) -> None:
    story = seed_history.four_runs(tmp_path)
    story.close()

    async def story_of_the_test() -> None:
        async with shown(seed.session(tmp_path, at=story.at + 7)) as (app, pilot):
            app.push_screen(HistoryScreen())
            await until(lambda: "4 runs" in text_of(app), pilot)
            assert "▶ running" in text_of(app)
            await pilot.press(*"rollback succ")
            await until(lambda: " 1 run " in text_of(app), pilot)
            assert "v1.3.0 → v1.1.0" in text_of(app)
            assert "v1.1.0 → v1.2.0" not in text_of(app)
            await pilot.press("enter")
            await until(lambda: "undoes run 2" in text_of(app), pilot)
            await pilot.press("escape")
            await until(lambda: isinstance(app.screen, HistoryScreen), pilot)
            await pilot.press("escape")
            await until(lambda: "4 runs" in text_of(app), pilot)
            await pilot.press(*"[nowhere]")
            await until(lambda: "No run matches" in text_of(app), pilot)

    play(story_of_the_test())


def test_a_line_found_in_any_log_is_opened_where_it_stands(tmp_path: Path) -> None:
    story = seed_history.four_runs(tmp_path)
    story.lines(500)
    story.lines(1, "pg_dump: error: connection to [/] lost")
    story.lines(500)
    story.close()

    async def story_of_the_test() -> None:
        async with shown(seed.session(tmp_path, at=story.at + 7)) as (app, pilot):
            app.push_screen(HistoryScreen())
            await until(lambda: "4 runs" in text_of(app), pilot)
            await pilot.press("tab", *"lost connec")
            await until(lambda: "1 line" in text_of(app), pilot)
            assert "connection to [/] lost" in text_of(app)
            await pilot.press("enter")
            await until(lambda: "error: connection to [/] lost" in text_of(app) and "Backup" in text_of(app), pilot)
            assert isinstance(app.screen, RunHistoryScreen)
            assert app.screen.run_id == 4

    play(story_of_the_test())


def test_older_runs_are_read_at_the_end_of_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("debvisor_tui.ui.screens.history.PAGE", 5)
    story = seed.Story(tmp_path)
    for _ in range(12):
        story.release()
    story.close()

    async def story_of_the_test() -> None:
        async with shown(seed.session(tmp_path, at=story.at)) as (app, pilot):
            app.push_screen(HistoryScreen())
            await until(lambda: "5 runs, and older ones at the end" in text_of(app), pilot)
            await pilot.press(*["down"] * 4)
            await until(lambda: "10 runs, and older ones" in text_of(app), pilot)
            screen = app.screen
            assert isinstance(screen, HistoryScreen)
            assert screen.run_list.highlighted == 4  # the reader stays where he was
            await pilot.press("pagedown")
            await until(lambda: "12 runs" in text_of(app), pilot)

    play(story_of_the_test())


def test_what_is_pasted_is_foreign_text(tmp_path: Path) -> None:
    async def story_of_the_test() -> None:
        async with shown(seed.session(tmp_path, at=seed.START)) as (app, pilot):
            screen = HistoryScreen()
            app.push_screen(screen)
            await until(lambda: "There is no run yet" in text_of(app), pilot)
            await pilot.press("e")
            screen.run_filter.post_message(events.Paste("\u0301\t\x9b2Jx\u202ey\x1b]0;title\x07 z\nsecond line"))
            await until(lambda: len(screen.run_filter.value) > 1, pilot)
            assert screen.run_filter.value == "e\u0301 x\ufffdy z"
            assert screen.run_filter.cursor_position == len("e\u0301 x\ufffdy z")

    play(story_of_the_test())


def test_without_a_journal_history_says_how_the_first_run_begins(tmp_path: Path) -> None:
    async def story_of_the_test() -> None:
        async with shown(seed.session(tmp_path, at=seed.START)) as (app, pilot):
            app.push_screen(HistoryScreen())
            await until(lambda: "There is no run yet." in text_of(app), pilot)
            await pilot.press("enter")
            await until(lambda: "There is nothing to open here." in text_of(app), pilot)
            app.push_screen(RunHistoryScreen(7))
            await until(lambda: "There is no run 7 in the journal." in text_of(app), pilot)

    play(story_of_the_test())


def test_a_run_tells_its_story_in_six_sections(tmp_path: Path) -> None:
    story = seed_history.four_runs(tmp_path)
    story.close()

    async def story_of_the_test() -> None:
        async with shown(seed.session(tmp_path, at=story.at + 7), size=(120, 60)) as (app, pilot):
            app.push_screen(RunHistoryScreen(2))
            await until(lambda: "release v1.1.0 → v1.3.0 by anna" in text_of(app), pilot)
            await pilot.press("end")
            await until(lambda: "✗ Restart failed in 1.2 s: The service ended" in text_of(app), pilot)
            await pilot.press("2")
            await until(lambda: "log 7 of 7" in text_of(app), pilot)
            assert "The service ended 0.4 s after it was started." in text_of(app)
            await pilot.press("shift+tab")
            await until(lambda: "Upgrade · ✓ done" in text_of(app), pilot)
            await pilot.press("3")
            await until(lambda: "9c41d2e07ab3 → d2a95be81c07" in text_of(app), pilot)
            await pilot.press("4")
            await until(lambda: "run · Code review · anna (10.0.0.7)" in text_of(app), pilot)
            await pilot.press("5")
            await until(lambda: "3 of 3 checks passed" in text_of(app), pilot)
            await pilot.press("end")
            await until(lambda: "! LOSES DATA: node.notes: all 12 values gone" in text_of(app), pilot)
            assert "✓ data: no row and no value was lost" in text_of(app)
            await pilot.press("6")
            await until(lambda: "did not come to its monitor" in text_of(app), pilot)
            await pilot.press("R")
            await until(lambda: "rolled back already" in text_of(app), pilot)

    play(story_of_the_test())


def test_the_commands_tell_what_was_answered_of_each_migration(tmp_path: Path) -> None:
    story = seed_history.four_runs(tmp_path)
    story.close()

    def said(*words: str) -> str:
        choice = SimpleNamespace(history=lambda: History(TargetPaths(tmp_path, "production").journal))
        return CliRunner().invoke(commands, ["show", "2", *words], obj=choice).stdout

    assert "  !  data: node.notes: all 12 values gone\n" in said()
    told = json.loads(said("--json"))["answers"]["migration-check"]
    assert list(told) == ["b1f0a7c3d2e4", "d2a95be81c07", "e7d0315fb2c8"]
    data = {revision: (answers[0]["verdict"], answers[0]["tried"]) for revision, answers in told.items()}
    assert data == {"b1f0a7c3d2e4": ("good", True), "d2a95be81c07": ("good", True), "e7d0315fb2c8": ("bad", True)}
    assert {len(answers) for answers in told.values()} == {5}


def test_a_release_is_rolled_back_from_its_history(tmp_path: Path) -> None:
    story = seed_history.four_runs(tmp_path)
    story.close()

    async def story_of_the_test() -> None:
        async with shown(seed.session(tmp_path, at=story.at + 7)) as (app, pilot):
            app.push_screen(RunHistoryScreen(1))
            await until(lambda: "R ROLL BACK" in text_of(app), pilot)
            await pilot.press("R")
            await until(lambda: isinstance(app.screen, RollbackScreen), pilot)

    play(story_of_the_test())


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("scene", ["runs", "search", "empty"])
def test_picture(snap_compare: Any, tmp_path: Path, scene: str, size: tuple[int, int]) -> None:
    at = seed.START
    if scene != "empty":
        story = seed_history.four_runs(tmp_path)
        story.close()
        at = story.at + 7
    app = DebvisorApp(seed.session(tmp_path, at=at), hand=Hand(careful=False))

    async def set_the_scene(pilot: Any) -> None:
        app.push_screen(HistoryScreen())
        await until(lambda: "4 runs" in text_of(app) or "no run yet" in text_of(app), pilot)
        if scene == "search":
            await pilot.press("tab", *"rev")
            await until(lambda: "revisions pending" in text_of(app), pilot)

    assert snap_compare(app, terminal_size=size, run_before=set_the_scene)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("section", SECTIONS)
def test_picture_of_a_run(snap_compare: Any, tmp_path: Path, section: str, size: tuple[int, int]) -> None:
    story = seed.Story(tmp_path)
    run = seed_history.bad_watch(story)
    story.close()
    app = DebvisorApp(seed.session(tmp_path, at=story.at + 27.4), hand=Hand(careful=False))

    async def set_the_scene(pilot: Any) -> None:
        app.push_screen(RunHistoryScreen(run))
        await until(lambda: "running" in text_of(app), pilot)
        await pilot.press(str(SECTIONS.index(section) + 1))
        await until(lambda: SHOWS[section] in text_of(app) and (section != "metrics" or plots_fit(app)), pilot)
        await pilot.pause(0.1)

    assert snap_compare(app, terminal_size=size, run_before=set_the_scene)
