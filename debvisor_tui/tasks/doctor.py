"""Every part of a target's config, tried for real on this host, all at once; nothing is changed."""

import asyncio
import os
from collections.abc import Awaitable, Callable

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

LIMIT = 20.0  # seconds for each part
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
    found = await asyncio.gather(*(_bounded(part, examination, settings) for part, examination in parts))
    return [check for checks in found for check in checks]


async def _bounded(part: str, examination: Examine, settings: Settings) -> list[Check]:
    try:
        async with asyncio.timeout(LIMIT):
            return await examination(settings)
    except DebvisorError as error:
        return [Check(part, BAD, error.what, error.hint)]
    except TimeoutError:
        return [Check(part, BAD, f"it gave no answer within {LIMIT:.0f} s", "Look at the host, then try again.")]


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
    if not any(version.fresh for version in offered):
        why = "its remote did not answer: what is on offer was fetched before, if anything"
        found.append(Check("source", BAD, why, "A release asks it anew. See: debvisor-tui release VERSION"))
    newer = [version for version in offered if version.newer]
    if not newer:
        return [*found, Check("source", GOOD, f"{counted(len(offered), 'version')} on offer, none newer")]
    resolved = await source.resolve(newer[0].name, fetch=False)
    if resolved.problems:
        return [*found, *(Check("source", BAD, f"{newer[0].name}: {problem}") for problem in resolved.problems)]
    return [*found, Check("source", GOOD, f"{newer[0].name} could be put in place, the newest of {len(newer)} newer")]


async def _database(settings: Settings) -> list[Check]:
    database = await opened(settings)
    size = await database.size()
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
            Check("migrations", GOOD, f"the database is at {found.current or 'base'}, as the code in place wants it")
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
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        what = f"{there} cannot be written to" + ("" if there == folder else f", so {folder} cannot be made")
        return [Check("backup", BAD, what, f"Give it to the operator: ls -ld {there}")]
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
            "health", GOOD if one.ok else WARNING, f"{one.name}: {one.text}", "" if one.ok else f"See: curl {one.url}"
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
