"""The runner is killed at every named point, before and after each commit and side effect; nothing is lost by it.

points.txt names them, in their order. A test holds it against what a recorded run comes by; after a change that adds
a commit or a side effect, write it anew: `RENEW_POINTS=1 .venv/bin/python -m pytest -m faults -k every_point`.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path

import pytest
from release_host import ANNA, Host, until
from story import VERSION, Story

from debvisor_tui.model.rollback import RollbackOptions
from debvisor_tui.runner.spawn import start_release

LIST = Path(__file__).with_name("points.txt")
POINTS = LIST.read_text(encoding="utf-8").splitlines() if LIST.exists() else []
DATABASE = RollbackOptions(database=True)
RESTORE = RollbackOptions(restore_backup=True)
#: They come when clients come and go, and when there is time: no two runs have them at the same places.
WHENEVER = ("note", "index_lines")

BEFORE_DEPLOY = ("start-release", "release.review", "release.ci", "release.backup", "release.migration-check")
DEPLOY = ("release.pull", "release.upgrade", "release.restart", "release.health")


def group_of(point: str) -> str:
    where = point.split(" ")[0]
    if where == "start-resume":
        return "resume"
    if where in BEFORE_DEPLOY:
        return "before"
    if where in DEPLOY:
        return "deploy"
    if where.startswith("release."):
        return "after"
    return "restore" if where.startswith("rollback.restore") else "rollback"


def points_of(group: str) -> list[str]:
    return [point for point in POINTS if group_of(point) == group]


#: Of each story: where the runner is killed on the way there, and where on the way back.
STORIES = [
    ([point for point in there if point], back)
    for *there, back in zip_longest(
        points_of("before"),
        points_of("resume"),
        points_of("deploy"),
        points_of("after"),
        [*points_of("rollback"), *points_of("restore")],
    )
]


def test_every_point_is_known(make_host: Callable[[], Host]) -> None:
    story, other = Story(make_host()), Story(make_host())

    async def both() -> None:
        await story.release_through()
        await story.roll_back_through(options=DATABASE)
        run = await start_release(other.host.settings, other.host.places, VERSION, ANNA)
        await until(lambda: other.host.view(run).gate is not None, "the first gate")
        other.host.end_runner(signal.SIGKILL)
        await until(lambda: not other.host.runner_pid(), "the lock is free")
        await other.go_on_through([])
        await other.roll_back_through(options=RESTORE)

    asyncio.run(both())
    found = [point for s in (story, other) for point in s.points.read_text(encoding="utf-8").splitlines()]
    points = list(dict.fromkeys(filter(_steady, found)))
    if os.environ.get("RENEW_POINTS"):
        LIST.write_text("\n".join(points) + "\n", encoding="utf-8")
    else:
        # Their order may differ a little: lines are written beside the rest.
        assert set(points) == set(POINTS), f"points.txt is out of date: {set(points) ^ set(POINTS)}"


def _steady(point: str) -> bool:
    where, _, name = point.partition(" ")
    return where.startswith("start-") or name.split(" ")[0] not in WHENEVER


@pytest.mark.parametrize(("there", "back"), STORIES, ids=range(len(STORIES)))
def test_killed_there_nothing_is_lost(
    there: list[str], back: str | None, make_host: Callable[[], Host], record_property: Callable[[str, int], None]
) -> None:
    story = Story(make_host())
    asyncio.run(story.release_through(*there))
    options = RESTORE if back and group_of(back) == "restore" else DATABASE
    asyncio.run(story.roll_back_through(*([back] if back else []), options=options))
    record_property("points", len(there) + bool(back))
    record_property("kills", story.kills)
    record_property("losses", len(story.ledger.losses))
    assert story.ledger.losses == []
    assert story.contradictions == []
