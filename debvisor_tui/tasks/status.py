"""What runs now: the version in place, the database's revision, whether the service answers; asked all at once."""

import asyncio

from debvisor_tui.adapters.sources import open_source
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.errors import DebvisorError
from debvisor_tui.model.versions import plain_version
from debvisor_tui.model.views import Now, Probe
from debvisor_tui.tasks.health import PROBES, probe

LIMIT = 10.0  # seconds for each question but the probes, which have 3


async def what_runs_now(settings: Settings) -> Now:
    """Never raises for a broken target: what cannot be told is among the problems."""
    (installed, problem), (revision, revision_problem), probes = await asyncio.gather(
        _installed(settings), _revision(settings), _probes(settings)
    )
    problems = tuple(found for found in (problem, revision_problem) if found)
    in_place = installed.version if installed else ""
    told = next((probe.version for probe in probes if probe.version), "")
    answers = any(probe.status is not None for probe in probes)
    same = plain_version(told) == plain_version(in_place)
    version = (in_place if not told or same else told) if answers else ""
    notes: tuple[str, ...] = ()
    if not answers:
        notes = (f"Nothing answers; {in_place or 'an unknown version'} is in place.",)
    elif told and not same and in_place:
        notes = (f"{told} answers; {in_place} is in place. Was the service restarted since?",)
    return Now(version, installed, revision, probes, problems, bool(told), notes)


async def _installed(settings: Settings) -> tuple[Artifact | None, str]:
    source = open_source(settings)
    try:
        async with asyncio.timeout(LIMIT):
            return await source.installed(), ""
    except DebvisorError as error:
        return None, error.what
    except TimeoutError:
        return None, f"{source.subject} gave no answer within {LIMIT:.0f} s"


async def _revision(settings: Settings) -> tuple[str, str]:
    from debvisor_tui.adapters.migrations.alembic import current_revision

    try:
        async with asyncio.timeout(LIMIT):
            revision = await current_revision(settings)
    except DebvisorError as error:
        return "", error.what
    except TimeoutError:
        return "", f"the database gave no answer within {LIMIT:.0f} s"
    return revision or "", "" if revision else "the database has no revision yet"


async def _probes(settings: Settings) -> tuple[Probe, ...]:
    return tuple(await asyncio.gather(*(probe(settings, name) for name in PROBES)))
