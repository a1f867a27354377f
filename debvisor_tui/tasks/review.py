"""Review: every commit between what runs and the target is on the released branch, and a person vouches for them."""

from debvisor_tui.adapters.sources import open_source
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.artifacts import Commits
from debvisor_tui.model.findings import Finding, Found
from debvisor_tui.model.wording import counted
from debvisor_tui.system.failures import shown
from debvisor_tui.tasks.attest import attest
from debvisor_tui.tasks.base import Job, StepContext

DETAILED = 50  # commits listed in the question


class ReviewTask:
    accepts: frozenset[str] = frozenset()

    def commands(self, settings: Settings, job: Job) -> tuple[str, ...]:
        return tuple(map(shown, open_source(settings).review_commands(job.old, job.new)))

    async def run(self, ctx: StepContext) -> str:
        job, source = ctx.job, open_source(ctx.settings)
        # The plan has just asked the remote; who retries has perhaps merged something since.
        again = bool(await ctx.recall(ctx.step, "commits"))
        found = await source.commits(ctx, job.old, job.new, fetch=again)
        await self._evidence(ctx, found)
        if not found.commits:
            return f"nothing changes: {job.to_version} holds no commit that {job.from_version} lacks"
        for commit in found.commits:
            ctx.log(f"{commit.short} {commit.author}: {commit.subject}", "out")
        await source.require_merged(job.new)
        who = await attest(
            ctx,
            f"Was {_these(found.total)} of {job.to_version} read and approved by somebody other than the author?",
            detail=_detail(found),
        )
        return f"{counted(found.total, 'commit')}, all on {found.trunk}; reviewed, says {who}"

    async def inspect(self, ctx: StepContext) -> Finding:
        return Finding(Found.NOT_DONE, "a review changes nothing; it has to be vouched for anew")

    async def _evidence(self, ctx: StepContext, found: Commits) -> None:
        job = ctx.job
        value = {
            "from": job.old.exact,
            "to": job.new.exact,
            "from_version": job.from_version,
            "to_version": job.to_version,
            "trunk": found.trunk,
            "commits": [
                {"commit": c.id, "author": c.author, "at": c.at, "subject": c.subject} for c in found.commits
            ],
        }
        count = f"{counted(found.total, 'commit')}, {job.from_version} → {job.to_version}"
        await ctx.evidence("commits", count if found.commits else "nothing changes", value)


def _these(total: int) -> str:
    return "the one commit" if total == 1 else f"every one of the {total} commits"


def _detail(found: Commits) -> str:
    lines = [f"{c.short} {c.author}: {c.subject}" for c in found.commits[:DETAILED]]
    if found.total > len(lines):
        lines.append(f"and {found.total - len(lines)} more")
    return "\n".join(lines)
