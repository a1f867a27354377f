"""What runs now: the version in place, the database's revision, whether the service answers; asked all at once."""

import asyncio

from debvisor_tui.adapters.sources.git.checkout import git_of, in_place
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.errors import DebvisorError
from debvisor_tui.model.versions import plain_version
from debvisor_tui.model.views import Now, Probe
from debvisor_tui.system.execute import run_quietly
from debvisor_tui.tasks.health import PROBES, probe

LIMIT = 10.0  # seconds for each question but the probes, which have 3


async def what_runs_now(settings: Settings) -> Now:
    """Never raises for a broken target: what cannot be told is among the problems."""
    (checked_out, commit, place_problem), (revision, revision_problem), probes = await asyncio.gather(
        _place(settings), _revision(settings), _probes(settings)
    )
    problems = tuple(problem for problem in (place_problem, revision_problem) if problem)
    told = next((probe.version for probe in probes if probe.version), "")
    answers = any(probe.status is not None for probe in probes)
    same = plain_version(told) == plain_version(checked_out)
    version = (checked_out if not told or same else told) if answers else ""
    notes: tuple[str, ...] = ()
    if not answers:
        notes = (f"Nothing answers; {checked_out or 'an unknown version'} is checked out.",)
    elif told and not same and checked_out:
        notes = (f"{told} answers; {checked_out} is checked out. Was the service restarted since?",)
    return Now(version, commit, revision, probes, problems, checked_out, bool(told), notes)


async def _place(settings: Settings) -> tuple[str, str, str]:
    try:
        async with asyncio.timeout(LIMIT):
            place = await in_place(git_of(settings, run_quietly), settings)
    except DebvisorError as error:
        return "", "", error.what
    except TimeoutError:
        return "", "", f"the checkout gave no answer within {LIMIT:.0f} s"
    return place.version, place.commit, ""


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
