"""Code back: the checkout returns to the recorded commit; its branch and its other files stay as they are."""

from debvisor_tui.adapters.sources.git.checkout import Place, dirty, git_of, in_place, short
from debvisor_tui.adapters.sources.git.commands import WRITING, shown_git
from debvisor_tui.adapters.sources.git.interrupted_checkout import put_back
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.changes import ChangeKind
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.findings import Finding
from debvisor_tui.tasks.base import Job, StepContext
from debvisor_tui.tasks.pull import code_evidence, inspect_checkout, stands


def recorded(job: Job) -> Place:
    """Where to go back to: the action's facts, which are the CODE change's `before`; else the job's target."""
    return Place(str(job.facts.get("version") or job.to_version), str(job.facts.get("commit") or job.to_commit))


class RevertReleaseTask:
    accepts: frozenset[str] = frozenset()

    def commands(self, settings: Settings, job: Job) -> tuple[str, ...]:
        return (shown_git(settings.source.checkout, "reset", "--keep", short(recorded(job).commit)),)

    async def run(self, ctx: StepContext) -> str:
        target, checkout = recorded(ctx.job), ctx.settings.source.checkout
        repo = git_of(ctx.settings, ctx.execute)
        # The release's pull, or an earlier attempt at this, may have been cut off.
        await put_back(ctx, repo, ctx.job.from_commit if await repo.head() == target.commit else target.commit)
        place = await in_place(repo, ctx.settings)
        if place.commit == target.commit:
            await code_evidence(ctx, repo, place, target)
            return f"{target.version} is in place already; nothing was changed"
        if obstacle := await dirty(repo):
            raise obstacle.error()
        if not await repo.commit_of(target.commit):
            raise WorkFailed(
                f"The checkout {checkout} does not have the recorded commit {short(target.commit)} any more",
                f"Fetch it: {shown_git(checkout, 'fetch', ctx.settings.source.remote, target.commit)}",
            )
        before = {"commit": place.commit, "version": place.version}
        async with ctx.change(ChangeKind.CODE, str(checkout), before) as change:
            try:
                # A file that was only touched would be taken for changed.
                await repo.run("update-index", "-q", "--refresh", ok=None, limit=WRITING)
                # --keep, not --hard: it refuses rather than throw away what somebody changed in the meantime.
                await repo.run("reset", "--keep", target.commit, limit=WRITING, told=True)
            finally:
                change.after.update(await stands(repo, ctx.settings))
            if change.after.get("commit") != target.commit:
                raise WorkFailed(
                    f"After the reset the checkout is not at {short(target.commit)}",
                    f"Look at it: {shown_git(checkout, 'status')}",
                )
        await code_evidence(ctx, repo, place, target)
        return f"{place.version} → {target.version} ({short(target.commit)})"

    async def inspect(self, ctx: StepContext) -> Finding:
        target = recorded(ctx.job)
        return await inspect_checkout(ctx, target.version, target.commit, ctx.job.from_commit)
