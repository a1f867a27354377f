"""Commands that come as the step ends: none is taken and lost."""

import asyncio
from typing import Any

import pytest

from debvisor_tui.model.errors import Refused
from debvisor_tui.model.gates import Gate, GateKind
from debvisor_tui.model.people import Person
from debvisor_tui.model.rollback import RollbackOptions
from debvisor_tui.runner.commands import CommandHandler, StepUnderWay

ANNA = Person("anna")


class Journal:
    """Remembers the decisions; while one is written, `meanwhile` happens."""

    def __init__(self) -> None:
        self.decisions: list[tuple[str, str]] = []
        self.meanwhile: Any = None

    async def decide(self, _step: str, _who: Person, answer: str, reason: str) -> None:
        self.decisions.append((answer, reason))
        if self.meanwhile is not None:
            await self.meanwhile()


async def _check(_options: RollbackOptions) -> None:
    pass


async def _nothing() -> None:
    pass


def watching(journal: Journal) -> tuple[CommandHandler, StepUnderWay]:
    desk = CommandHandler(journal.decide, _check, lambda _: None)
    task = asyncio.create_task(asyncio.Event().wait())
    desk.running = StepUnderWay("monitor", task, asyncio.Queue(), frozenset({"extend", "pass"}))
    return desk, desk.running


@pytest.mark.parametrize("name", ["extend", "pass"])
def test_a_nudge_to_a_watch_that_waits_for_an_answer_is_refused(name: str) -> None:
    async def story() -> None:
        journal = Journal()
        desk, running = watching(journal)
        asking = asyncio.create_task(desk.wait(Gate(GateKind.ATTEST, "monitor", "Well?"), _nothing()))
        await asyncio.sleep(0)
        with pytest.raises(Refused):
            await desk.handle(ANNA, name, {"reason": "x"})
        assert journal.decisions == []
        assert running.inbox.empty()
        asking.cancel()
        running.task.cancel()

    asyncio.run(story())


def test_what_came_too_late_is_refused_and_stands_so_in_the_history() -> None:
    async def story() -> None:
        journal = Journal()
        desk, running = watching(journal)

        async def over() -> None:
            desk.running = None
            running.task.cancel()
            await asyncio.gather(running.task, return_exceptions=True)

        journal.meanwhile = over
        with pytest.raises(Refused, match="verdict"):
            await desk.handle(ANNA, "extend", {})
        desk.running = running
        with pytest.raises(Refused, match="nothing was cancelled"):
            await desk.handle(ANNA, "cancel", {})
        assert [(a, r.partition(":")[0]) for a, r in journal.decisions] == [
            ("extend", "300.0"),
            ("extend", "too late"),
            ("cancel", ""),
            ("cancel", "too late"),
        ]

    asyncio.run(story())
