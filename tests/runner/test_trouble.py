"""When the journal cannot be written the run stands still, says so, and goes on without a loss."""

import asyncio
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from release_host import ANNA, Host, answer, attached, until

from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.events import EventKind
from debvisor_tui.model.gates import Answer, GateKind
from debvisor_tui.model.playbook import RunKind
from debvisor_tui.model.text import Redactor
from debvisor_tui.model.views import Event
from debvisor_tui.runner.context import RunnerContext, Services
from debvisor_tui.runner.recorder import Recorder
from debvisor_tui.runner.run_clock import RunClock
from debvisor_tui.runner.spawn import start_release
from debvisor_tui.runner.step_log import StepLog
from debvisor_tui.store.journal import Journal, Line, NewRun


@pytest.mark.slow
def test_a_journal_that_another_process_holds_is_waited_for_and_nothing_is_lost(host: Host) -> None:
    async def story() -> None:
        run = await start_release(host.settings, host.places, "v1.1.0", ANNA)
        gate = await host.gate(run, GateKind.READY, "review")
        async with attached(host) as (client, heard):
            other = sqlite3.connect(host.places.journal, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            asking = asyncio.create_task(answer(client, gate, Answer.SKIP, reason="while it is held"))
            await until(lambda: any(m["type"] == "trouble" and m["what"] for m in heard), "the trouble is told")
            trouble = next(m for m in heard if m["type"] == "trouble")
            assert "database is locked" in trouble["what"]
            assert "goes on by itself" in trouble["hint"]
            async with attached(host, observe=True) as (_, told):
                await until(lambda: any(m["type"] == "trouble" for m in told), "who comes later is told too")
            other.execute("ROLLBACK")
            other.close()
            await asking
            await host.gate(run, GateKind.READY, "ci")
            assert heard[-1]["type"] == "bye" or any(m["type"] == "trouble" and not m["what"] for m in heard)
        assert [d.reason for d in host.view(run).decisions] == ["while it is held"]

    asyncio.run(story())


class Heard:
    """A journal that remembers the lines that it was given."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def add_lines(self, _attempt: int, lines: list[Line]) -> int:
        self.lines += lines
        return len(self.lines)

    def take_events(self) -> list[object]:
        return []


def test_a_command_that_says_nothing_is_told_of_once_each_time_that_has_doubled(tmp_path: Path) -> None:
    async def story() -> list[str]:
        journal = Heard()
        recorder = Recorder(journal, lambda _: None, lambda _: None)  # type: ignore[arg-type]
        log = StepLog(recorder, 1, Redactor(), lambda _first, _last: None)
        watching = asyncio.create_task(log.watch_silence("pg_dump", after=0.05))
        deadline = time.monotonic() + 10.0
        while len(journal.lines) < 3 and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        watching.cancel()
        await log.close()
        return [text for _, _, text in journal.lines]

    lines = asyncio.run(story())
    assert len(lines) >= 3
    assert all(line.startswith("pg_dump: no output for") for line in lines)


def test_events_are_published_once_in_order_and_before_their_caller_goes_on(tmp_path: Path) -> None:
    """Taken in the thread that writes, whoever calls and whenever: none twice, none late."""

    async def main() -> None:
        published: list[int] = []
        recorder = Recorder(
            Journal(tmp_path / "journal.db"), lambda event: published.append(event.seq), lambda _: None
        )
        journal, takers = recorder.journal, set[str]()
        take = journal.take_events

        def taken() -> list[Event]:
            takers.add(threading.current_thread().name)
            return take()

        journal.take_events = taken  # type: ignore[method-assign]
        old, new = Artifact("v1"), Artifact("v2")
        run = await recorder.do(journal.create_run, NewRun(RunKind.RELEASE, "t", old, new, "anna", []))
        assert len(published) == 1

        async def note(number: int) -> None:
            await recorder.do(journal.note, run, EventKind.RUNNER, {"what": str(number)})

        await asyncio.gather(*map(note, range(50)))
        assert len(published) == 51
        assert published == sorted(set(published))
        assert {name.partition("_")[0] for name in takers} == {"journal"}
        await recorder.close()

    asyncio.run(main())


def test_a_command_that_was_never_started_is_not_said_to_be_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancelled while its intent could not be journaled yet: nothing goes on behind."""
    monkeypatch.setattr("debvisor_tui.runner.step_log.SILENCE", 0.01)

    class Stuck:
        def __init__(self) -> None:
            self.journal = self
            self.asked = asyncio.Event()

        def __getattr__(self, name: str) -> str:
            return name

        async def do(self, call: str, *_: object) -> int:
            if call == "intend_child":
                self.asked.set()
                await asyncio.Event().wait()
            return 1

    async def main() -> None:
        recorder: Any = Stuck()
        log = StepLog(recorder, 1, Redactor(), lambda _first, _last: None)
        nothing: Any = None
        services = Services(nothing, recorder, nothing, RunClock(), Redactor())
        context = RunnerContext(services, nothing, "pull", 1, log=log, operator=nothing)
        running = asyncio.create_task(context.execute(["true"]))
        await recorder.asked.wait()
        running.cancel()
        await asyncio.wait({running})
        assert [task.get_name() for task in asyncio.all_tasks() if task.get_name() == "silence"] == []
        await log.close()

    asyncio.run(main())
