"""Restart: the service's own command, and proof that something new came of it and lives."""

import contextlib
import time
from typing import Any

from debvisor_tui.adapters.platforms import open_platform
from debvisor_tui.adapters.platforms.protocol import ServiceLog
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.changes import ChangeKind
from debvisor_tui.model.errors import CommandFailed, WorkFailed
from debvisor_tui.model.findings import Finding, Found
from debvisor_tui.model.services import is_recorded, same_parts
from debvisor_tui.model.text import one_line
from debvisor_tui.system.failures import shown
from debvisor_tui.tasks.base import Job, StepContext
from debvisor_tui.tasks.baseline import keep_baseline

LAST_LINES = 20  # of the service's log, when it dies


class RestartTask:
    accepts: frozenset[str] = frozenset()

    def commands(self, settings: Settings, job: Job) -> tuple[str, ...]:
        return tuple(map(shown, open_platform(settings).restart_commands(job.new)))

    async def run(self, ctx: StepContext) -> str:
        platform = open_platform(ctx.settings)
        if not await ctx.recall("pull", "baseline"):
            await keep_baseline(ctx)
        old = await platform.state()
        ctx.log(f"running now: {old.named(time.time())}" if old else "running now: nothing")
        mark = await platform.mark()
        async with ctx.change(ChangeKind.PROCESS, platform.subject, old.facts() if old else {}) as change:
            try:
                new = await platform.restart(ctx, ctx.job.new, old)
            except WorkFailed as error:
                raise await _with_last_words(ctx, error, mark) from None
            finally:
                with contextlib.suppress(WorkFailed):  # what cannot be told stays empty, and no other error is lost
                    now = await platform.state()
                    change.after.update(now.facts() if now else {})
        value: dict[str, Any] = {"before": old.facts() if old else None, "after": new.facts()}
        await ctx.evidence("process", f"{old.text if old else 'nothing'} → {new.text}", value)
        return f"{new.named(time.time())} runs{f', {old.text} is gone' if old else ''}"

    async def inspect(self, ctx: StepContext) -> Finding:
        now = await open_platform(ctx.settings).state()
        mine = [c for c in await ctx.changes() if c.kind is ChangeKind.PROCESS and c.step == ctx.step]
        if not mine:
            return Finding(
                Found.NOT_DONE, f"no restart was begun; {now.named(time.time())} runs" if now else "nothing runs"
            )
        before = mine[-1].before
        if now is None:
            return Finding(Found.PARTLY, "the restart was begun, and nothing runs now")
        if is_recorded(now, before):
            return Finding(Found.NOT_DONE, f"{now.named(time.time())} still runs, the same as before", now.facts())
        if "parts" in before and (same := same_parts(now, before)):
            told = f"the restart was begun, and {', '.join(same)} was not restarted; {now.named(time.time())}"
            return Finding(Found.PARTLY, told, now.facts())
        ran = before.get("text") or (f"pid {before['pid']}" if "pid" in before else "nothing")
        return Finding(Found.DONE, f"{now.named(time.time())} runs; before it was {ran}", now.facts())


async def _with_last_words(ctx: StepContext, error: WorkFailed, mark: ServiceLog | None) -> WorkFailed:
    """`error`, with what the service itself wrote since the restart."""
    lines = await mark.lines_since(LAST_LINES) if mark else []
    if not mark or not lines:
        return error
    ctx.log(f"the last lines of {mark.name} since the restart:")
    for line in lines:
        ctx.log(line, "err")
    last = one_line(lines[-1], 200)
    what = error.what if last in error.what else f"{error.what}: {last}"
    hint = f"The end of {mark.name} is in this step's log. Fix it and retry, or roll back (R)."
    if isinstance(error, CommandFailed):
        return CommandFailed(what, hint, exit_code=error.command_exit_code)
    return WorkFailed(what, hint)
