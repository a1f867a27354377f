"""Steps that the config makes different: done by hand, done by another command, or with commands around them."""

from collections.abc import Sequence

from debvisor_tui.adapters.sources import open_source
from debvisor_tui.config.parts import Argv
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.findings import Finding, Found
from debvisor_tui.model.playbook import STANDARD
from debvisor_tui.system.execute import Completed
from debvisor_tui.system.failures import shown
from debvisor_tui.tasks.attest import attest
from debvisor_tui.tasks.base import Job, StepContext, Task
from debvisor_tui.tasks.change_tracking import witnessed


class ManualTask:
    """The operator does what `inner` would do, and vouches for it; what it changes is recorded all the same."""

    accepts: frozenset[str] = frozenset()

    def __init__(self, step: str, inner: Task) -> None:
        self._step = step
        self._inner = inner

    def commands(self, settings: Settings, job: Job) -> tuple[str, ...]:
        return self._inner.commands(settings, job)

    async def run(self, ctx: StepContext) -> str:
        detail = "\n".join(("This step is done by hand. The commands:", *self.commands(ctx.settings, ctx.job)))
        async with witnessed(ctx, self._step):
            who = await attest(ctx, f"Did you do the step {self._step}?", detail=detail)
        return f"done by hand, says {who}"

    async def inspect(self, ctx: StepContext) -> Finding:
        return await self._inner.inspect(ctx)


class CommandTask:
    """Another command does what `inner` would do; what it changes is recorded all the same."""

    accepts: frozenset[str] = frozenset()

    def __init__(self, step: str, argv: Argv, inner: Task) -> None:
        self._step = step
        self._argv = argv
        self._inner = inner

    def commands(self, settings: Settings, job: Job) -> tuple[str, ...]:
        return (shown(self._argv),)

    async def run(self, ctx: StepContext) -> str:
        async with witnessed(ctx, self._step):
            await execute_own(ctx, self._argv)
        return f"{self._argv[0]} ended well"

    async def inspect(self, ctx: StepContext) -> Finding:
        if any(spec.id == self._step and spec.records for spec in STANDARD.release):
            return await self._inner.inspect(ctx)  # the world tells, whoever changed it
        return Finding(Found.UNKNOWN, f"{self._argv[0]} is a command of the config; nothing tells what it did")


class WrappedTask:
    """`inner` with the config's commands before and after it. If one fails, what comes after it is not done."""

    def __init__(self, step: str, inner: Task, before: Sequence[Argv], after: Sequence[Argv]) -> None:
        self.accepts = inner.accepts
        self._step = step
        self._inner = inner
        self._before = before
        self._after = after

    def commands(self, settings: Settings, job: Job) -> tuple[str, ...]:
        return (*map(shown, self._before), *self._inner.commands(settings, job), *map(shown, self._after))

    async def run(self, ctx: StepContext) -> str:
        for argv in self._before:
            await execute_own(ctx, argv)
        done = await self._inner.run(ctx)
        for argv in self._after:
            await execute_own(ctx, argv)
        return done

    async def inspect(self, ctx: StepContext) -> Finding:
        return await self._inner.inspect(ctx)


async def execute_own(
    ctx: StepContext, argv: Sequence[str], *, check: bool = True, limit: float | None = None
) -> Completed:
    """Run a command of the config in the config's folder; it learns by its environment what it is run for."""
    job = ctx.job
    env = {
        "DEBVISOR_TARGET": ctx.settings.name,
        "DEBVISOR_STEP": ctx.step,
        "DEBVISOR_VERSION": job.to_version,
        "DEBVISOR_FROM_VERSION": job.from_version,
        **open_source(ctx.settings).environment(job.old, job.new),
    }
    return await ctx.execute(argv, cwd=ctx.settings.path.parent, env=env, check=check, limit=limit)
