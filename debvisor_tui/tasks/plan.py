"""The plan of a release: which versions are on offer, what each step will run, and what stands in the way."""

from debvisor_tui.adapters.platforms import open_platform
from debvisor_tui.adapters.sources import open_source
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.people import Person
from debvisor_tui.model.playbook import RunKind
from debvisor_tui.model.text import one_line
from debvisor_tui.model.views import PlannedStep, ReleasePlan, Version
from debvisor_tui.tasks.base import Job
from debvisor_tui.tasks.registry import task_for


async def versions(settings: Settings) -> tuple[Version, ...]:
    """The versions on offer, newest first; the known ones if the remote is gone. WorkFailed if none can be told."""
    return await open_source(settings).versions()


async def plan_release(settings: Settings, version: str, *, fetch: bool = True) -> ReleasePlan:
    """The release of `version` as it would run; nothing is touched. What stands in the way is in its problems.

    `fetch`: ask the remote anew what the version is; else by what was fetched last.
    """
    source = open_source(settings)
    found = await source.resolve(version, fetch=fetch)
    old = found.installed or Artifact()
    if found.artifact is None:
        return ReleasePlan(old, Artifact(one_line(version, 200)), (), found.problems)
    job = Job(RunKind.RELEASE, old, found.artifact, Person(""))
    stays = await source.stays(old, found.artifact)
    warnings = tuple(f"A rollback will leave {what} as it is then." for what in stays)
    problems = (*found.problems, *await no_restart(settings))
    return ReleasePlan(old, found.artifact, _steps(settings, job), problems, warnings)


async def no_restart(settings: Settings) -> tuple[str, ...]:
    """Why the service could not be restarted here: better known before the database is upgraded."""
    override = settings.step("restart")
    if override.command or override.manual:
        return ()
    return await open_platform(settings).obstacles()


def _steps(settings: Settings, job: Job) -> tuple[PlannedStep, ...]:
    return tuple(
        PlannedStep(
            s.id,
            s.title,
            s.phase,
            s.why,
            task_for(job.kind, s.id, settings).commands(settings, job),
            manual=_manual(settings, s.id),
        )
        for s in settings.playbook.steps(job.kind)
    )


def _manual(settings: Settings, step: str) -> bool:
    override = settings.step(step)
    if step == "ci" and not (override.command or settings.ci.status_file or settings.ci.command):
        return True  # nothing tells of a pipeline: a person does
    return override.manual
