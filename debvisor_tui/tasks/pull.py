"""Pull: fetch, prove that the tag is the planned commit, and fast-forward the checkout to it. Nothing runs it yet."""

from debvisor_tui.adapters.sources.git.checkout import Place, cannot_forward, dirty, git_of, in_place, short
from debvisor_tui.adapters.sources.git.commands import WRITING, Git, shown_git
from debvisor_tui.adapters.sources.git.interrupted_checkout import half_written, put_back
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.changes import ChangeKind
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.findings import Finding, Found
from debvisor_tui.model.wording import counted
from debvisor_tui.tasks.base import Job, StepContext
from debvisor_tui.tasks.baseline import keep_baseline


class PullTask:
    accepts: frozenset[str] = frozenset()

    def commands(self, settings: Settings, job: Job) -> tuple[str, ...]:
        source = settings.source
        return (
            shown_git(source.checkout, "fetch", "--tags", source.remote),
            shown_git(source.checkout, "merge", "--ff-only", job.to_version),
        )

    async def run(self, ctx: StepContext) -> str:
        job, source = ctx.job, ctx.settings.source
        repo = git_of(ctx.settings, ctx.execute)
        if any(c.kind is ChangeKind.CODE for c in await ctx.changes()):  # an earlier attempt may have been cut off
            await put_back(ctx, repo, job.to_commit)
        if obstacle := await dirty(repo):
            raise obstacle.error()
        await self._fetch(ctx, repo)
        place = await in_place(repo, ctx.settings)
        if not await repo.branch():
            ctx.log(f"the checkout is on no branch (detached HEAD); HEAD itself goes to {job.to_version}")
        if place.commit == job.to_commit:
            ctx.log(f"{job.to_version} ({short(job.to_commit)}) is in place already")
            await code_evidence(ctx, repo, place, Place(job.to_version, job.to_commit))
            return f"{job.to_version} is in place already; nothing was changed"
        if obstacle := await cannot_forward(repo, place, job.to_version, job.to_commit):
            raise obstacle.error()
        await keep_baseline(ctx)
        before = {"commit": place.commit, "version": place.version}
        async with ctx.change(ChangeKind.CODE, str(source.checkout), before) as change:
            try:
                # By its sha: what was proved above to be the tag is what is put in place.
                await repo.run("merge", "--ff-only", job.to_commit, limit=WRITING, told=True)
            finally:
                change.after.update(await stands(repo, ctx.settings))
            if change.after.get("commit") != job.to_commit:
                raise WorkFailed(
                    f"After the merge the checkout is at {short(str(change.after.get('commit', '')))}, "
                    f"not at {short(job.to_commit)}",
                    f"Look at it: {shown_git(source.checkout, 'status')}",
                )
        await code_evidence(ctx, repo, place, Place(job.to_version, job.to_commit))
        return f"{place.version} → {job.to_version} ({short(job.to_commit)})"

    async def inspect(self, ctx: StepContext) -> Finding:
        return await inspect_checkout(ctx, ctx.job.to_version, ctx.job.to_commit, ctx.job.from_commit)

    async def _fetch(self, ctx: StepContext, repo: Git) -> None:
        job, remote = ctx.job, ctx.settings.source.remote
        url = await repo.remote_url(remote)
        ctx.log(f"fetching from {remote} ({url})" if url else f"fetching from {remote}")
        fetched = await repo.fetch(remote)
        if fetched.problem:
            raise WorkFailed(
                f"{remote} ({url or 'no such remote'}) cannot be fetched from: {fetched.problem}",
                "Check the network, the remote's address and this host's key for it, and retry.",
            )
        if others := [name for name in fetched.moved if name != job.to_version]:
            ctx.log(f"{remote} has other commits under these tags, which stay as they are here: {', '.join(others)}")
        tagged = await repo.commit_of(f"refs/tags/{job.to_version}")
        if job.to_version in fetched.moved or (tagged and tagged != job.to_commit):
            raise WorkFailed(
                f"The tag {job.to_version} was moved: this release was planned for {short(job.to_commit)}",
                "Find out who moved it and why. Then end this run and plan the release anew.",
            )
        if not await repo.commit_of(job.to_commit):
            raise WorkFailed(
                f"{remote} has no commit {short(job.to_commit)} ({job.to_version})",
                "Was the tag pushed? Push it, and retry.",
            )


async def stands(repo: Git, settings: Settings) -> dict[str, str]:
    """What is in place, for a change's `after`; empty if even that cannot be told."""
    try:
        place = await in_place(repo, settings)
    except WorkFailed:
        return {}
    return {"commit": place.commit, "version": place.version}


async def code_evidence(ctx: StepContext, repo: Git, before: Place, after: Place) -> None:
    """Evidence "code"; `files` is how many files differ."""
    files = len(await repo.files_between(before.commit, after.commit))
    value = {
        "before": before.commit,
        "after": after.commit,
        "before_version": before.version,
        "after_version": after.version,
        "files": files,
    }
    same = before.commit == after.commit
    moved = f"{before.version} ({short(before.commit)}) → {after.version} ({short(after.commit)}), {files} files"
    await ctx.evidence("code", f"{after.version} ({short(after.commit)}) already" if same else moved, value)


async def inspect_checkout(ctx: StepContext, version: str, wanted: str, old: str) -> Finding:
    """Where the checkout is, for a step that was to move it from `old` to `wanted`."""
    repo = git_of(ctx.settings, ctx.execute)
    try:
        place = await in_place(repo, ctx.settings)
        left = await half_written(repo, old if place.commit == wanted else wanted)
    except WorkFailed as error:
        return Finding(Found.UNKNOWN, f"the checkout cannot be read: {error.what}")
    where = f"the checkout is at {short(place.commit)}, which is {place.version}"
    stands = {"commit": place.commit, "version": place.version}
    if files := (*left.changed, *left.strays):
        return Finding(Found.PARTLY, f"{where}, but {counted(len(files), 'file')} differ from it: it was cut off")
    if left.locks:
        return Finding(Found.PARTLY, f"{where}, and {left.locks[0]} was left there: it was cut off")
    if place.commit == wanted:
        return Finding(Found.DONE, where, stands)
    if place.commit == old:
        return Finding(Found.NOT_DONE, where, stands)
    return Finding(Found.UNKNOWN, f"{where}: neither what stood before nor {version}")
