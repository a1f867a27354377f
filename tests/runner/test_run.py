"""A run in its detached process: it outlives its clients, keeps every line, and moves only as it is told."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from release_host import ANNA, Host, answer, attached, until

from debvisor_tui.adapters.sources import open_source
from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.changes import ChangeState
from debvisor_tui.model.errors import LockHeld, Refused, UsageError
from debvisor_tui.model.events import EventKind
from debvisor_tui.model.gates import Answer, GateKind
from debvisor_tui.model.people import Person
from debvisor_tui.model.rollback import RollbackOptions
from debvisor_tui.model.states import RunState, StepState
from debvisor_tui.runner.client import RunnerClient
from debvisor_tui.runner.live_history import LiveHistory
from debvisor_tui.runner.lock import TargetLock, by_hand
from debvisor_tui.runner.session import Session
from debvisor_tui.runner.spawn import start_release, start_resume, start_rollback
from debvisor_tui.store.history import History
from debvisor_tui.tasks.plan import plan_release

pytestmark = pytest.mark.slow

SLOW = "import time\nfor n in range(300):\n    print('line', n, flush=True)\n    time.sleep(0.01)\n"


def override(host: Host, step: str, code: str) -> None:
    host.configure(lambda c: c.update(steps={step: {"command": [sys.executable, "-c", code]}}))


def test_a_step_goes_on_without_its_client_and_no_line_is_missing(host: Host) -> None:
    override(host, "review", SLOW)

    async def story() -> None:
        run = await start_release(host.settings, host.places, "v1.1.0", ANNA)
        gate = await host.gate(run, GateKind.READY, "review")
        async with attached(host) as (client, _):
            await answer(client, gate, Answer.RUN)
            await until(lambda: bool(host.view(run).step("review").attempts), "the step began")
        # Nobody is attached now.
        await host.gate(run, GateKind.READY, "ci")
        lines = [line for line in host.lines(run, "review") if line.startswith("line ")]
        assert lines == [f"line {n}" for n in range(300)]
        async with attached(host, Person("bert")) as (client, _):
            assert client.role == "operator", "the first one has gone"

    asyncio.run(story())


def test_gates_refuse_what_is_not_asked_and_keep_what_is_answered(host: Host) -> None:
    async def story() -> None:
        run = await start_release(host.settings, host.places, "v1.1.0", ANNA)
        gate = await host.gate(run, GateKind.READY, "review")
        async with attached(host) as (client, _), attached(host, Person("bert")) as (observer, heard):
            with pytest.raises(Refused, match=r"anna .*operates it|root .*operates it"):
                await answer(observer, gate, Answer.RUN)
            with pytest.raises(Refused, match="a reason is needed"):
                await answer(client, gate, Answer.SKIP)
            with pytest.raises(Refused, match="Possible: run, skip"):
                await answer(client, gate, Answer.ATTEST, reason="x")
            with pytest.raises(Refused, match="does not know the command"):
                await client.command("reboot")
            with pytest.raises(Refused, match="nothing to undo"):
                await answer(client, gate, Answer.ROLLBACK, options={})
            await answer(client, gate, Answer.SKIP, reason="read it on paper")
            ci = await host.gate(run, GateKind.READY, "ci")
            with pytest.raises(Refused, match="gone on meanwhile"):
                await answer(client, gate, Answer.RUN)
            await observer.command("take-over")
            with pytest.raises(Refused):
                await answer(client, ci, Answer.RUN)
            await answer(observer, ci, Answer.ABORT, reason="enough")
            await until(lambda: any(m["type"] == "bye" for m in heard), "the runner said goodbye")
        view = host.view(run)
        assert view.run.state is RunState.ABORTED
        assert view.step("review").state is StepState.SKIPPED
        assert [(d.answer, d.reason) for d in view.decisions] == [("skip", "read it on paper"), ("abort", "enough")]

    asyncio.run(story())


def test_cancelling_ends_the_command_and_a_retry_is_a_new_attempt(host: Host) -> None:
    override(host, "review", "import time\nprint('working', flush=True)\ntime.sleep(600)")

    async def story() -> None:
        run = await start_release(host.settings, host.places, "v1.1.0", ANNA, auto=True)
        async with attached(host) as (client, _):
            await until(lambda: "working" in _lines(host, run), "the command works")
            await client.command("cancel")
            gate = await host.gate(run, GateKind.CANCELLED, "review")
            override(host, "review", "print('quick')")
            attempt = host.view(run).step("review").attempts[0]
            assert attempt.state is StepState.CANCELLED
            assert "cancelled by" in attempt.error
            await answer(client, gate, Answer.RETRY)
            await until(lambda: len(host.view(run).step("review").attempts) == 2, "a second attempt")
            await until(lambda: "working" in _lines(host, run), "it works again")
            await client.command("cancel")
            gate = await host.gate(run, GateKind.CANCELLED, "review")
            await answer(client, gate, Answer.ABORT, reason="enough")
            await until(lambda: host.state(run) is RunState.ABORTED, "the run ended")

    asyncio.run(story())


def _lines(host: Host, run: int) -> list[str]:
    return host.lines(run, "review") if host.view(run).step("review").attempts else []


WAITS = "import os, time\nprint('working', flush=True)\nwhile not os.path.exists({go!r}):\n    time.sleep(0.01)\n"


def test_a_second_cancellation_is_refused_while_the_first_one_cleans_up(host: Host, tmp_path: Path) -> None:
    stubborn = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    override(host, "review", stubborn + WAITS.format(go="/nowhere"))

    async def story() -> None:
        run = await start_release(host.settings, host.places, "v1.1.0", ANNA)
        gate = await host.gate(run, GateKind.READY, "review")
        async with attached(host) as (client, _):
            await answer(client, gate, Answer.RUN)
            await until(
                lambda: bool(host.view(run).step("review").attempts) and "working" in host.lines(run, "review"),
                "it works",
            )
            await client.command("cancel")
            with pytest.raises(Refused, match=r"anna .*has cancelled it already"):
                await client.command("cancel")
            await host.gate(run, GateKind.CANCELLED, "review")

    asyncio.run(story())


@pytest.mark.parametrize("command", ["cancel", "rollback"])
def test_a_runner_that_is_told_to_end_ends_also_while_a_step_is_being_ended(host: Host, command: str) -> None:
    stubborn = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    override(host, "smoke", stubborn + WAITS.format(go="/nowhere"))

    async def story() -> None:
        run = await start_release(host.settings, host.places, "v1.1.0", ANNA, auto=True)
        pid = host.runner_pid()
        async with attached(host) as (client, _):
            await _until_step(host, client, run, "smoke")
            await until(lambda: "working" in host.lines(run, "smoke"), "it works")
            await client.command(command, **({"options": {}} if command == "rollback" else {}))
            os.kill(pid, signal.SIGTERM)
            await until(lambda: host.runner_pid() != pid, "the runner has ended")
        assert host.state(run) not in {RunState.ROLLING_BACK, RunState.ROLLED_BACK}
        await start_resume(host.settings, host.places, run, ANNA)
        await until(lambda: host.view(run).gate is not None, "it can be taken up")

    asyncio.run(story())


@pytest.mark.parametrize("auto", [True, False], ids=["auto", "gate by gate"])
def test_a_way_back_taken_as_the_step_ends_by_itself_is_gone(host: Host, tmp_path: Path, auto: bool) -> None:
    """The runner in this process, so that the step ends at the very moment between the decision and its effect."""
    go = tmp_path / "go"
    override(host, "smoke", WAITS.format(go=str(go)))

    async def story() -> None:
        host.places.prepare()
        lock = TargetLock.acquire(host.places, "anna", "release v1.1.0", open_source(host.settings).locks())
        session = Session(host.settings, host.places, lock, "setsid")
        desk = session._desk
        decide = desk._decide

        async def slowly(*words: Any) -> None:
            await decide(*words)
            if words[2] == Answer.ROLLBACK:
                go.touch()
                await until(lambda: desk.running is None, "the step has ended")

        desk._decide = slowly
        try:
            run = await session.new_release(plan_release(host.settings, "v1.1.0"), ANNA, auto=auto)
            await session.listen(run)
            driving = asyncio.create_task(session.drive(run, auto=auto))
            async with attached(host) as (client, _):
                await _until_step(host, client, run, "smoke")
                await until(lambda: "working" in host.lines(run, "smoke"), "it works")
                await client.command("rollback", options={})
                async with asyncio.timeout(60):
                    assert await driving is RunState.SUCCEEDED
        finally:
            await session.close("over")
            lock.release()
        assert host.state(run) is RunState.ROLLED_BACK
        assert host.view(run).step("smoke").state is StepState.SUCCEEDED
        assert host.view(run).step("monitor").state is StepState.PENDING

    asyncio.run(story())


async def _until_step(host: Host, client: RunnerClient, run: int, step: str) -> None:
    """Answer what is asked until `step` is under way."""
    while not host.view(run).step(step).attempts:
        gate = host.view(run).gate
        if gate is not None:
            kind = Answer.ATTEST if gate.kind is GateKind.ATTEST else Answer.RUN
            with contextlib.suppress(Refused):  # the run has gone on already
                await answer(client, gate, kind, reason="read")
        await asyncio.sleep(0.01)


def test_a_second_release_is_told_who_runs_the_first(host: Host) -> None:
    async def story() -> None:
        await start_release(host.settings, host.places, "v1.1.0", ANNA)
        with pytest.raises(LockHeld, match=r"runs release v1\.1\.0 on sandbox since"):
            await start_release(host.settings, host.places, "v1.1.0", Person("bert"))

    asyncio.run(story())


def test_a_version_that_does_not_exist_starts_nothing(host: Host) -> None:
    async def story() -> None:
        with pytest.raises(UsageError, match=r"v9\.9\.9"):
            await start_release(host.settings, host.places, "v9.9.9", ANNA)
        assert host.runner_pid() == 0

    asyncio.run(story())


def test_after_kill_9_in_mid_upgrade_the_world_is_inspected_and_nothing_runs_twice(host: Host) -> None:
    slow = "import time\nprint('half way', flush=True)\ntime.sleep(600)"
    host.configure(lambda c: c.update(steps={"upgrade": {"after": [[sys.executable, "-c", slow]]}}))

    async def story() -> None:
        run = await start_release(host.settings, host.places, "v1.1.0", ANNA, auto=True)
        async with attached(host) as (client, _):
            gate = await host.gate(run, GateKind.ATTEST, "review")
            await answer(client, gate, Answer.ATTEST, reason="read")
            await until(lambda: "half way" in _upgrade_lines(host, run), "the upgrade is done, its hook hangs")
        host.end_runner(signal.SIGKILL)
        await until(lambda: host.runner_pid() == 0, "the lock is free")
        with pytest.raises(UsageError, match="was not ended"):
            await start_release(host.settings, host.places, "v1.1.0", ANNA)
        assert await start_resume(host.settings, host.places, run, ANNA) == run
        gate = await host.gate(run, GateKind.INTERRUPTED, "upgrade")
        assert gate.finding == "done", gate.detail
        view = host.view(run)
        assert view.step("upgrade").state is StepState.INTERRUPTED
        assert len(view.step("upgrade").attempts) == 1
        assert not _alive("half way"), "the hook that was left over was ended"
        host.configure(lambda c: c.pop("steps"))
        async with attached(host) as (client, _):
            await answer(client, gate, Answer.CONTINUE)
            gate = await host.gate(run, GateKind.READY, "restart")
            assert len(host.view(run).step("upgrade").attempts) == 1
            await client.command("rollback", options=RollbackOptions(database=True).to_json())
            await until(lambda: host.state(run) is RunState.ROLLED_BACK, "rolled back")
        assert host.sandbox.dir.joinpath("checkout/VERSION").read_text().strip() == "v1.0.0"
        assert {c.state for c in host.view(run).changes if c.kind != "backup"} == {ChangeState.UNDONE}

    asyncio.run(story())


def _upgrade_lines(host: Host, run: int) -> list[str]:
    return host.lines(run, "upgrade") if host.view(run).step("upgrade").attempts else []


def _alive(text: str) -> bool:
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as cmdline:
                if f"print('{text}'".encode() in cmdline.read():
                    return True
        except OSError:
            continue
    return False


def test_a_bad_release_is_rolled_back_three_revisions_and_the_old_one_answers(host: Host) -> None:
    async def story() -> None:
        run = await start_release(host.settings, host.places, "v1.3.0", ANNA, auto=True)
        before = None
        async with attached(host) as (client, heard):
            gate = await host.gate(run, GateKind.ATTEST, "review")
            await answer(client, gate, Answer.ATTEST, reason="read")
            gate = await host.gate(run, GateKind.ACKNOWLEDGE, "migration-check")
            assert "node.notes" in gate.danger
            before = host.view(run).found("migration-check", "migrations")[0].value["current"]
            await answer(client, gate, Answer.ACKNOWLEDGE)
            await host.gate(run, GateKind.FAILED, "monitor")
            await client.command("rollback", options={})
            await until(lambda: any(m["type"] == "run" for m in heard), "the rollback's run is told")
            await until(lambda: host.state(run) is RunState.ROLLED_BACK, "rolled back")
        back = host.view(run + 1)
        assert [step.id for step in back.steps] == ["revert-database", "revert-release", "restart", "health"]
        revisions = back.found("revert-database", "revisions")[0].value
        assert len(revisions["applied"]) == 3
        assert revisions["after"] == before
        assert back.run.of_run == run

    asyncio.run(story())


def test_an_additive_release_that_has_ended_is_rolled_back_without_its_database(host: Host) -> None:
    async def story() -> None:
        run = await start_release(host.settings, host.places, "v1.1.0", ANNA, auto=True)
        async with attached(host) as (client, _):
            gate = await host.gate(run, GateKind.ATTEST, "review")
            await answer(client, gate, Answer.ATTEST, reason="read")
            await until(lambda: host.state(run) is RunState.SUCCEEDED, "released")
        view = host.view(run)
        assert view.found("pull", "baseline"), "the time before is measured before anything changes"
        assert not view.found("restart", "baseline")
        back = await start_rollback(host.settings, host.places, run, RollbackOptions(), ANNA)
        await until(lambda: host.state(run) is RunState.ROLLED_BACK, "rolled back")
        assert [step.id for step in host.view(back).steps] == ["revert-release", "restart", "health"]
        with pytest.raises(UsageError, match="rolled back already"):
            await start_rollback(host.settings, host.places, run, RollbackOptions(), ANNA)

    asyncio.run(story())


def test_a_rollback_that_failed_is_replaced_by_one_that_restores_the_backup(host: Host) -> None:
    host.configure(lambda c: c["health"].update(timeout="2s"))
    host.configure(lambda c: c["monitor"].update(duration="1s", interval="200ms", min_requests=1))

    async def story() -> None:
        run = await start_release(host.settings, host.places, "v1.2.0", ANNA, auto=True)
        async with attached(host) as (client, heard):
            gate = await host.gate(run, GateKind.ATTEST, "review")
            await answer(client, gate, Answer.ATTEST, reason="read")
            gate = await host.gate(run, GateKind.ACKNOWLEDGE, "migration-check")
            await answer(client, gate, Answer.ACKNOWLEDGE)
            await until(lambda: host.state(run) is RunState.SUCCEEDED, "v1.2.0 runs")
        await until(lambda: not host.runner_pid(), "its runner has ended")
        # The new schema stays: what the old release needs is not there.
        first = await start_rollback(host.settings, host.places, run, RollbackOptions(database=False), ANNA)
        await host.gate(first, GateKind.FAILED, "health")
        async with attached(host) as (client, heard):
            await client.command("rollback", options=RollbackOptions(restore_backup=True).to_json())
            await until(lambda: any(m["type"] == "run" for m in heard), "another run does it")
        await until(lambda: host.state(run) is RunState.ROLLED_BACK, "the old release answers")
        assert host.state(first) is RunState.FAILED
        assert [step.id for step in host.view(first + 1).steps] == ["restore-backup", "restart", "health"]

    asyncio.run(story())


def test_another_artifact_than_the_one_on_the_plan_is_refused(host: Host) -> None:
    async def main() -> None:
        seen = Artifact("v1.1.0", {"commit": "f" * 40})
        with pytest.raises(
            UsageError, match=r"v1\.1\.0 was commit ffffffffffff on your plan and is [0-9a-f]{12} now"
        ):
            await start_release(host.settings, host.places, "v1.1.0", ANNA, seen=seen)
        history = History(host.places.journal)
        assert history.runs() == []
        history.close()
        plan = await plan_release(host.settings, "v1.1.0")
        run = await start_release(host.settings, host.places, "v1.1.0", ANNA, seen=plan.new)
        assert host.view(run).run.new == plan.new

    asyncio.run(main())


def test_a_config_that_was_edited_meanwhile_shows_what_it_will_run(host: Host) -> None:
    async def main() -> None:
        run = await start_release(host.settings, host.places, "v1.1.0", ANNA)
        await host.gate(run, GateKind.READY, "review")
        host.end_runner()
        await until(lambda: host.runner_pid() == 0, "the runner is gone")
        planned = host.view(run).step("smoke").commands
        host.configure(lambda c: c.update(steps={"smoke": {"before": [["echo", "edited"]]}}))
        await start_resume(host.settings, host.places, run, ANNA)
        await host.gate(run, GateKind.READY, "review")
        assert host.view(run).step("smoke").commands == ("echo edited", *planned)
        history = History(host.places.journal)
        told = [str(e.data.get("what")) for e in history.events(run) if e.kind == EventKind.RUNNER]
        history.close()
        assert [text for text in told if text.startswith("Smoke test now runs echo edited; ")]

    asyncio.run(main())


def test_what_is_to_be_done_by_hand_can_be_done_while_the_run_waits_for_it(host: Host) -> None:
    cli = str(Path(sys.executable).with_name("debvisor-cli"))
    options = ["--config", str(host.sandbox.config_path)]
    host.configure(lambda c: c.update(steps={"upgrade": {"manual": True}}))

    def upgrade() -> "subprocess.CompletedProcess[str]":
        argv = [cli, *options, "db", "upgrade"]
        return subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)

    async def main() -> None:
        run = await start_release(host.settings, host.places, "v1.1.0", ANNA, auto=True)
        async with attached(host) as (client, _):
            gate = await host.gate(run, GateKind.ATTEST, "review")
            await answer(client, gate, Answer.ATTEST, reason="read by two")
            gate = await host.gate(run, GateKind.ATTEST, "upgrade")
            done = await asyncio.to_thread(upgrade)
            assert done.returncode == 0, done.stderr
            assert f"Run {run} waits for a person meanwhile" in done.stderr
            assert "2 migrations applied" in done.stdout
            await answer(client, gate, Answer.ATTEST, reason="done by hand")
            await until(lambda: host.view(run).step("health").state is StepState.SUCCEEDED, "it goes on")
        [change] = [c for c in host.view(run).changes if c.step == "upgrade"]
        assert change.after["revision"] == "c48d9e6a1b70"

    asyncio.run(main())


def test_a_command_that_holds_the_lock_is_no_runner(host: Host) -> None:
    async def main() -> None:
        run = await start_release(host.settings, host.places, "v1.1.0", ANNA)
        await host.gate(run, GateKind.READY, "review")
        host.end_runner()
        await until(lambda: host.runner_pid() == 0, "the runner is gone")
        lock = TargetLock.acquire(host.places, "bea", "debvisor-cli backup restore")
        history = LiveHistory(host.places)
        try:
            active = history.active()
            assert active is not None
            assert active.state is RunState.INTERRUPTED
        finally:
            history.close()
            lock.release()

    asyncio.run(main())


def test_no_step_begins_while_a_person_works_on_the_target_by_hand(host: Host) -> None:
    async def main() -> None:
        run = await start_release(host.settings, host.places, "v1.1.0", ANNA)
        gate = await host.gate(run, GateKind.READY, "review")
        async with attached(host) as (client, _):
            with by_hand(host.places, "bea", "debvisor-cli db upgrade"):
                with (
                    pytest.raises(LockHeld, match="bea runs debvisor-cli db upgrade"),
                    by_hand(host.places, "x", "y"),
                ):
                    pass
                await answer(client, gate, Answer.RUN)
                gate = await host.gate(run, GateKind.FAILED, "review")
                assert "bea runs debvisor-cli db upgrade on this target just now" in gate.question
                assert host.lines(run, "review")[0].startswith("bea runs"), "nothing was begun"
            await answer(client, gate, Answer.RETRY)
            gate = first = await host.gate(run, GateKind.ATTEST, "review")
            with by_hand(host.places, "bea", "debvisor-cli db upgrade"):
                await answer(client, gate, Answer.ATTEST, reason="read by two")
                await until(lambda: "bea runs" in (host.view(run).gate or gate).question, "it asks once more")
                gate = await host.gate(run, GateKind.ATTEST, "review")
                assert gate.question.endswith(first.question)
            await answer(client, gate, Answer.ATTEST, reason="read by two")
            await host.gate(run, GateKind.READY, "ci")

    asyncio.run(main())
