"""More than a hundred kills at random moments, seeded: of the runner, a step's child, the TUI, or all of them."""

import asyncio
from collections.abc import Callable

import pytest
from release_host import Host
from shots import Shots


@pytest.mark.parametrize("seed", range(50))
def test_shot_at_random_nothing_is_lost(
    seed: int, make_host: Callable[[], Host], record_property: Callable[[str, int], None]
) -> None:
    story = Shots(make_host(), seed=seed)
    asyncio.run(story.there_and_back(shots_there=2, shots_back=1))
    record_property("kills", story.kills)
    record_property("losses", len(story.ledger.losses))
    assert story.ledger.losses == [], story.told
    assert story.contradictions == [], story.told
