"""Restart: the service's own command, and proof that a new process came of it and lives."""

import asyncio
import time
from typing import Any

from debvisor_tui.adapters.platforms.service_process import Process, process_of, read_process
from debvisor_tui.config.settings import ProcessPlatform, Settings
from debvisor_tui.model.changes import ChangeKind
from debvisor_tui.model.durations import format_duration
from debvisor_tui.model.errors import CommandFailed, WorkFailed
from debvisor_tui.model.findings import Finding, Found
from debvisor_tui.model.text import one_line
from debvisor_tui.model.times import short_day
from debvisor_tui.system.failures import describe_failure, shown
from debvisor_tui.system.log_mark import LogMark
from debvisor_tui.tasks.base import Job, StepContext
from debvisor_tui.tasks.baseline import keep_baseline

LOOK = 0.05  # seconds between two looks at the process
LAST_LINES = 20  # of the service's log, when it dies


class RestartTask:
    accepts: frozenset[str] = frozenset()

    def commands(self, settings: Settings, job: Job) -> tuple[str, ...]:
        return (shown(settings.platform.restart),)

    async def run(self, ctx: StepContext) -> str:
        platform = ctx.settings.platform
        if not await ctx.recall("pull", "baseline"):
            await keep_baseline(ctx)
        old = process_of(platform.pid_file)
        ctx.log(f"running now: {_named(old)}" if old else "running now: nothing")
        mark = LogMark.here(platform.log_file) if platform.log_file else None
        async with ctx.change(ChangeKind.PROCESS, str(platform.pid_file), old.facts() if old else {}) as change:
            try:
                done = await ctx.execute(platform.restart, cwd=platform.cwd or ctx.settings.path.parent, check=False)
                if done.exit_code != 0:
                    raise describe_failure(platform.restart, done.exit_code, done.stderr)
                new = await _settled(ctx, platform, old)
            except WorkFailed as error:
                raise _with_last_words(ctx, error, mark) from None
            finally:
                now = process_of(platform.pid_file)
                change.after.update(now.facts() if now else {})
        value: dict[str, Any] = {"before": old.facts() if old else None, "after": new.facts()}
        await ctx.evidence("process", f"pid {old.pid if old else 'none'} → pid {new.pid}", value)
        return f"{_named(new)} runs{f', pid {old.pid} is gone' if old else ''}"

    async def inspect(self, ctx: StepContext) -> Finding:
        now = process_of(ctx.settings.platform.pid_file)
        mine = [c for c in await ctx.changes() if c.kind is ChangeKind.PROCESS and c.step == ctx.step]
        if not mine:
            return Finding(Found.NOT_DONE, f"no restart was begun; {_named(now)} runs" if now else "nothing runs")
        before = mine[-1].before
        if now is None:
            return Finding(Found.PARTLY, "the restart was begun, and no process runs now")
        if now.is_recorded(before):
            return Finding(Found.NOT_DONE, f"{_named(now)} still runs, the same as before", now.facts())
        text = f"{_named(now)} runs; before it was pid {before.get('pid', 'none')}"
        return Finding(Found.DONE, text, now.facts())


async def _settled(ctx: StepContext, platform: ProcessPlatform, old: Process | None) -> Process:
    """The new process, once it has lived for `settle` seconds."""
    clock = ctx.clock
    deadline = clock() + platform.stop_timeout
    while (new := process_of(platform.pid_file)) is None or _same(new, old):
        if clock() >= deadline:
            if new is None:
                what = f"No process runs {format_duration(platform.stop_timeout)} after the restart"
                raise WorkFailed(what, f"{platform.pid_file} names no living process. Look at the service's log.")
            raise WorkFailed(
                f"The restart command ended well, but {_named(new)} still runs, the same as before",
                f"Does the command restart this service? Is {platform.pid_file} its pid file?",
            )
        await asyncio.sleep(LOOK)
    ctx.log(f"started: {_named(new)}")
    begun = clock()
    while (lived := clock() - begun) < platform.settle:
        ctx.progress(lived, platform.settle, "seconds", f"pid {new.pid} lives")
        await asyncio.sleep(min(LOOK, platform.settle - lived))
        if not _same(read_process(new.pid), new):
            raise WorkFailed(
                f"The service died {format_duration(clock() - begun)} after its start (pid {new.pid})",
                "Its last lines are in this step's log.",
            )
    return new


def _with_last_words(ctx: StepContext, error: WorkFailed, mark: LogMark | None) -> WorkFailed:
    """`error`, with what the service itself wrote since the restart."""
    lines = mark.lines_since(LAST_LINES) if mark else []
    if not mark or not lines:
        return error
    ctx.log(f"the last lines of {mark.path} since the restart:")
    for line in lines:
        ctx.log(line, "err")
    last = one_line(lines[-1], 200)
    what = error.what if last in error.what else f"{error.what}: {last}"
    hint = f"The end of {mark.path} is in this step's log. Mend it and retry, or roll back (R)."
    if isinstance(error, CommandFailed):
        return CommandFailed(what, hint, exit_code=error.command_exit_code)
    return WorkFailed(what, hint)


def _same(one: Process | None, other: Process | None) -> bool:
    return one is not None and other is not None and (one.pid, one.ticks) == (other.pid, other.ticks)


def _named(process: Process) -> str:
    return f"pid {process.pid}, started {short_day(process.started, time.time())}"
