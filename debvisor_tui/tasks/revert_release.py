"""Code back: the recorded artifact is put in place again; what else lies there stays as it is."""

from debvisor_tui.adapters.sources import open_source
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.findings import Finding
from debvisor_tui.system.failures import shown
from debvisor_tui.tasks.base import Job, StepContext
from debvisor_tui.tasks.pull import move_evidence, require_in_place, standing_facts


class RevertReleaseTask:
    accepts: frozenset[str] = frozenset()

    def commands(self, settings: Settings, job: Job) -> tuple[str, ...]:
        return tuple(map(shown, open_source(settings).revert_commands(job.recorded)))

    async def run(self, ctx: StepContext) -> str:
        wanted, source = ctx.job.recorded, open_source(ctx.settings)
        place = await source.prepare_revert(ctx, wanted, ctx.job.old)
        if place.is_same_code(wanted):
            await move_evidence(ctx, source, place, wanted)
            return f"{wanted.version} is in place already; nothing was changed"
        async with ctx.change(source.change, source.subject, place.facts()) as change:
            try:
                await source.revert(ctx, wanted)
            finally:
                change.after.update(await standing_facts(source))
            require_in_place(source, Artifact.from_facts(change.after), wanted)
        await move_evidence(ctx, source, place, wanted)
        return f"{place.version} → {wanted}"

    async def inspect(self, ctx: StepContext) -> Finding:
        return await open_source(ctx.settings).inspect(ctx.job.recorded, ctx.job.old)
