"""Taking the way back: through the runner that owns the release, or by a runner of its own if there is none."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from debvisor_tui.model.errors import RunnerGone
from debvisor_tui.model.rollback import RollbackOptions
from debvisor_tui.model.views import RunSummary
from debvisor_tui.ui.session import Session

if TYPE_CHECKING:
    from debvisor_tui.runner.client import RunnerClient

PATIENCE = 15.0  # seconds in which the runner ends the step under way and begins the rollback
LOOK_EVERY = 0.2  # seconds


async def ask_runner_or_start(session: Session, release: int, options: RollbackOptions) -> int:
    """Have release `release` rolled back; the id of the run that does it. DebvisorError says why it cannot be.

    If the runner takes longer than :data:`PATIENCE` to begin, it is the release's own id: its screen goes on from
    there.
    """
    from debvisor_tui.runner import spawn

    try:
        async with _runner(session) as client:
            owned = client.run
            if not await _belongs(session, owned, release):
                raise RunnerGone("The runner owns another run.")
            await client.command("rollback", options=options.to_json())
            return await _begun(session, release, after=owned)
    except RunnerGone:
        return await spawn.start_rollback(session.settings, session.places, release, options, session.person)


@asynccontextmanager
async def _runner(session: Session) -> AsyncIterator["RunnerClient"]:
    """The connection that the run screen holds, or one of our own; RunnerGone if there is no runner."""
    from debvisor_tui.runner.client import RunnerClient

    if session.client is not None:
        yield session.client
        return
    client = await RunnerClient.connect(session.places, session.person)
    listener = asyncio.create_task(_listen(client), name="listen for replies")
    try:
        yield client
    finally:
        listener.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listener
        await client.close()


async def _listen(client: "RunnerClient") -> None:
    async for _message in client:
        pass


async def _belongs(session: Session, run: int, release: int) -> bool:
    """Whether `run` is `release`, or a rollback of it."""
    summary = await session.history(lambda history: history.summary(run), None)
    return run == release or (summary is not None and summary.of_run == release)


async def _begun(session: Session, release: int, after: int) -> int:
    """The rollback run of `release` that comes after run `after`, once it is in the journal."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while True:
                none: list[RunSummary] = []
                for run in await session.history(lambda history: history.runs(limit=5), none):
                    if run.id > after and run.of_run == release and run.ended_at is None:
                        return run.id
                await asyncio.sleep(LOOK_EVERY)
    return release
