"""Pull: have the planned artifact at hand, prove that it is the planned one, put it in place; nothing runs it yet."""

from debvisor_tui.adapters.sources import open_source
from debvisor_tui.adapters.sources.protocol import Source
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.findings import Finding
from debvisor_tui.model.standing import needed_artifacts
from debvisor_tui.system.failures import shown
from debvisor_tui.tasks.base import Job, StepContext
from debvisor_tui.tasks.baseline import keep_baseline


class PullTask:
    accepts: frozenset[str] = frozenset()

    def commands(self, settings: Settings, job: Job) -> tuple[str, ...]:
        return tuple(map(shown, open_source(settings).install_commands(job.new)))

    async def run(self, ctx: StepContext) -> str:
        new, source = ctx.job.new, open_source(ctx.settings)
        begun = any(c.kind is source.change for c in await ctx.changes())
        old = await source.prepare(ctx, new, begun=begun)
        if old.is_same_code(new):
            ctx.log(f"{new} is in place already")
            await move_evidence(ctx, source, old, new)
            return f"{new.version} is in place already; nothing was changed"
        await keep_baseline(ctx)
        stays = await source.stays(old, new)
        before = {**old.facts(), **({"stays": list(stays)} if stays else {})}
        async with ctx.change(source.change, source.subject, before) as change:
            try:
                await source.install(ctx, new)
            finally:
                change.after.update(await standing_facts(source))
            require_in_place(source, Artifact.from_facts(change.after), new)
        await move_evidence(ctx, source, old, new)
        mine, others = await ctx.changes(), await ctx.standing()
        await source.tidy(ctx, [old, new, ctx.job.old, *needed_artifacts([mine, *others])])
        return f"{old.version} → {new}"

    async def inspect(self, ctx: StepContext) -> Finding:
        return await open_source(ctx.settings).inspect(ctx.job.new, ctx.job.old)


def require_in_place(source: Source, found: Artifact, wanted: Artifact) -> None:
    """WorkFailed if what is in place after a move is not what was to be."""
    if not found.is_same_code(wanted):
        raise WorkFailed(
            f"After it {source.subject} {stands_at(found, wanted)}",
            f"Something else moved it: look at {source.subject}, then retry.",
        )


def stands_at(found: Artifact, wanted: Artifact) -> str:
    """How what was `found` differs from what was `wanted`, for a sentence."""
    if found.exact and found.exact == wanted.exact:
        return f"has the environment {found.environment}, not {wanted.environment}"
    return f"is at {found.short or 'an unknown place'}, not at {wanted.short} ({wanted.version})"


async def standing_facts(source: Source) -> dict[str, str]:
    """What is in place, for a change's `after`; empty if even that cannot be told."""
    try:
        return dict((await source.installed()).facts())
    except WorkFailed:
        return {}


async def move_evidence(ctx: StepContext, source: Source, old: Artifact, new: Artifact) -> None:
    """Evidence "code": what stood before, what stands now."""
    more = await source.difference(old, new)
    value = {
        "label": new.label,
        "before": old.exact,
        "after": new.exact,
        "before_version": old.version,
        "after_version": new.version,
        **more,
    }
    told = "".join(f", {count} {noun}" for noun, count in more.items())
    await ctx.evidence("code", f"{new} already" if old.is_same_code(new) else f"{old} → {new}{told}", value)
