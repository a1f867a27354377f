"""The plan of a release: which versions are on offer, what each step will run, and what stands in the way."""

from debvisor_tui.adapters.sources.git.checkout import Place, cannot_forward, dirty, git_of, in_place, local_versions
from debvisor_tui.adapters.sources.git.commands import Git
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.people import Person
from debvisor_tui.model.playbook import RunKind, step_specs
from debvisor_tui.model.text import one_line
from debvisor_tui.model.versions import nearest
from debvisor_tui.model.views import PlannedStep, ReleasePlan, Version
from debvisor_tui.system.execute import run_quietly
from debvisor_tui.tasks.base import Job
from debvisor_tui.tasks.registry import task_for

FETCH_LIMIT = 20.0  # seconds; the versions known here are shown if the remote does not answer
NAMED = 5  # versions named when one is not found


async def versions(settings: Settings) -> tuple[Version, ...]:
    """The versions on offer, newest first; the known ones if the remote is gone. WorkFailed without a checkout."""
    git = git_of(settings, run_quietly)
    await git.fetch(settings.source.remote, FETCH_LIMIT)
    return await local_versions(git, settings)


async def plan_release(settings: Settings, version: str) -> ReleasePlan:
    """The release of `version` as it would run; nothing is touched. What stands in the way is in its problems."""
    git = git_of(settings, run_quietly)
    wanted = one_line(version, 200)
    try:
        place = await in_place(git, settings)
        fetched = await git.fetch(settings.source.remote, FETCH_LIMIT)
        offered = await local_versions(git, settings)
    except WorkFailed as error:
        return ReleasePlan("", "", wanted, "", (), (_sentence(error.what, error.hint),))
    problems = []
    if fetched.problem:
        url = await git.remote_url(settings.source.remote)
        problems.append(
            _sentence(
                f"{settings.source.remote} ({url or 'no such remote'}) cannot be fetched from: {fetched.problem}",
                "Check the network, the remote's address and this host's key for it.",
            )
        )
    target = next((v for v in offered if v.name == version), None)
    if target is None:
        problems.append(_unknown(wanted, offered))
    elif target.name in fetched.moved:
        problems.append(
            _sentence(
                f"The tag {target.name} was moved on {settings.source.remote}", "Find out who moved it, and why."
            )
        )
    problems += await _in_the_way(git, place, target)
    job = Job(
        kind=RunKind.RELEASE,
        from_version=place.version,
        from_commit=place.commit,
        to_version=wanted,
        to_commit=target.commit if target else "",
        operator=Person(""),
    )
    return ReleasePlan(
        place.version, place.commit, wanted, job.to_commit, _steps(settings, job) if target else (), tuple(problems)
    )


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
        for s in step_specs(job.kind)
    )


def _manual(settings: Settings, step: str) -> bool:
    override = settings.step(step)
    if step == "ci" and not (override.command or settings.ci.status_file or settings.ci.command):
        return True  # nothing tells of a pipeline: a person does
    return override.manual


async def _in_the_way(git: Git, place: Place, target: Version | None) -> list[str]:
    try:
        obstacles = [await dirty(git)]
        if target is not None:
            obstacles.append(await cannot_forward(git, place, target.name, target.commit))
    except WorkFailed as error:
        return [_sentence(error.what, error.hint)]
    return [str(obstacle) for obstacle in obstacles if obstacle]


def _unknown(wanted: str, offered: tuple[Version, ...]) -> str:
    names = [v.name for v in offered]
    if not names:
        return f"There is no version {wanted}: the checkout knows no tags that match source.tags in the config."
    meant = nearest(wanted, names)
    asked = f" Did you mean {meant}?" if meant else ""
    return f"There is no version {wanted}. The newest are {', '.join(names[:NAMED])}.{asked}"


def _sentence(what: str, hint: str) -> str:
    return f"{what.rstrip('.')}. {hint}".strip()
