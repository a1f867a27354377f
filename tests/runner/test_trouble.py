"""When the journal cannot be written the run stands still, says so, and goes on without a loss."""

import asyncio
import sqlite3
import time
from pathlib import Path

import pytest
from release_host import ANNA, Host, answer, attached, until

from debvisor_tui.model.gates import Answer, GateKind
from debvisor_tui.model.text import Redactor
from debvisor_tui.runner.recorder import Recorder
from debvisor_tui.runner.spawn import start_release
from debvisor_tui.runner.step_log import StepLog
from debvisor_tui.store.journal import Line


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
        log = StepLog(recorder, 1, Redactor(), lambda _: None)
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
