"""The database's way down, to the revision that was recorded before the release, with the release's own code."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from debvisor_tui.adapters.databases import opened
from debvisor_tui.adapters.migrations.alembic import (
    Moved,
    current_revision,
    downgrade,
    standing,
)
from debvisor_tui.adapters.migrations.probe import AlembicFailed
from debvisor_tui.adapters.migrations.protocol import CodeRunner
from debvisor_tui.adapters.sources import open_source
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.changes import ChangeKind
from debvisor_tui.model.errors import DebvisorError, WorkFailed
from debvisor_tui.model.findings import Finding, Found
from debvisor_tui.model.wording import counted
from debvisor_tui.tasks.base import Job, StepContext
from debvisor_tui.tasks.upgrade import reporter, what_is_left
from debvisor_tui.tasks.words import cli


class RevertDatabaseTask:
    """Its job's facts: {"revision": where to, None for base; "count": how many revisions that is}."""

    accepts: frozenset[str] = frozenset()

    def commands(self, settings: Settings, job: Job) -> tuple[str, ...]:
        return (cli(settings, "db", "downgrade", *(_wanted(job) or "base").split(", ")),)

    async def run(self, ctx: StepContext) -> str:
        wanted = _wanted(ctx.job)
        current = await current_revision(ctx.settings, ctx.execute)
        if current == wanted:
            await _evidence(ctx, Moved(current, current, ()))
            return f"nothing to undo: the database is at {current or 'base'} already"
        async with _code_that_knows_the_way(ctx) as code:
            moved = await move_down(ctx, current, wanted or "base", code)
        if moved.after != wanted:
            raise WorkFailed(
                f"The database is at {moved.after or 'base'} now, not at {wanted or 'base'}",
                "Something else moved it. Look at: debvisor-cli db history",
            )
        return f"down {counted(len(moved.applied), 'revision')}, {current or 'base'} → {moved.after or 'base'}"

    async def inspect(self, ctx: StepContext) -> Finding:
        wanted = _wanted(ctx.job)
        try:
            current = await current_revision(ctx.settings, ctx.execute)
        except DebvisorError as error:
            return Finding(Found.UNKNOWN, error.what)
        text, stands = f"the database is at {current or 'base'}", {"revision": current}
        if current == wanted:
            return Finding(Found.DONE, f"{text}, where it was before the release", stands)
        mine = [c for c in await ctx.changes() if c.kind is ChangeKind.DATABASE and c.step == ctx.step]
        began = [c.before.get("revision") for c in mine]
        if began and began[0] != current:
            return Finding(Found.PARTLY, f"{text}, between {began[0]} and {wanted or 'base'}", stands)
        return Finding(Found.NOT_DONE, f"{text} and is to go down to {wanted or 'base'}", stands)


@contextlib.asynccontextmanager
async def _code_that_knows_the_way(ctx: StepContext) -> AsyncIterator[CodeRunner | None]:
    """None: the code in place does. Once the old release is back, its migrations end below where the database
    stands; then the newer release's code is taken from where it comes from, without putting it in place."""
    source, newer = open_source(ctx.settings), ctx.job.old
    if not newer.identity or (await source.installed()).is_same_code(newer):
        yield None
        return
    async with contextlib.AsyncExitStack() as stack:
        try:
            code = await stack.enter_async_context(source.code(newer))
        except WorkFailed as error:
            ctx.log(f"going down with the code in place: {error.what}")
            code = None
        else:
            ctx.log(f"going down with the code of {newer.version}, which is not in place any more")
        yield code


async def move_down(ctx: StepContext, current: str | None, target: str, code: CodeRunner | None = None) -> Moved:
    """Go down from `current` to `target` (a revision, "base" or "-1"), as a DATABASE change. `code`: see there."""
    undone: list[Mapping[str, Any]] = []
    database = await opened(ctx.settings)
    schema = await database.schema()
    intent: dict[str, Any] = {"revision": current, "pending": []}
    async with ctx.change(ChangeKind.DATABASE, f"database {database.name}", intent) as change:
        try:
            moved = await downgrade(ctx.settings, ctx.execute, target, reporter(ctx, "undone", undone), code)
        except BaseException as error:
            change.after.update(await standing(ctx.settings))
            if "revision" in change.after:
                reached = change.after["revision"]
                await _evidence(ctx, Moved(current, reached, tuple(undone)))
                left = await what_is_left(ctx, schema, [], None, moved=reached != current)
                if left:
                    change.after["left"] = list(left)
                if isinstance(error, AlembicFailed):
                    half = f" It was half undone, and left this: {'; '.join(left)}." if left else ""
                    error.hint = f"The database stands at {reached or 'base'}.{half} {error.hint}".rstrip()
            raise
        change.after["revision"] = moved.after
    await _evidence(ctx, moved)
    return moved


async def _evidence(ctx: StepContext, moved: Moved) -> None:
    text = f"{moved.before or 'base'} → {moved.after or 'base'}, {len(moved.applied)} undone"
    await ctx.evidence("revisions", text, moved.to_json())


def _wanted(job: Job) -> str | None:
    revision = job.facts.get("revision")
    return str(revision) if revision else None
