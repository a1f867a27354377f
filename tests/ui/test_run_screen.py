"""The run's screen, driven by keys against the real socket: what is sent, what is refused and why, what is shown."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import seed
from scenes import SCENES
from stage import Runner, play, runner, said, shown, text_of, until
from textual.pilot import Pilot

from debvisor_tui.model.errors import JournalError
from debvisor_tui.model.gates import GateKind
from debvisor_tui.model.people import Person
from debvisor_tui.model.states import RunState, StepState
from debvisor_tui.runner import spawn
from debvisor_tui.runner.client import RunnerClient
from debvisor_tui.ui.app import DebvisorApp
from debvisor_tui.ui.screens.home import HomeScreen
from debvisor_tui.ui.screens.run import RunScreen
from debvisor_tui.ui.units import name_of, tell_apart

pytestmark = pytest.mark.usefixtures("quiet_home")


class Theatre:
    """A run on the screen, with the runner it talks to and the story that writes its journal."""

    def __init__(self, app: DebvisorApp, pilot: Pilot[int], runner: Runner, story: seed.Story) -> None:
        self.app, self.pilot, self.runner, self.story = app, pilot, runner, story

    @property
    def screen(self) -> RunScreen:
        assert isinstance(self.app.screen, RunScreen)
        return self.app.screen

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def see(self, text: str) -> None:
        await until(lambda: text in text_of(self.app) or text in said(self.app), self.pilot)

    async def hear(self, *expected: tuple[str, dict[str, Any]]) -> None:
        """The runner has got exactly these commands."""
        await until(lambda: len(self.runner.commands) >= len(expected), self.pilot)
        assert [(name, dict(args)) for name, args in self.runner.commands] == list(expected)


@asynccontextmanager
async def theatre(folder: Path, tell: Callable[[seed.Story], None]) -> AsyncIterator[Theatre]:
    story = seed.Story(folder)
    tell(story)
    session = seed.session(folder, at=story.at + 2)
    async with runner(session, story.run) as stage, shown(session, attach=story.run) as (app, pilot):
        await until(lambda: getattr(app.screen, "operates", False) and getattr(app.screen, "view", None), pilot)
        yield Theatre(app, pilot, stage, story)
    story.close()


def gate(kind: str, step: str) -> dict[str, str]:
    return {"kind": kind, "step": step}


def test_enter_runs_the_step_that_waits_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with theatre(tmp_path, SCENES["ready"].tell) as t:
            await t.see("enter runs it")
            await t.press("enter", "enter")
            await t.hear(("answer", {"answer": "run", "gate": gate("ready", "backup"), "reason": ""}))
            # the run goes on: the next gate is asked, and can be answered again
            t.story.play("backup")
            t.story.ready("migration-check")
            t.runner.say_event()
            await t.see("Run Migrations?")
            assert "Backup: done" in text_of(t.app), "the evidence of the step before stays in view"
            assert "read back" in text_of(t.app)

    play(main())


def test_what_the_runner_refuses_is_said_in_its_words(tmp_path: Path) -> None:
    async def main() -> None:
        async with theatre(tmp_path, SCENES["ready"].tell) as t:
            t.runner.refuse = "The run has gone on [/] meanwhile."
            await t.press("enter")
            await t.see("The run has gone on [/] meanwhile.")
            await t.see("enter runs it")

    play(main())


def test_vouching_records_the_words_that_the_operator_sees(tmp_path: Path) -> None:
    async def main() -> None:
        async with theatre(tmp_path, SCENES["review"].tell) as t:
            await t.press("enter")
            await t.see("Recorded with it: anna (10.0.0.7), 22:02:02.")
            await t.press("escape")
            await t.see("confirms it, in your words")
            assert t.runner.commands == []
            await t.press("enter")
            await t.see("Recorded with it")
            await t.press("enter", "enter")
            await t.see("a reason of 8 letters or more is needed")
            assert t.runner.commands == [], "nobody's words are put into the operator's mouth"
            await t.press("tab", "!", "enter")
            statement = "All changes were reviewed and are on origin/main.!"
            await t.hear(("answer", {"answer": "attest", "gate": gate("attest", "review"), "reason": statement}))

    play(main())


def test_a_danger_is_not_agreed_to_by_enter(tmp_path: Path) -> None:
    async def main() -> None:
        async with theatre(tmp_path, SCENES["migrations"].tell) as t:
            await t.see("12 values")
            await t.press("enter", "enter", "enter")
            await t.see("accept and continue")
            await t.press("escape")
            await t.see("agrees, after one more question")
            assert t.runner.commands == []
            await t.press("enter")
            await t.see("accept and continue")
            await t.press("y")
            asked = gate("acknowledge", "migration-check")
            await t.hear(("answer", {"answer": "acknowledge", "gate": asked, "reason": ""}))

    play(main())


@pytest.mark.parametrize(("key", "answer"), [("s", "skip"), ("E", "abort")])
def test_skipping_and_ending_want_a_reason(tmp_path: Path, key: str, answer: str) -> None:
    async def main() -> None:
        async with theatre(tmp_path, SCENES["failed"].tell) as t:
            await t.press(key)
            await t.see("esc back, nothing is done")
            if key == "E":
                assert "Changed so far: backup pre-deploy-v1.1.0, code v1.0.0 → v1.1.0" in text_of(t.app)
            await t.press("space", "enter")
            await t.see("a reason of 8 letters or more is needed")
            await t.press("x", "enter")
            await t.see("a reason of 8 letters or more is needed")
            assert t.runner.commands == []
            await t.press(*"done by hand", "enter")
            await t.hear(("answer", {"answer": answer, "gate": gate("failed", "health"), "reason": "done by hand"}))

    play(main())


def test_production_is_asked_once_more_before_the_first_change_and_the_restart(tmp_path: Path) -> None:
    async def main() -> None:
        def before_the_pull(story: seed.Story) -> None:
            story.release()
            story.play("review", "ci", "backup", "migration-check")
            story.ready("pull")

        async with theatre(tmp_path, before_the_pull) as t:
            await t.press("enter")
            await t.see("PRODUCTION production: Pull?")
            await t.see("From here on the target is changed")
            await t.press("enter", "enter")
            assert t.runner.commands == []
            await t.press("y")
            await t.hear(("answer", {"answer": "run", "gate": gate("ready", "pull"), "reason": ""}))
            t.story.play("pull")
            t.story.ready("upgrade")
            t.runner.say_event()
            await t.see("Run Upgrade?")
            await t.press("enter")  # it was crossed already, and users do not notice this one
            await until(lambda: len(t.runner.commands) == 2, t.pilot)
            t.story.play("upgrade")
            t.story.ready("restart")
            t.runner.say_event()
            await t.see("Run Restart?")
            await t.press("enter")
            await t.see("USERS NOTICE THIS")
            assert len(t.runner.commands) == 2

    play(main())


def test_what_was_skipped_is_said_again_at_every_later_gate(tmp_path: Path) -> None:
    async def main() -> None:
        def without_a_backup(story: seed.Story) -> None:
            story.release()
            story.play("review", "ci")
            with story._frozen() as journal:
                journal.settle_step(story.run, "backup", StepState.SKIPPED)
            story.ready("migration-check")

        async with theatre(tmp_path, without_a_backup) as t:
            await t.see("! NO BACKUP in this run")
            t.story.play("migration-check")
            t.story.ready("pull")
            t.runner.say_event()
            await t.see("Run Pull?")
            await t.see("! NO BACKUP in this run")
            await t.press("enter")
            await t.see("PRODUCTION production: Pull?")
            await t.see("! NO BACKUP in this run: there is no last resort")

    play(main())


def test_a_failure_is_tried_again_by_r_and_not_by_enter(tmp_path: Path) -> None:
    async def main() -> None:
        async with theatre(tmp_path, SCENES["failed"].tell) as t:
            await t.press("enter")
            await t.see("r retries, s skips, E ends the run here")
            await t.press("r")
            await t.hear(("answer", {"answer": "retry", "gate": gate("failed", "health"), "reason": ""}))

    play(main())


def test_a_running_step_is_cancelled_after_a_question(tmp_path: Path) -> None:
    async def main() -> None:
        async with theatre(tmp_path, SCENES["backup"].tell) as t:
            await t.press("s")
            await t.see("A step is running; c cancels it.")
            await t.press("c")
            await t.see("Cancel Backup?")
            await t.press("y")
            await t.hear(("cancel", {}))

    play(main())


def test_the_watch_is_extended_and_passed_early(tmp_path: Path) -> None:
    async def main() -> None:
        async with theatre(tmp_path, SCENES["monitor"].tell) as t:
            await t.see("so far: pass")
            await t.press("plus", "p")
            await t.see("why is it enough?")
            await t.press(*"long enough", "enter")
            await t.hear(("extend", {"seconds": 300.0}), ("pass", {"reason": "long enough"}))

    play(main())


def test_who_is_here_is_seen_and_said(tmp_path: Path) -> None:
    async def main() -> None:
        async with theatre(tmp_path, SCENES["ready"].tell) as t:
            await t.see("run 1 · you ")
            bea = await RunnerClient.connect(t.app.session.places, Person("bea"))
            hearing = asyncio.create_task(_listen(bea))
            # Whatever bea calls herself, the account is the same: she is told apart by more than a name.
            await until(lambda: "is attached to this run now." in said(t.app), t.pilot)
            await t.see("you, +1 watching")
            await bea.command("take-over")
            await until(lambda: "has taken this run over" in said(t.app), t.pilot)
            assert said(t.app).endswith("; you observe.")
            await t.see("OBSERVING")
            await bea.close()
            await until(lambda: "has left." in said(t.app), t.pilot)
            hearing.cancel()

    play(main())


async def _listen(client: RunnerClient) -> None:
    async for _message in client:
        pass


def test_who_has_the_same_name_is_told_apart_by_terminal_or_address() -> None:
    assert tell_apart("root (pts/4)", "root (pts/1)") == "root (pts/4)"
    assert tell_apart("anna (10.0.0.7)", "root (pts/1)") == "anna"


def test_an_observer_sees_all_and_is_told_who_operates(tmp_path: Path) -> None:
    async def main() -> None:
        story = seed.Story(tmp_path)
        SCENES["ready"].tell(story)
        session = seed.session(tmp_path, at=story.at)
        async with runner(session, story.run) as stage:
            first = await RunnerClient.connect(session.places, Person("bea"))
            async with shown(session, attach=story.run) as (app, pilot):
                bea = name_of(first.operator)  # not anna, who began the run
                await until(lambda: f"{bea} decides" in text_of(app), pilot)
                await pilot.press("enter")
                await until(lambda: f"{bea} operates this run; T takes over." in said(app), pilot)
                assert stage.commands == []
                await pilot.press("T")
                await until(lambda: f"{bea} then only observes." in text_of(app), pilot)
                await pilot.press("y")
                await until(lambda: "enter runs it" in text_of(app), pilot)
                await pilot.press("enter")
                await until(lambda: stage.commands, pilot)
            await first.close()
        story.close()

    play(main())


def test_a_name_is_no_markup_in_a_frame_either(tmp_path: Path) -> None:
    async def main() -> None:
        story = seed.Story(tmp_path)
        SCENES["ready"].tell(story)
        session = seed.session(tmp_path, at=story.at)
        async with runner(session, story.run):
            first = await RunnerClient.connect(session.places, Person("bea"))
            async with shown(session, attach=story.run) as (app, pilot):
                await until(lambda: "waiting for" in text_of(app), pilot)
                assert isinstance(app.screen, RunScreen)
                app.screen.operator = "[/] [bold]bea[/]"
                await until(lambda: "waiting for [/] [bold]bea[/] " in text_of(app), pilot)
            await first.close()
        story.close()

    play(main())


def test_an_observer_sees_that_nobody_operates_any_more(tmp_path: Path) -> None:
    async def main() -> None:
        story = seed.Story(tmp_path)
        SCENES["ready"].tell(story)
        session = seed.session(tmp_path, at=story.at)
        async with runner(session, story.run):
            first = await RunnerClient.connect(session.places, Person("bea"))
            async with shown(session, attach=story.run) as (app, pilot):
                await until(lambda: f"{name_of(first.operator)} decides" in text_of(app), pilot)
                await first.close()
                await until(lambda: "nobody decides" in text_of(app), pilot)
                await pilot.press("enter")
                await until(lambda: "Nobody operates this run; T takes over." in said(app), pilot)
                await pilot.press("T")
                await until(lambda: "Nobody operates it now. It is recorded." in text_of(app), pilot)
                await pilot.press("y")
                await until(lambda: "enter runs it" in text_of(app), pilot)
        story.close()

    play(main())


def test_a_run_that_stands_still_for_its_journal_says_so_and_goes_on(tmp_path: Path) -> None:
    async def main() -> None:
        async with theatre(tmp_path, SCENES["ready"].tell) as t:
            t.runner.publish({"type": "trouble", "what": "The disk is full.", "hint": "Make room."})
            await t.see("the run stands still")
            assert "The disk is full." in text_of(t.app)
            assert "Make room." in text_of(t.app)
            t.runner.publish({"type": "trouble", "what": "", "hint": ""})
            await until(lambda: "The disk is full." not in text_of(t.app), t.pilot)
            await t.see("enter runs it")

    play(main())


def test_looking_at_an_earlier_step_while_the_run_goes_on(tmp_path: Path) -> None:
    async def main() -> None:
        async with theatre(tmp_path, SCENES["ready"].tell) as t:
            await t.press("up")
            await t.see("the run is at Backup")
            await t.see("3 of 3 checks passed")  # its log
            await t.press("enter")
            await t.see("f goes there")
            assert t.runner.commands == []
            t.story.play("backup")
            t.story.ready("migration-check")
            t.runner.say_event()
            await t.see("the run is at Migrations")
            assert t.screen.shown is not None
            assert t.screen.shown.id == "ci"
            await t.press("f")
            await t.see("Run Migrations?")

    play(main())


def test_the_screen_goes_on_to_the_rollback_with_its_runner(tmp_path: Path) -> None:
    async def main() -> None:
        async with theatre(tmp_path, SCENES["failed"].tell) as t:
            release = t.story.run
            t.story.rollback(release, ["revert-release", "restart", "health"])
            t.story.play("revert-release")
            t.story.start("restart", 0)
            t.runner.run = t.story.run
            t.runner.publish({"type": "run", "run": t.story.run})
            await t.see("ROLLBACK v1.1.0 → v1.0.0")
            await t.see("Put code back")
            assert t.screen.run_id == t.story.run
            t.story.end("restart")
            t.story.play("health")
            t.story.done()
            await t.runner.server.stop("the run has ended")
            await t.see("Rolled back: v1.0.0 runs again.")
            await t.press("R")
            await t.see("there is nothing more to roll back")

    play(main())


def test_a_run_whose_runner_died_is_taken_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resumed: list[int] = []

    async def main() -> None:
        story = seed.Story(tmp_path)
        SCENES["gone"].tell(story)
        session = seed.session(tmp_path, at=story.at + 2)

        async def resume(_settings: object, _places: object, run: int, _person: object) -> int:
            resumed.append(run)
            question = "Pull was under way when its runner was gone."
            story.end("pull", StepState.INTERRUPTED)
            story.wait(GateKind.INTERRUPTED, "pull", question, "Inspection: done.", finding="done")
            return run

        monkeypatch.setattr(spawn, "start_resume", resume)
        async with shown(session, attach=story.run) as (app, pilot):
            await until(lambda: "The runner is gone" in text_of(app), pilot)
            assert "! interrupted" in text_of(app)
            assert "running" not in text_of(app)
            await pilot.press("r")
            await until(lambda: "enter resumes the run" in said(app), pilot)
            async with runner(session, story.run) as stage:
                await pilot.press("enter")
                await until(lambda: "lets it stand and goes on" in text_of(app), pilot)
                await pilot.press("enter")
                await until(lambda: stage.commands, pilot)
                assert stage.commands[0][1]["answer"] == "continue"
        story.close()

    play(main())
    assert resumed == [1]


def test_a_slow_resume_is_ended_by_no_other_key_and_begun_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []
    go_on = asyncio.Event()

    async def main() -> None:
        story = seed.Story(tmp_path)
        SCENES["gone"].tell(story)
        session = seed.session(tmp_path, at=story.at + 2)

        async def resume(_settings: object, _places: object, run: int, _person: object) -> int:
            begun.append(run)
            await go_on.wait()
            story.end("pull", StepState.INTERRUPTED)
            story.wait(GateKind.INTERRUPTED, "pull", "Pull was under way.", "Inspection: done.", finding="done")
            return run

        monkeypatch.setattr(spawn, "start_resume", resume)
        async with shown(session, attach=story.run) as (app, pilot):
            await until(lambda: "enter resumes" in text_of(app), pilot)
            await pilot.press("enter")
            await until(lambda: "The run is being resumed" in text_of(app), pilot)
            for key in ("enter", "r", "enter"):
                app.say("")
                await pilot.press(key)
                await until(lambda: "The run is being resumed" in said(app), pilot)
            await pilot.press("d")  # another screen does not end it, either
            await until(lambda: "its runner is gone" in text_of(app), pilot)
            async with runner(session, story.run):
                go_on.set()
                await pilot.press("a")
                await until(lambda: "lets it stand and goes on" in text_of(app), pilot)
        story.close()

    play(main())
    assert begun == [1]


def test_a_read_of_the_journal_that_fails_is_not_the_end_of_the_runner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Just when the journal is in trouble, the screen must say what is so: the runner lives, and hears."""

    async def main() -> None:
        async with theatre(tmp_path, SCENES["ready"].tell) as t:
            await t.see("enter runs it")
            failing = [JournalError("The journal cannot be read just now.", "Try again.")]
            history = t.app.session.history

            async def read(call: Any, default: Any) -> Any:
                if failing:
                    raise failing.pop()
                return await history(call, default)

            monkeypatch.setattr(t.app.session, "history", read)
            t.runner.say_event()
            await until(lambda: "cannot be read just now" in said(t.app), t.pilot)
            assert "The runner is gone" not in text_of(t.app)
            t.story.play("backup")
            t.story.ready("migration-check")
            await t.see("Run Migrations?")  # it is read again, without another word from the runner
            await t.press("enter")
            await t.hear(("answer", {"answer": "run", "gate": gate("ready", "migration-check"), "reason": ""}))

    play(main())


def test_a_screen_that_has_lost_the_runner_follows_the_next_one_by_itself(tmp_path: Path) -> None:
    async def main() -> None:
        story = seed.Story(tmp_path)
        SCENES["ready"].tell(story)
        session = seed.session(tmp_path, at=story.at + 2)
        async with shown(session, attach=story.run) as (app, pilot):
            await until(lambda: "The runner is gone" in text_of(app), pilot)
            async with runner(session, story.run):
                await until(lambda: "enter runs it" in text_of(app), pilot)
        story.close()

    play(main())


def test_the_exact_commands_go_to_the_clipboard(tmp_path: Path) -> None:
    async def main() -> None:
        async with theatre(tmp_path, SCENES["health"].tell) as t:
            await t.press("y")
            await t.see("2 commands: sent to the terminal")
            assert t.app.clipboard == "\n".join(t.story.commands["health"])

    play(main())


def test_detaching_leaves_the_run_alone(tmp_path: Path) -> None:
    async def main() -> None:
        async with theatre(tmp_path, SCENES["backup"].tell) as t:
            await t.press("d")
            await until(lambda: isinstance(t.app.screen, HomeScreen), t.pilot)
            await t.see("goes on; a attaches again")
            await until(lambda: t.app.session.client is None, t.pilot)
            await t.press("a")
            await until(lambda: getattr(t.app.screen, "operates", False), t.pilot)
            assert t.runner.commands == []

    play(main())


def test_every_action_is_in_the_palette_with_the_reason_where_it_cannot_be_done(tmp_path: Path) -> None:
    async def main() -> None:
        async with theatre(tmp_path, SCENES["backup"].tell) as t:
            offered = {command.title: command.help for command in t.app.get_system_commands(t.screen)}
            bound = {b.action for bindings in t.screen._bindings.key_to_bindings.values() for b in bindings}
            assert len(offered) >= len(bound)
            assert offered["Retry  (r)"] == "A step is running; c cancels it."
            assert offered["Cancel  (c)"] == "Cancel the running step; asks first"
            assert all(offered.values())

    play(main())


def test_an_ended_run_is_shown_without_a_runner(tmp_path: Path) -> None:
    async def main() -> None:
        story = seed.Story(tmp_path)
        run = seed.whole(story)
        story.close()
        async with shown(seed.session(tmp_path, at=story.at), attach=run) as (app, pilot):
            await until(lambda: "v1.1.0 runs now." in text_of(app), pilot)
            assert "10 steps: 10 done" in text_of(app)
            await pilot.press("enter")
            await until(lambda: "The run has ended." in said(app), pilot)

    play(main())


def test_a_release_under_rollback_shows_the_rollback(tmp_path: Path) -> None:
    async def main() -> None:
        story = seed.Story(tmp_path)
        SCENES["rollback"].tell(story)
        session = seed.session(tmp_path, at=story.at)
        async with runner(session, story.run), shown(session, attach=1) as (app, pilot):
            await until(lambda: "ROLLBACK v1.1.0 → v1.0.0" in text_of(app), pilot)
            await until(lambda: getattr(app.screen, "operates", False), pilot)
        story.state(RunState.SUCCEEDED)
        story.close()

    play(main())
