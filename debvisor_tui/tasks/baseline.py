"""The numbers of the time before a release, which its watch is compared with."""

from debvisor_tui.adapters.metrics import open_metrics
from debvisor_tui.adapters.metrics.protocol import NoData
from debvisor_tui.tasks.base import StepContext

LIMIT = 3.0  # seconds; the restart is not delayed longer for a baseline


async def keep_baseline(ctx: StepContext) -> None:
    """Numbers to compare the release with, as evidence. Without them it goes on: the process may be dead already.

    To be taken before the release changes anything: once migrations have run, the old code may fail because of them.
    """
    try:
        async with open_metrics(ctx.settings, LIMIT) as source:
            found = await source.baseline()
    except NoData as error:
        ctx.log(f"no baseline: {error.what}")
        return
    await ctx.evidence("baseline", found.text, found.value)
