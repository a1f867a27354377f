"""The numbers of the time before a release, which its watch is compared with."""

from debvisor_tui.adapters.metrics.exposition import Unreadable
from debvisor_tui.adapters.metrics.scrape import baseline
from debvisor_tui.tasks.base import StepContext


async def keep_baseline(ctx: StepContext) -> None:
    """Numbers to compare the release with, as evidence. Without them it goes on: the process may be dead already.

    To be taken before the release changes anything: once migrations have run, the old code may fail because of them.
    """
    try:
        text, value = await baseline(ctx.settings.monitor.metrics)
    except Unreadable as error:
        ctx.log(f"no numbers of the time before: {error.what}")
        return
    await ctx.evidence("baseline", text, value)
