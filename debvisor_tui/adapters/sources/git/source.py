"""A git checkout as the source of releases: tags of a remote, put in place by fast-forward, taken back by reset."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from debvisor_tui.adapters.migrations.host import HostCode
from debvisor_tui.adapters.migrations.protocol import CodeRunner
from debvisor_tui.adapters.sources.git.checkout import (
    cannot_forward,
    commit_of,
    dirty,
    in_environment,
    in_place,
    local_versions,
)
from debvisor_tui.adapters.sources.git.commands import (
    WRITING,
    Fetched,
    Git,
    back_words,
    fetch_words,
    forward_words,
    git,
    shown_git,
)
from debvisor_tui.adapters.sources.git.export import exported
from debvisor_tui.adapters.sources.git.interrupted_checkout import half_written, put_back
from debvisor_tui.adapters.sources.git.packages import changed_packages
from debvisor_tui.adapters.sources.protocol import Argv, Resolved
from debvisor_tui.adapters.sources.venvs import Venvs
from debvisor_tui.config.settings import Settings
from debvisor_tui.config.sources import GitSettings
from debvisor_tui.model.artifacts import Artifact, Commits
from debvisor_tui.model.changes import ChangeKind
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.findings import Finding, Found
from debvisor_tui.model.text import one_line
from debvisor_tui.model.versions import nearest_version
from debvisor_tui.model.views import Version
from debvisor_tui.model.wording import counted, listed
from debvisor_tui.system.work import QUIET, Work

OFFER_LIMIT = 20.0  # seconds; the versions known here are shown if the remote does not answer
REVIEW_LIMIT = 60.0  # seconds
NAMED = 5  # versions named when one is not found


class GitCheckout:
    """See :class:`..protocol.Source`."""

    kind: ClassVar[str] = "git"
    change: ClassVar[ChangeKind] = ChangeKind.CODE

    def __init__(self, settings: Settings) -> None:
        assert isinstance(settings.source, GitSettings)  # noqa: S101 - the registry pairs the two
        self._settings, self._source = settings, settings.source
        self._checkout = settings.source.checkout
        self._venvs = Venvs(settings) if settings.venv else None
        self.subject = str(self._checkout)

    def _git(self, work: Work = QUIET) -> Git:
        return Git(self._checkout, work.execute)

    # -- looking ------------------------------------------------------------------------------------------------

    async def installed(self) -> Artifact:
        found = await in_place(self._git(), self._source.tags)
        return in_environment(found, self._venvs.current()) if self._venvs else found

    async def versions(self) -> tuple[Version, ...]:
        repo = self._git()
        fetched = await repo.fetch(self._source.remote, OFFER_LIMIT)
        return tuple(
            replace(version, fresh=not fetched.problem and version.name not in fetched.moved)
            for version in await local_versions(repo, self._source.tags)
        )

    async def resolve(self, version: str, *, fetch: bool) -> Resolved:
        repo = self._git()
        problems = []
        try:
            place = await self.installed()
            fetched = await repo.fetch(self._source.remote, OFFER_LIMIT) if fetch else Fetched()
            offered = await local_versions(repo, self._source.tags)
            if fetched.problem:
                problems.append(_sentence(self._unreachable(fetched, await repo.remote_url(self._source.remote))))
        except WorkFailed as error:
            return Resolved(None, None, (_sentence(error),))
        target = next((v.artifact for v in offered if v.name == version), None)
        if target is None:
            problems.append(_unknown(one_line(version, 200), [v.name for v in offered]))
        elif target.version in fetched.moved:
            problems.append(self._moved(target.version))
        problems += await self._obstacles(repo, place, target)
        if self._venvs:
            problems += [found] if (found := self._venvs.obstacle()) else []
            try:
                target = target and in_environment(target, await self._environment_of(target))
            except WorkFailed as error:
                problems.append(_sentence(error))
        return Resolved(place, target, tuple(problems))

    async def _environment_of(self, artifact: Artifact) -> str:
        """The name of the environment that the release's files ask for; "" if releases have none of their own."""
        if not self._venvs:
            return ""
        commit, repo = commit_of(artifact), self._git()
        return await self._venvs.name_for(artifact.version, commit, lambda path: repo.content(commit, path))

    async def _obstacles(self, repo: Git, place: Artifact, target: Artifact | None) -> list[str]:
        try:
            obstacles = [await dirty(repo)]
            if target is not None:
                obstacles.append(await cannot_forward(repo, place, target))
        except WorkFailed as error:
            return [_sentence(error)]
        return [str(obstacle) for obstacle in obstacles if obstacle]

    async def commits(self, work: Work, old: Artifact, new: Artifact, *, fetch: bool) -> Commits:
        source, repo = self._source, self._git(work)
        if fetch or not await repo.commit_of(commit_of(new)):
            fetched = await repo.fetch(source.remote, REVIEW_LIMIT)
            if fetched.problem:
                work.log(
                    f"{source.remote} cannot be fetched from; going by what was fetched before: {fetched.problem}"
                )
        if not await repo.commit_of(commit_of(new)):
            raise WorkFailed(
                f"The checkout does not know {new}",
                f"Fetch it: {shown_git(self._checkout, *fetch_words(source.remote))}",
            )
        commits = await repo.log(commit_of(old), commit_of(new))
        total = await repo.count(f"{commit_of(old)}..{commit_of(new)}")
        return Commits(commits, total, f"{source.remote}/{source.branch}")

    async def require_merged(self, new: Artifact) -> None:
        source, repo = self._source, self._git()
        branch = f"{source.remote}/{source.branch}"
        if not await repo.commit_of(f"refs/remotes/{branch}"):
            raise WorkFailed(
                f"The checkout knows no branch {branch} to compare with",
                f"Check source.remote and source.branch in the config; {shown_git(self._checkout, 'branch', '-r')}",
            )
        strays = await repo.log(f"refs/remotes/{branch}", commit_of(new))
        if strays:
            names = listed([f"{c.short} ({one_line(c.subject, 60)})" for c in strays], 5)
            are = "is" if len(strays) == 1 else "are"
            raise WorkFailed(
                f"{counted(len(strays), 'commit')} of {new.version} {are} not on {branch}: {names}",
                f"Merge them into {source.branch} through a review, and retry; or release a version that is on it.",
            )

    def revision(self, artifact: Artifact) -> str:
        return commit_of(artifact)

    async def stays(self, old: Artifact, new: Artifact) -> tuple[str, ...]:
        if self._venvs:
            return ()
        try:
            files = await changed_packages(self._git(), commit_of(old), commit_of(new))
        except WorkFailed as error:
            return (f"what is installed, if that is another ({error.what})",)
        return (f"what is installed for {listed(list(files))}",) if files else ()

    # -- moving -------------------------------------------------------------------------------------------------

    async def obtain(self, work: Work, new: Artifact) -> Mapping[str, Any]:
        venvs = self._venvs
        if not venvs:
            return {}
        name = await self._environment_of(new)
        if name != new.environment:
            planned = f"with the environment {new.environment}" if new.environment else "without an environment"
            raise WorkFailed(
                f"{new.version} was planned {planned}, and asks for {name} now",
                "The config, or the Python that it names, has changed since. End this run and plan the release anew.",
            )
        if venvs.is_whole(name):
            return await venvs.build(work, name, self._checkout)
        async with exported(self._git(), commit_of(new)) as tree:
            return await venvs.build(work, name, tree)

    async def tidy(self, work: Work, needed: Sequence[Artifact]) -> None:
        if self._venvs:
            await self._venvs.tidy(work, {artifact.environment for artifact in needed})

    async def prepare(self, work: Work, new: Artifact, *, begun: bool) -> Artifact:
        repo = self._git(work)
        self._require_venvs(new)
        if begun:
            await put_back(work, repo, commit_of(new))
        if obstacle := await dirty(repo):
            raise obstacle.error()
        await self._fetch(work, repo, new)
        place = await self.installed()
        if not await repo.branch():
            work.log(f"the checkout is on no branch (detached HEAD); HEAD itself goes to {new.version}")
        if not place.is_same_code(new) and (obstacle := await cannot_forward(repo, place, new)):
            raise obstacle.error()
        if self._venvs:
            await self._have_way_back(self._venvs, place)
            await self.obtain(work, new)  # the check may have been skipped, or done by hand
        return place

    def _require_venvs(self, artifact: Artifact) -> None:
        if artifact.environment and not self._venvs:
            raise WorkFailed(
                f"{artifact.version} runs in the environment {artifact.environment}, and the config has no [venv]",
                "Put [venv] back into the config as it was when this release began, and retry.",
            )

    async def _have_way_back(self, venvs: Venvs, place: Artifact) -> None:
        if problem := venvs.obstacle():
            raise WorkFailed(problem)
        await venvs.require(place.environment)

    async def _fetch(self, work: Work, repo: Git, new: Artifact) -> None:
        remote = self._source.remote
        url = await repo.remote_url(remote)
        work.log(f"fetching from {remote} ({url})" if url else f"fetching from {remote}")
        fetched = await repo.fetch(remote)
        if fetched.problem:
            raise self._unreachable(fetched, url)
        if others := [name for name in fetched.moved if name != new.version]:
            work.log(f"{remote} has other commits under these tags, which stay as they are here: {', '.join(others)}")
        tagged = await repo.commit_of(f"refs/tags/{new.version}")
        if new.version in fetched.moved or (tagged and tagged != commit_of(new)):
            raise WorkFailed(
                f"The tag {new.version} was moved: this release was planned for {new.short}",
                "Find out who moved it and why. Then end this run and plan the release anew.",
            )
        if not await repo.commit_of(commit_of(new)):
            raise WorkFailed(
                f"{remote} has no commit {new.short} ({new.version})", "Was the tag pushed? Push it, and retry."
            )

    async def install(self, work: Work, new: Artifact) -> None:
        await self._git(work).run(*forward_words(commit_of(new)), limit=WRITING, told=True)
        await self._switch(work, new)

    async def _switch(self, work: Work, artifact: Artifact) -> None:
        if self._venvs and artifact.environment and artifact.environment != self._venvs.current():
            await self._venvs.switch(work, artifact.environment)

    async def prepare_revert(self, work: Work, recorded: Artifact, other: Artifact) -> Artifact:
        repo = self._git(work)
        self._require_venvs(recorded)
        # The release's pull, or an earlier attempt at this, may have been cut off.
        there_already = await repo.head() == commit_of(recorded)
        await put_back(work, repo, commit_of(other if there_already else recorded))
        place = await self.installed()
        if self._venvs and recorded.environment:
            if problem := self._venvs.obstacle(in_use=False):
                raise WorkFailed(problem)
            await self._venvs.require(recorded.environment)
        if place.is_same_code(recorded):
            return place
        if obstacle := await dirty(repo):
            raise obstacle.error()
        if not await repo.commit_of(commit_of(recorded)):
            raise WorkFailed(
                f"The checkout {self._checkout} does not have the recorded commit {recorded.short} any more",
                f"Fetch it: {shown_git(self._checkout, 'fetch', self._source.remote, commit_of(recorded))}",
            )
        return place

    async def revert(self, work: Work, recorded: Artifact) -> None:
        repo = self._git(work)
        # A file that was only touched would be taken for changed.
        await repo.run("update-index", "-q", "--refresh", ok=None, limit=WRITING)
        await repo.run(*back_words(commit_of(recorded)), limit=WRITING, told=True)
        await self._switch(work, recorded)

    async def difference(self, old: Artifact, new: Artifact) -> dict[str, Any]:
        return {"files": len(await self._git().files_between(commit_of(old), commit_of(new)))}

    async def inspect(self, wanted: Artifact, other: Artifact) -> Finding:
        repo = self._git()
        try:
            place = await self.installed()
            left = await half_written(repo, commit_of(other if place.is_same_code(wanted) else wanted))
        except WorkFailed as error:
            return Finding(Found.UNKNOWN, f"the checkout cannot be read: {error.what}")
        where = f"the checkout is at {place.short}, which is {place.version}"
        if place.environment:
            where += f", with the environment {place.environment}"
        if files := (*left.changed, *left.strays):
            return Finding(Found.PARTLY, f"{where}, but {counted(len(files), 'file')} differ from it: it was cut off")
        if left.locks:
            return Finding(Found.PARTLY, f"{where}, and {left.locks[0]} was left there: it was cut off")
        if place.is_same_code(wanted):
            return Finding(Found.DONE, where, place.facts())
        if place.is_same_code(other):
            return Finding(Found.NOT_DONE, where, place.facts())
        environments = {wanted.environment, other.environment}
        if place.exact in {wanted.exact, other.exact} and place.environment in environments:
            return Finding(Found.PARTLY, f"{where}: it was cut off between the two", place.facts())
        return Finding(Found.UNKNOWN, f"{where}: neither what stood before nor {wanted.version}")

    @asynccontextmanager
    async def code(self, artifact: Artifact | None = None) -> AsyncIterator[CodeRunner]:
        if artifact is None:
            yield HostCode(self._settings, self._checkout)
            return
        venv = None
        if self._venvs and (name := artifact.environment):
            if not self._venvs.place(name).is_dir():
                raise WorkFailed(
                    f"The environment of {artifact.version} is not there: {self._venvs.place(name)}",
                    "It is built by the migration check of a release, before the migrations are read.",
                )
            venv = (self._venvs.place(name), self._venvs.python(name))
        async with exported(self._git(), commit_of(artifact)) as tree:
            yield HostCode(self._settings, self._checkout, tree, venv)

    def locks(self) -> tuple[Path, ...]:
        return (self._checkout, self._venvs.home) if self._venvs else (self._checkout,)

    def environment(self, old: Artifact, new: Artifact) -> Mapping[str, str]:
        return {"DEBVISOR_COMMIT": commit_of(new), "DEBVISOR_FROM_COMMIT": commit_of(old)}

    # -- what is shown ------------------------------------------------------------------------------------------

    def review_commands(self, old: Artifact, new: Artifact) -> tuple[Argv, ...]:
        return (git(self._checkout, "log", "--oneline", f"{old.version}..{new.version}"),)

    def obtain_commands(self, new: Artifact) -> tuple[Argv, ...]:
        name, venvs = new.environment, self._venvs
        return venvs.build_commands(name) if venvs and name and not venvs.is_whole(name) else ()

    def install_commands(self, new: Artifact) -> tuple[Argv, ...]:
        return (
            git(self._checkout, *fetch_words(self._source.remote)),
            git(self._checkout, *forward_words(commit_of(new))),
            *self._switch_commands(new),
        )

    def revert_commands(self, recorded: Artifact) -> tuple[Argv, ...]:
        return (git(self._checkout, *back_words(commit_of(recorded))), *self._switch_commands(recorded))

    def _switch_commands(self, artifact: Artifact) -> tuple[Argv, ...]:
        return self._venvs.switch_commands(artifact.environment) if self._venvs and artifact.environment else ()

    def _unreachable(self, fetched: Fetched, url: str) -> WorkFailed:
        return WorkFailed(
            f"{self._source.remote} ({url or 'no such remote'}) cannot be fetched from: {fetched.problem}",
            "Check the network, the remote's address and this host's key for it, and retry.",
        )

    def _moved(self, version: str) -> str:
        return f"The tag {version} was moved on {self._source.remote}. Find out who moved it, and why."


def _unknown(wanted: str, names: list[str]) -> str:
    if not names:
        return f"There is no version {wanted}: the checkout knows no tags that match source.tags in the config."
    meant = nearest_version(wanted, names)
    asked = f" Did you mean {meant}?" if meant else ""
    return f"There is no version {wanted}. The newest are {', '.join(names[:NAMED])}.{asked}"


def _sentence(error: WorkFailed) -> str:
    return f"{error.what.rstrip('.')}. {error.hint}".strip()
