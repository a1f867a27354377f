"""Review: every commit between what runs and the target is on the released branch, and a person vouches for them."""

from debvisor_tui.adapters.sources.git.checkout import git_of, short
from debvisor_tui.adapters.sources.git.commands import Commit, Git, shown_git
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.findings import Finding, Found
from debvisor_tui.model.text import one_line
from debvisor_tui.model.wording import counted, listed
from debvisor_tui.tasks.attest import attest
from debvisor_tui.tasks.base import Job, StepContext

FETCH_LIMIT = 60.0  # seconds; the branch may have moved since the plan was made
DETAILED = 50  # commits listed in the question


class ReviewTask:
    accepts: frozenset[str] = frozenset()

    def commands(self, settings: Settings, job: Job) -> tuple[str, ...]:
        source = settings.source
        return (
            shown_git(source.checkout, "fetch", "--tags", source.remote),
            shown_git(source.checkout, "log", "--oneline", f"{job.from_version}..{job.to_version}"),
        )

    async def run(self, ctx: StepContext) -> str:
        job, source = ctx.job, ctx.settings.source
        repo = git_of(ctx.settings, ctx.execute)
        fetched = await repo.fetch(source.remote, FETCH_LIMIT)
        if fetched.problem:
            ctx.log(f"{source.remote} cannot be fetched from; going by what was fetched before: {fetched.problem}")
        if not await repo.commit_of(job.to_commit):
            raise WorkFailed(
                f"The checkout does not know {job.to_version} ({short(job.to_commit)})",
                f"Fetch it: {shown_git(source.checkout, 'fetch', '--tags', source.remote)}",
            )
        commits = await repo.log(job.from_commit, job.to_commit)
        total = await repo.count(f"{job.from_commit}..{job.to_commit}")
        await self._evidence(ctx, commits, total)
        if not commits:
            return f"nothing changes: {job.to_version} holds no commit that {job.from_version} lacks"
        for commit in commits:
            ctx.log(f"{short(commit.commit)} {commit.author}: {commit.subject}", "out")
        await _all_on_branch(ctx, repo)
        who = await attest(
            ctx,
            f"Was {_these(total)} of {job.to_version} read and approved by somebody other than the author?",
            detail=_detail(commits, total),
        )
        return f"{counted(total, 'commit')}, all on {source.remote}/{source.branch}; reviewed, says {who}"

    async def inspect(self, ctx: StepContext) -> Finding:
        return Finding(Found.NOT_DONE, "a review changes nothing; it has to be vouched for anew")

    async def _evidence(self, ctx: StepContext, commits: tuple[Commit, ...], total: int) -> None:
        job = ctx.job
        value = {
            "from": job.from_commit,
            "to": job.to_commit,
            "from_version": job.from_version,
            "to_version": job.to_version,
            "commits": [{"commit": c.commit, "author": c.author, "at": c.at, "subject": c.subject} for c in commits],
        }
        text = f"{counted(total, 'commit')}, {job.from_version} → {job.to_version}" if commits else "nothing changes"
        await ctx.evidence("commits", text, value)


async def _all_on_branch(ctx: StepContext, repo: Git) -> None:
    job, source = ctx.job, ctx.settings.source
    branch = f"{source.remote}/{source.branch}"
    if not await repo.commit_of(f"refs/remotes/{branch}"):
        raise WorkFailed(
            f"The checkout knows no branch {branch} to compare with",
            f"Check source.remote and source.branch in the config; {shown_git(source.checkout, 'branch', '-r')}",
        )
    strays = await repo.log(f"refs/remotes/{branch}", job.to_commit)
    if strays:
        names = listed([f"{short(c.commit)} ({one_line(c.subject, 60)})" for c in strays], 5)
        are = "is" if len(strays) == 1 else "are"
        raise WorkFailed(
            f"{counted(len(strays), 'commit')} of {job.to_version} {are} not on {branch}: {names}",
            f"Merge them into {source.branch} through a review, or release a version that is on it.",
        )


def _these(total: int) -> str:
    return "the one commit" if total == 1 else f"every one of the {total} commits"


def _detail(commits: tuple[Commit, ...], total: int) -> str:
    lines = [f"{short(c.commit)} {c.author}: {c.subject}" for c in commits[:DETAILED]]
    if total > len(lines):
        lines.append(f"and {total - len(lines)} more")
    return "\n".join(lines)
