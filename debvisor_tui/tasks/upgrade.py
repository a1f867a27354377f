"""The upgrade: the pending migrations, applied one by one with the code that has just been put in place."""

from collections.abc import Mapping, Sequence
from typing import Any

from debvisor_tui.adapters.databases import opened
from debvisor_tui.adapters.migrations.alembic import (
    Moved,
    Pending,
    current_revision,
    pending,
    standing,
    upgrade,
)
from debvisor_tui.adapters.migrations.probe import AlembicFailed
from debvisor_tui.adapters.sources import open_source
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.changes import Change, ChangeKind
from debvisor_tui.model.errors import DebvisorError, WorkFailed
from debvisor_tui.model.findings import Finding, Found
from debvisor_tui.model.schema import Schema
from debvisor_tui.model.trial import Trial
from debvisor_tui.model.wording import counted
from debvisor_tui.tasks.base import Job, StepContext
from debvisor_tui.tasks.data_loss import plan_entries
from debvisor_tui.tasks.migration_check import show, trial_of, tried
from debvisor_tui.tasks.pull import stands_at
from debvisor_tui.tasks.upgrade_proof import broken_promises, left_behind
from debvisor_tui.tasks.words import cli


class UpgradeTask:
    accepts: frozenset[str] = frozenset()

    def commands(self, settings: Settings, job: Job) -> tuple[str, ...]:
        return (cli(settings, "db", "upgrade"),)

    async def run(self, ctx: StepContext) -> str:
        await _code_in_place(ctx)
        shown, trial = await _shown(ctx), await trial_of(ctx)
        if shown and shown.migrations and shown.current == await current_revision(ctx.settings, ctx.execute):
            return await upgrade_to_head(ctx, shown, trial)
        planned = await pending(ctx.settings, ctx.execute)
        if unseen := [r for r in planned.revisions if not shown or r not in shown.revisions]:
            async with open_source(ctx.settings).code() as code:
                trial = await tried(ctx, planned, code, None)
            await show(ctx, planned, trial, unseen=unseen)
        return await upgrade_to_head(ctx, planned, trial)

    async def inspect(self, ctx: StepContext) -> Finding:
        try:
            current = await current_revision(ctx.settings)
            code = await open_source(ctx.settings).installed()
            if not code.is_same_code(ctx.job.new):
                return Finding(Found.UNKNOWN, f"the database is at {current}, and {code} is in place")
            found = await pending(ctx.settings, ctx.execute)
        except DebvisorError as error:
            return Finding(Found.UNKNOWN, error.what)
        stands = {"revision": current}
        if not found.migrations:
            text = f"the database is at {current or 'none'}, the head of {ctx.job.to_version}"
            return Finding(Found.DONE, text, stands)
        left = (
            f"the database is at {current or 'none'}, {counted(len(found.migrations), 'revision')} below {found.head}"
        )
        mine = [c for c in await ctx.changes() if c.kind is ChangeKind.DATABASE and c.step == ctx.step]
        if mine and (behind := await _half_done(ctx, mine[-1], current)):
            half = f"{left}, and a migration was left half done: {'; '.join(behind)}"
            return Finding(Found.PARTLY, half, {**stands, "left": list(behind)})
        began = [c.before.get("revision") for c in mine]
        if began and began[0] != current:
            return Finding(Found.PARTLY, left, stands)
        return Finding(Found.NOT_DONE, left, stands)


async def _half_done(ctx: StepContext, change: Change, current: str | None) -> tuple[str, ...]:
    """What an attempt that was cut off has left, by the schema that it began with."""
    schema = change.before.get("schema")
    if not schema:  # an older journal has none
        return ()
    names = [str(m["revision"]) for m in change.before.get("pending", ())]
    applied = names[: names.index(current) + 1] if current in names else []
    began = Schema.from_json(schema)
    return await what_is_left(ctx, began, applied, await trial_of(ctx), moved=bool(applied))


async def upgrade_to_head(ctx: StepContext, planned: Pending, trial: Trial | None = None) -> str:
    """Apply what is `planned`; what was done in one line. The change's `after` tells the truth on failure too.

    `trial`: what came of trying it on a copy.
    """
    before = planned.current
    if not planned.migrations:
        await _evidence(ctx, Moved(before, before, ()))
        return f"nothing to apply: the database is at {before or 'none'}"
    applied: list[Mapping[str, Any]] = []
    database = await opened(ctx.settings)
    entries = await plan_entries(ctx.settings, planned.migrations, trial)
    schema, rows = await database.schema(), (await database.contents()).rows
    intent = {"revision": before, "pending": entries, "schema": schema.to_json()}
    async with ctx.change(ChangeKind.DATABASE, f"database {database.name}", intent) as change:
        try:
            moved = await upgrade(ctx.settings, ctx.execute, planned.revisions, reporter(ctx, "applied", applied))
        except BaseException as error:
            change.after.update(await standing(ctx.settings))
            if "revision" in change.after:
                reached = change.after["revision"]
                stand = _up_to(applied, reached)
                await _evidence(ctx, Moved(before, reached, stand))
                names = [str(row["revision"]) for row in stand]
                left = await what_is_left(ctx, schema, names, trial, moved=bool(names))
                if left:
                    change.after["left"] = list(left)
                if isinstance(error, AlembicFailed):
                    half = f" It was half done, and left this behind: {'; '.join(left)}." if left else ""
                    error.hint = f"The database stands at {reached or 'no revision'}.{half} {error.hint}".rstrip()
            raise
        change.after["revision"] = moved.after
    await _evidence(ctx, moved)
    now = (await database.contents()).rows
    if broken := broken_promises(planned.migrations, trial, await database.schema(), rows, now):
        raise WorkFailed(
            f"The database is not what was shown before the upgrade: {'; '.join(broken)}",
            f"All migrations were applied, it stands at {moved.after}. Look at that before anybody works on. The "
            "backup has what is gone; R shows each way back, and what it costs.",
        )
    return f"{counted(len(moved.applied), 'migration')} applied, {before or 'none'} → {moved.after}"


async def what_is_left(
    ctx: StepContext, before: Schema, applied: Sequence[str], trial: Trial | None, *, moved: bool
) -> tuple[str, ...]:
    """What a failed migration has left behind; nothing if that cannot be told."""
    try:
        now = await (await opened(ctx.settings)).schema()
    except DebvisorError:
        return ()
    return left_behind(before, now, applied, trial, moved=moved)


def reporter(ctx: StepContext, done: str, applied: list[Mapping[str, Any]]) -> Any:
    """Turns the probe's events into progress and a log line a revision, and keeps them in `applied`."""

    def report(event: Mapping[str, Any]) -> None:
        label = f"{event['revision']} {event['message']}".rstrip()
        if event["event"] == "started":
            ctx.progress(event["number"] - 1, event["of"], "revisions", label)
            return
        applied.append({key: event[key] for key in ("revision", "message", "seconds")})
        ctx.progress(event["number"], event["of"], "revisions", label)
        ctx.log(f"{done} {label} ({event['seconds']:.2f} s)")

    return report


def _up_to(applied: list[Mapping[str, Any]], reached: str | None) -> tuple[Mapping[str, Any], ...]:
    """Those that really stand: a database that undoes them all on failure reached none of them."""
    names = [row["revision"] for row in applied]
    return tuple(applied[: names.index(reached) + 1]) if reached in names else ()


async def _evidence(ctx: StepContext, moved: Moved) -> None:
    text = f"{moved.before or 'none'} → {moved.after or 'none'}, {len(moved.applied)} applied"
    await ctx.evidence("revisions", text, moved.to_json())


async def _code_in_place(ctx: StepContext) -> None:
    source, wanted = open_source(ctx.settings), ctx.job.new
    found = await source.installed()
    if wanted.identity and not found.is_same_code(wanted):
        raise WorkFailed(
            f"{source.subject} {stands_at(found, wanted)}: was the pull skipped?",
            "The migrations must be applied with the release's own code. Run the pull first.",
        )


async def _shown(ctx: StepContext) -> Pending | None:
    """What the check has shown of this release's code."""
    for evidence in reversed(await ctx.recall("migration-check", "migrations")):
        of = {evidence.value.get("artifact"), evidence.value.get("commit")}  # commit: an older journal
        return Pending.from_json(evidence.value) if ctx.job.new.exact in of else None
    return None
