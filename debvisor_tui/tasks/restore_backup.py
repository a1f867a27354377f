"""The last resort of a rollback: the database as it was when the backup was taken."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from debvisor_tui.adapters.databases import open_target, opened
from debvisor_tui.adapters.databases.protocol import Contents, Database
from debvisor_tui.adapters.migrations.alembic import standing
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.changes import ChangeKind
from debvisor_tui.model.errors import DebvisorError, WorkFailed
from debvisor_tui.model.findings import Finding, Found
from debvisor_tui.model.wording import counted
from debvisor_tui.system.threads import in_thread, on_loop
from debvisor_tui.tasks.backup import create_backup
from debvisor_tui.tasks.backup_catalog import Backup, list_backups, newest, prove_whole
from debvisor_tui.tasks.base import Job, StepContext
from debvisor_tui.tasks.words import cli


class RestoreBackupTask:
    accepts: frozenset[str] = frozenset()

    def commands(self, settings: Settings, job: Job) -> tuple[str, ...]:
        return (cli(settings, "backup", "restore", "--tag", str(job.facts.get("tag") or job.backup_tag)),)

    async def run(self, ctx: StepContext) -> str:
        return await restore_backup(ctx, wanted_backup(ctx.settings, ctx.job))

    async def inspect(self, ctx: StepContext) -> Finding:
        try:
            backup = wanted_backup(ctx.settings, ctx.job)
            now = await (await opened(ctx.settings)).contents()
        except DebvisorError as error:
            return Finding(Found.UNKNOWN, error.what)
        if now == Contents(backup.revision, backup.rows):
            text = f"the database holds what {backup.tag} holds, row for row"
            return Finding(Found.DONE, text, {"revision": now.revision})
        # One transaction: it is never half restored, but a service may have written since.
        text = f"the database is at {now.revision or 'none'} with {now.total} rows; the backup is at "
        total = Contents(backup.revision, backup.rows).total
        return Finding(Found.NOT_DONE, f"{text}{backup.revision or 'none'} with {total}", {"revision": now.revision})


def wanted_backup(settings: Settings, job: Job) -> Backup:
    """The very file that the run recorded, else the newest of its tag. WorkFailed if there is none."""
    return find_backup(settings, str(job.facts.get("tag") or job.backup_tag), job.facts)


def find_backup(settings: Settings, tag: str, facts: Any = None) -> Backup:
    backups = list_backups(settings.backup.dir, settings.name, open_target(settings).suffix)
    recorded = (facts or {}).get("path")
    if recorded:
        found = next((b for b in backups if b.path == Path(recorded)), None)
        if found is None:
            raise WorkFailed(f"The backup {recorded} is not there any more", "See what is: debvisor-cli backup list")
        if facts.get("sha256") and found.sha256 != facts["sha256"]:
            raise WorkFailed(f"{recorded} is not the backup that the run took: its checksum differs")
        return found
    found = newest(backups, tag)
    if found is None:
        raise WorkFailed(f"There is no backup tagged {tag}", "See what there is: debvisor-cli backup list")
    return found


async def verify_backup(ctx: StepContext, backup: Backup) -> None:
    """Read `backup` back whole. WorkFailed if it is not what was written."""
    reading = on_loop(lambda done, total: ctx.progress(done, total, "bytes", "checking the backup"))
    await in_thread(lambda stop: prove_whole(backup, reading, stop))
    await (await opened(ctx.settings)).verify(ctx, backup.path)


async def restore_backup(ctx: StepContext, backup: Backup) -> str:
    """Prove `backup`, keep the present database as another backup, then put `backup` in its place."""
    database = await opened(ctx.settings)
    await verify_backup(ctx, backup)
    before = await _keep_present(ctx, database)
    ctx.log(f"restoring {backup.path} into {database.name}")
    async with ctx.change(
        ChangeKind.DATABASE, f"database {database.name}", {"revision": before, "pending": []}
    ) as change:
        try:
            now = await database.restore(ctx, backup.path)
        except BaseException:
            change.after.update(await standing(ctx.settings))
            raise
        change.after["revision"] = now.revision
        if now.revision != backup.revision:
            raise WorkFailed(
                f"After the restore the database is at {now.revision}, not at {backup.revision}",
                "Something else moved it. Stop the service, then restore again.",
            )
    text = f"{backup.tag}, revision {now.revision or 'none'}, {counted(now.total, 'row')}"
    value = {"tag": backup.tag, "path": str(backup.path), "revision": now.revision, "rows": dict(now.rows)}
    await ctx.evidence("restored", text, value)
    return f"restored {text}"


async def _keep_present(ctx: StepContext, database: Database) -> str | None:
    """Nothing is lost by a restore: what is there now is kept first. The revision that it was at."""
    stamp = datetime.fromtimestamp(time.time(), UTC).strftime("%Y%m%dT%H%M%SZ")
    if not await database.exists():
        ctx.log(f"{database.name} is not there: a fresh one is made")
        return None
    try:
        kept = await create_backup(ctx, f"before-restore-{stamp}", retain=False)
    except WorkFailed as error:
        aside = await database.quarantine(stamp)
        if aside is None:
            raise WorkFailed(f"The present database could not be kept: {error.what}", error.hint) from error
        ctx.log(f"{database.name} cannot be read, so it was kept as it is: {aside}")
        return None
    ctx.log(f"the present database is kept as {kept.path}")
    return kept.revision
