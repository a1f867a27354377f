"""The log pane on a real journal: it follows, stands still when scrolled, finds, and reads only what it draws."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import seed
from stage import Runner, play, runner, shown, text_of, until
from textual.pilot import Pilot

from debvisor_tui.model.views import LogLine
from debvisor_tui.store.history import History
from debvisor_tui.ui.app import DebvisorApp
from debvisor_tui.ui.widgets.log_pane import AHEAD, LogPane

pytestmark = pytest.mark.usefixtures("quiet_home")


class Scene:
    def __init__(self, app: DebvisorApp, pilot: Pilot[int], stage: Runner, story: seed.Story) -> None:
        self.app, self.pilot, self.stage, self.story = app, pilot, stage, story

    @property
    def pane(self) -> LogPane:
        return self.app.screen.query_one(LogPane)

    async def see(self, text: str) -> None:
        await until(lambda: text in text_of(self.app), self.pilot)

    def write(self, *lines: str) -> None:
        with self.story._frozen() as journal:
            last = journal.add_lines(self.story.attempt, [(self.story.at, "out", line) for line in lines])
        self.tell(last)

    def tell(self, last: int) -> None:
        message = {"type": "log", "run": self.story.run, "step": "backup", "attempt": self.story.attempt}
        self.stage.publish({**message, "last": 10 * last})  # as a runner of an older version counts: not believed
        self.stage.publish({**message, "first": 1, "last": last})


@asynccontextmanager
async def scene(folder: Path, lines: int) -> AsyncIterator[Scene]:
    story = seed.Story(folder)
    story.release()
    story.play("review", "ci")
    story.start("backup", 0)
    if lines:
        story.lines(lines, "line number {n}")
    session = seed.session(folder, at=story.at)
    async with runner(session, story.run) as stage, shown(session, attach=story.run) as (app, pilot):
        await until(lambda: app.screen.query(LogPane) and app.screen.query_one(LogPane)._lines, pilot)
        yield Scene(app, pilot, stage, story)
    story.close()


def test_it_follows_and_shows_foreign_text_as_it_is(tmp_path: Path) -> None:
    async def main() -> None:
        async with scene(tmp_path, 300) as s:
            await s.see("line number 299")
            await s.see("log · following · 306 lines")
            s.write("[/] [bold]no markup[/bold] $accent \\[x", "日本語 wide")
            await s.see("[/] [bold]no markup[/bold] $accent \\[x")
            await s.see("日本語 wide")

    play(main())


def test_made_smaller_it_still_shows_the_newest_line_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with scene(tmp_path, 300) as s:
            await s.see("line number 299")
            rows = s.pane.size.height
            s.app.screen.query_one("#why").styles.height = 5  # no line comes that would draw it anew
            await until(lambda: s.pane.size.height < rows, s.pilot)
            await s.see("line number 299")

    play(main())


def test_scrolled_up_it_stands_still_while_the_log_grows(tmp_path: Path) -> None:
    async def main() -> None:
        async with scene(tmp_path, 300) as s:
            await s.see("line number 299")
            await s.pilot.press("pageup", "pageup")
            await s.see("paused at line")
            before = re.findall(r"line number \d+", text_of(s.app))
            s.write(*(f"later {n}" for n in range(200)))
            await s.see("of 506 · end to follow")
            assert re.findall(r"line number \d+", text_of(s.app)) == before
            await s.pilot.press("end")
            await s.see("later 199")
            await s.see("following")

    play(main())


def test_words_are_found_forwards_and_backwards_round_the_end(tmp_path: Path) -> None:
    async def main() -> None:
        async with scene(tmp_path, 300) as s:
            await s.pilot.press("home", "slash", *"Number 77", "enter")
            await s.see("“Number 77” in line 84 ")
            await s.see("line number 77")
            await s.pilot.press("n")  # the only one: round to itself
            await s.see("“Number 77” in line 84 ")
            await s.pilot.press("escape", "home", "slash", *"number 12", "enter")
            await s.see("in line 19 ")
            await s.pilot.press("n")
            await s.see("in line 127 ")
            await s.pilot.press("N", "N")
            await s.see("in line 136 ")
            await s.pilot.press("slash", *"nowhere", "enter")
            await s.see("“nowhere” is not in this log")

    play(main())


def test_a_long_line_is_cut_and_can_be_scrolled_to_its_end(tmp_path: Path) -> None:
    async def main() -> None:
        async with scene(tmp_path, 0) as s:
            s.write("the beginning " + "x" * 60 + " the end")
            await s.see("…")
            assert "the end" not in text_of(s.app)
            await s.pilot.press("l", "right")
            await s.see("the end")

    play(main())


def test_many_lines_cost_what_a_screenful_costs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    lines = History.lines

    def counted(self: History, attempt: int, first: int, last: int) -> list[LogLine]:
        asked.append(last - first + 1)
        return lines(self, attempt, first, last)

    monkeypatch.setattr(History, "lines", counted)

    async def main() -> None:
        async with scene(tmp_path, 0) as s:
            with s.story._frozen() as journal:
                for batch in range(10):
                    rows = [(s.story.at, "out", f"row {batch * 20_000 + n}") for n in range(20_000)]
                    last = journal.add_lines(s.story.attempt, rows)
            s.tell(last)
            await s.see("row 199999")
            await s.pilot.press("home")
            await s.see("row 3")
            await s.pilot.press(*["pagedown"] * 20)
            await s.see("row 260")
            await s.pilot.press("slash", *"row 150007", "enter")
            await s.see("“row 150007” in line 150014 ")
            assert max(asked) <= 2 * AHEAD + 100
            assert len(s.pane._lines) <= 2 * AHEAD + 100

    play(main())
