"""The run's clock: what it limits has its whole time, however long the run stands still."""

import asyncio
from contextlib import suppress

import pytest

from debvisor_tui.runner.run_clock import RunClock

LIMIT = 0.05  # seconds


async def _passes(seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()


async def _limited(clock: RunClock) -> None:
    async with clock.limit(LIMIT):
        await asyncio.Event().wait()


def test_a_limit_is_kept() -> None:
    async def story() -> None:
        clock = RunClock()
        with pytest.raises(TimeoutError):
            await _limited(clock)
        async with clock.limit(None):
            await _passes(LIMIT)

    asyncio.run(story())


def test_while_it_is_held_for_any_reason_nothing_runs_out() -> None:
    async def story() -> None:
        clock = RunClock()
        begun = clock()
        clock.hold("the journal")
        limited = asyncio.create_task(_limited(clock))
        await _passes(2 * LIMIT)
        clock.hold("a person")
        clock.let_go("the journal")
        clock.let_go("what never held it")
        await _passes(2 * LIMIT)
        assert clock() == pytest.approx(begun, abs=LIMIT / 2)
        assert not limited.done()
        clock.let_go("a person")
        assert clock() == pytest.approx(begun, abs=LIMIT / 2)
        with pytest.raises(TimeoutError):
            await limited
        assert clock() - begun >= LIMIT * 0.99

    asyncio.run(story())
