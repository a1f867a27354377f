"""Every part of a target's config, tried for real on this host, all at once; nothing is changed."""

import asyncio
import os
import shlex
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from debvisor_tui.adapters.databases import opened
from debvisor_tui.adapters.metrics import open_metrics
from debvisor_tui.adapters.metrics.protocol import NoData
from debvisor_tui.adapters.platforms import open_platform
from debvisor_tui.adapters.sources import open_source
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.checks import Check, CheckState
from debvisor_tui.model.errors import DebvisorError
from debvisor_tui.model.wording import counted, format_bytes
from debvisor_tui.system.execute import run_quietly
from debvisor_tui.tasks.backup import check_room
from debvisor_tui.tasks.backup_catalog import list_backups
from debvisor_tui.tasks.health import PROBES, probe
from debvisor_tui.tasks.plan import no_restart

LIMIT = 45.0  # seconds for each part; what it asks has limits of its own, and says better what was slow
GOOD, WARNING, BAD = CheckState.GOOD, CheckState.WARNING, CheckState.BAD

Examine = Callable[[Settings], Awaitable[list[Check]]]


async def examine(settings: Settings) -> list[Check]:
    """What was found, in the config's order. Never raises for a broken target: that is what it is for."""
    parts: tuple[tuple[str, Examine], ...] = (
        ("config", _config),
        ("platform", _platform),
        ("source", _source),
        ("database", _database),
        ("migrations", _migrations),
        ("backup", _backup),
        ("health", _health),
        ("monitor", _monitor),
    )
    found = await asyncio.gather(*(bounded(part, examination(settings)) for part, examination in parts))
    return [check for checks in found for check in checks]


async def bounded(part: str, examination: Awaitable[list[Check]]) -> list[Check]:
    """What an examination of `part` found; one that fails hides nothing of the others."""
    try:
        async with asyncio.timeout(LIMIT):
            return await examination
    except DebvisorError as error:
        return [Check(part, BAD, error.what, error.hint)]
    except TimeoutError:
        return [Check(part, BAD, f"it gave no answer within {LIMIT:.0f} s", "Look at the host, then try again.")]
    except OSError as error:
        return [Check(part, BAD, f"{error.filename or part}: {error.strerror or error}", "Who may read it?")]
    except Exception as error:  # the rest is to be told all the same
        return [Check(part, BAD, f"looking at it failed: {type(error).__name__}: {error}", "This is a bug.")]


def nearest_folder(path: Path) -> Path:
    """`path`, or the folder above it that is there; OSError if one of them may not be looked into."""
    for folder in (path, *path.parents):
        try:
            folder.stat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        return folder
    return Path("/")


def unwritable(folder: Path) -> str:
    """Why nothing can be put into `folder`, or ""."""
    if not folder.is_dir():
        return f"{folder} is no folder"
    return "" if os.access(folder, os.W_OK | os.X_OK) else f"{folder} cannot be written to"


async def _config(settings: Settings) -> list[Check]:
    return [
        Check("config", GOOD, f"{settings.path} is valid"),
        *(Check("config", WARNING, warning) for warning in settings.warnings),
    ]


async def _platform(settings: Settings) -> list[Check]:
    found = [Check("platform", BAD, why) for why in await no_restart(settings)]
    if found:
        return found
    platform = open_platform(settings)
    now = await platform.state()
    if now is None:
        return [
            Check("platform", WARNING, f"nothing runs ({platform.subject})", "Start the service, or find out why.")
        ]
    return [Check("platform", GOOD, now.text)]


async def _source(settings: Settings) -> list[Check]:
    source = open_source(settings)
    installed = await source.installed()
    found = [Check("source", GOOD, f"{installed} in place ({source.subject})")]
    offered = await source.versions()
    if not offered:
        return [*found, Check("source", BAD, "no version is on offer", "Do source.tags and source.remote fit?")]
    # That of the newest: by it the remote is asked, and whether this checkout can be moved at all.
    newest = offered[0]
    resolved = await source.resolve(newest.name, fetch=True)
    if newest.current and not newest.fresh:
        text = f"{newest.name} is in place, and its remote did not tell whether there is a newer one"
        return [*found, Check("source", BAD, text, "Look at the network, and at what source.remote names.")]
    if newest.current:
        # It is no way forward, and that alone is no obstacle.
        return [*found, Check("source", GOOD, f"{newest.name}, the newest of {len(offered)} on offer, is in place")]
    if resolved.problems:
        return [*found, *(Check("source", BAD, f"{newest.name}: {problem}") for problem in resolved.problems)]
    text = f"{newest.name} could be put in place, the newest of {len(offered)} on offer"
    return [*found, Check("source", GOOD, text)]


async def _database(settings: Settings) -> list[Check]:
    database = await opened(settings)
    size = await database.size()
    with suppress(LookupError):  # only alembic can tell which revision that is
        await database.revision()
    return [Check("database", GOOD, f"{database.name}, {format_bytes(size)}")]


async def _migrations(settings: Settings) -> list[Check]:
    """That the interpreter of the config can read them, by the code that is in place."""
    from debvisor_tui.adapters.migrations.alembic import pending

    found = await pending(settings, run_quietly)
    if found.elsewhere:
        where = f"{settings.database.python} finds them in {found.elsewhere}, which is not the code in place"
        return [Check("migrations", WARNING, where, "What a release applies is then known only at its upgrade.")]
    if not found.migrations:
        return [
            Check(
                "migrations", GOOD, f"the database is at {found.current or 'base'}, up to date with the code in place"
            )
        ]
    count = counted(len(found.migrations), "migration")
    return [
        Check(
            "migrations",
            WARNING,
            f"{count} of the code in place not applied: the database is at {found.current or 'base'}",
            "The next release applies them, too. See: debvisor-cli db check",
        )
    ]


async def _backup(settings: Settings) -> list[Check]:
    folder = settings.backup.dir
    there = await asyncio.to_thread(nearest_folder, folder)
    if why := await asyncio.to_thread(unwritable, there):
        what = why if there == folder else f"{why}, so {folder} cannot be made"
        return [Check("backup", BAD, what, f"Give it to the operator: ls -ld {shlex.quote(str(there))}")]
    database = await opened(settings)
    await check_room(database, there, twice=settings.backup.verify == "restore")
    if there != folder:
        return [Check("backup", GOOD, f"{folder} will be made, and has room")]
    kept = await asyncio.to_thread(list_backups, folder, settings.name, database.suffix)
    broken = [backup for backup in kept if backup.problem]
    found = [Check("backup", GOOD, f"{folder} has room, and holds {counted(len(kept) - len(broken), 'backup')}")]
    return found + [Check("backup", WARNING, f"{backup.path.name}: {backup.problem}") for backup in broken]


async def _health(settings: Settings) -> list[Check]:
    probes = await asyncio.gather(*(probe(settings, name) for name in PROBES))
    return [
        Check(
            "health",
            GOOD if one.ok else WARNING,
            f"{one.name}: {one.text}",
            "" if one.ok else f"See: curl -s {shlex.quote(one.url)}",
        )
        for one in probes
    ]


async def _monitor(settings: Settings) -> list[Check]:
    async with open_metrics(settings, min(10.0, max(3.0, settings.monitor.interval))) as source:
        try:
            baseline = await source.baseline()
        except NoData as error:
            fix = "Without numbers the watch is inconclusive, and a person decides."
            return [Check("monitor", WARNING, error.what, error.hint or fix)]
    return [Check("monitor", GOOD, baseline.text.removeprefix("before: "))]
