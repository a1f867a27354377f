"""The backup step: a full copy of the database with the service running, read back, and kept with its manifest."""

import os
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from debvisor_tui.adapters.databases import opened
from debvisor_tui.adapters.databases.protocol import Contents, Database
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.changes import ChangeKind
from debvisor_tui.model.errors import DebvisorError, WorkFailed
from debvisor_tui.model.findings import Finding, Found
from debvisor_tui.model.standing import needed_backups
from debvisor_tui.model.times import full_time
from debvisor_tui.model.wording import counted, format_bytes
from debvisor_tui.system.files import explained
from debvisor_tui.system.threads import in_thread, on_loop
from debvisor_tui.tasks.backup_catalog import (
    PARTIAL,
    Backup,
    alone,
    check_tag,
    list_backups,
    make_folder,
    new_path,
    newest,
    prove_whole,
    prune,
    publish,
    sha256_of,
)
from debvisor_tui.tasks.base import Job, StepContext
from debvisor_tui.tasks.words import cli

PRE_DEPLOY: Final = "pre-deploy-"  # how the tags of releases' backups begin
ROOM: Final = 1.2  # times the database's size; the same again for a scratch restore


@dataclass(frozen=True, slots=True)
class _Draft:
    """A copy that was proven but has no name yet."""

    sha256: str
    bytes: int
    contents: Contents
    restored: bool | None


class BackupTask:
    accepts: frozenset[str] = frozenset()

    def commands(self, settings: Settings, job: Job) -> tuple[str, ...]:
        return (cli(settings, "backup", "create", "--type", "full", "--tag", job.backup_tag),)

    async def run(self, ctx: StepContext) -> str:
        backup = await create_backup(ctx, ctx.job.backup_tag)
        return f"{backup.tag}: {format_bytes(backup.bytes)}, revision {backup.revision or 'none'}, read back whole"

    async def inspect(self, ctx: StepContext) -> Finding:
        return await inspect_backup(ctx)


async def create_backup(ctx: StepContext, tag: str, *, retain: bool = True, protected: Sequence[Path] = ()) -> Backup:
    """Back up the target's database under `tag`, prove the copy and publish it.

    `retain`: then remove old ones beyond `backup.keep`, but none that is `protected` or belongs to this run.
    """
    check_tag(tag)
    settings, folder = ctx.settings, ctx.settings.backup.dir
    database = await opened(settings)
    make_folder(folder)
    with alone(folder):
        began, now = time.monotonic(), datetime.now(UTC).timestamp()
        await check_room(database, folder, twice=settings.backup.verify == "restore")
        path = new_path(folder, tag, database.suffix, now)
        when = full_time(now)
        ctx.log(f"copying {database.name} to {path}")
        async with ctx.change(
            ChangeKind.BACKUP, f"{when} ({database.name})", {"tag": tag, "path": str(path)}
        ) as change:
            partial = path.with_name(path.name + PARTIAL)
            try:
                draft = await _draft(ctx, database, partial)
                backup = Backup(
                    tag=tag,
                    path=path,
                    created=now,
                    sha256=draft.sha256,
                    bytes=draft.bytes,
                    revision=draft.contents.revision,
                    rows=draft.contents.rows,
                    target=settings.name,
                    source=database.name,
                )
                publish(backup, partial)
            finally:
                with suppress(OSError):
                    partial.unlink(missing_ok=True)
            change.after.update(backup.facts)
        seconds = round(time.monotonic() - began, 2)
        await ctx.evidence(
            "backup",
            f"{path}, {format_bytes(backup.bytes)}, revision {backup.revision or 'none'}",
            {**backup.facts, "seconds": seconds},
        )
        verified = {"integrity": "ok", "read_back": True, "restored": draft.restored, "rows": dict(backup.rows)}
        restored = ", restored into a scratch database" if draft.restored else ""
        held = f"{counted(draft.contents.total, 'row')} in {counted(len(backup.rows), 'table')}"
        text = f"integrity ok, read back{restored}, {held}"
        await ctx.evidence("verified", text, verified)
        if retain:
            await _retain(ctx, database, [backup.path, *protected])
    return backup


async def _draft(ctx: StepContext, database: Database, partial: Path) -> _Draft:
    reading = on_loop(lambda done, total: ctx.progress(done, total, "bytes", "reading back"))
    _take_away(partial)
    contents = await database.back_up(ctx, partial)
    digest = await in_thread(lambda stop: sha256_of(partial, reading, stop))
    await database.verify(ctx, partial)
    restored = None
    if ctx.settings.backup.verify == "restore":
        async with database.copy(ctx, partial) as copy:
            again = await copy.contents()
        if again != contents:
            raise WorkFailed(
                f"A restore of the backup differs from it: {_difference(contents, again)}", "Is the disk sound?"
            )
        restored = True
    return _Draft(digest, os.stat(partial).st_size, contents, restored)


def _take_away(partial: Path) -> None:
    """What an attempt that was killed has left: nobody writes to it."""
    with explained(partial):
        partial.unlink(missing_ok=True)


def _difference(one: Contents, other: Contents) -> str:
    for table in {*one.rows, *other.rows}:
        if one.rows.get(table) != other.rows.get(table):
            return f"table {table} has {one.rows.get(table, 0)} rows in it and {other.rows.get(table, 0)} after"
    return f"revision {one.revision} and {other.revision}"


async def check_room(database: Database, folder: Path, *, twice: bool) -> None:
    """WorkFailed if `folder` has no room for a backup; `twice`: and for a scratch restore of it."""
    needed = int(await database.size() * ROOM) * (2 if twice else 1)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise WorkFailed(
            f"The backup needs {format_bytes(needed)} in {folder}, and {format_bytes(free)} are free",
            f"Make room (`df -h {folder}`), or name another backup.dir. Nothing was written.",
        )


async def _retain(ctx: StepContext, database: Database, protected: Sequence[Path]) -> None:
    mine = [Path(str(c.after.get("path"))) for c in await ctx.changes() if c.kind is ChangeKind.BACKUP]
    backups = list_backups(ctx.settings.backup.dir, ctx.settings.name, database.suffix)
    # By hand, without a journal, the tags tell which backup a way back could need: this release's and the one before.
    tags = list(dict.fromkeys(b.tag for b in backups if b.tag.startswith(PRE_DEPLOY) and not b.problem))[:2]
    needed = [b.path for tag in tags if (b := newest(backups, tag))]
    needed += needed_backups(await ctx.standing())
    for path in prune(backups, ctx.settings.backup.keep, [*mine, *needed, *protected]):
        ctx.log(f"removed {path.name}: only the newest {ctx.settings.backup.keep} are kept")


async def inspect_backup(ctx: StepContext) -> Finding:
    """Is this run's backup there and whole? An earlier run's backup of the same tag does not count."""
    tag = ctx.job.backup_tag
    try:
        backups = list_backups(ctx.settings.backup.dir, ctx.settings.name, (await opened(ctx.settings)).suffix)
    except DebvisorError as error:
        return Finding(Found.UNKNOWN, error.what)
    paths = [Path(str(c.before.get("path"))) for c in await ctx.changes() if c.kind is ChangeKind.BACKUP]
    found = next((b for b in backups if b.path in paths and not b.problem), None)
    if found is not None:
        try:
            await in_thread(lambda stop: prove_whole(found, lambda done, total: None, stop))
        except DebvisorError as error:
            return Finding(Found.PARTLY, error.what)
        text = f"{found.path} is there, {format_bytes(found.bytes)}, and its checksum is right"
        return Finding(Found.DONE, text, found.facts)
    broken = next((b for b in backups if b.path in paths or b.path.with_suffix("") in paths), None)
    if broken is not None:
        return Finding(Found.PARTLY, f"{broken.path}: {broken.problem}")
    return Finding(Found.NOT_DONE, f"there is no backup tagged {tag} of this run")
