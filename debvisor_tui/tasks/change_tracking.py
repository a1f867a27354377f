"""Records what a step changes when its work is done by somebody else: the way back must be known all the same."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from debvisor_tui.adapters.databases import opened
from debvisor_tui.adapters.platforms import open_platform
from debvisor_tui.adapters.sources import open_source
from debvisor_tui.model.changes import ChangeKind
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.tasks.base import StepContext
from debvisor_tui.tasks.pull import standing_facts

Look = Callable[[], Awaitable[dict[str, Any]]]


@contextlib.asynccontextmanager
async def witnessed(ctx: StepContext, step: str) -> AsyncIterator[None]:
    """Around foreign work for `step`: a change is recorded with what stood before and what stands after.

    WorkFailed if what stands before cannot be told: without it there is no way back.
    """
    settings = ctx.settings
    match step:
        case "pull" | "revert-release":
            source = open_source(settings)

            async def look() -> dict[str, Any]:
                return dict(await standing_facts(source))

            kind, subject, before = source.change, source.subject, (await source.installed()).facts()
        case "restart":
            platform = open_platform(settings)

            async def look() -> dict[str, Any]:
                now = await platform.state()
                return now.facts() if now else {}

            kind, subject, before = ChangeKind.PROCESS, platform.subject, await look()
        case "upgrade":
            from debvisor_tui.adapters.migrations.alembic import pending, standing
            from debvisor_tui.tasks.data_loss import plan_entries
            from debvisor_tui.tasks.migration_check import trial_of

            async def look() -> dict[str, Any]:
                return dict(await standing(settings))

            found = await pending(settings, ctx.execute)
            kind, subject = ChangeKind.DATABASE, f"database {(await opened(settings)).name}"
            entries = await plan_entries(settings, found.migrations, await trial_of(ctx))
            before = {"revision": found.current, "pending": entries}
        case _:
            yield
            return
    async with _recorded(ctx, kind, subject, before, look):
        yield


@contextlib.asynccontextmanager
async def _recorded(
    ctx: StepContext, kind: ChangeKind, subject: str, before: Mapping[str, Any], look: Look
) -> AsyncIterator[None]:
    async with ctx.change(kind, subject, before) as change:
        try:
            yield
        finally:
            with contextlib.suppress(WorkFailed):  # what cannot be told stays empty: it may have happened
                change.after.update(await look())
