"""Whether the service stays up while its metrics are watched: what a supervisor brings back may not show in them."""

import time
from dataclasses import replace

from debvisor_tui.adapters.platforms import open_platform
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.services import ServiceState
from debvisor_tui.model.verdict import Outcome, Verdict
from debvisor_tui.model.wording import counted
from debvisor_tui.tasks.base import StepContext

FAILS_AT = 3  # restarts in one watch: nobody does that by hand


class ServiceWatch:
    """What runs is looked at again and again; each start of another is a fact of its own."""

    def __init__(self, ctx: StepContext) -> None:
        self._ctx = ctx
        self._platform = open_platform(ctx.settings)
        self._last: ServiceState | None = None
        self._gone = False
        self._untold = ""
        self._restarts: list[str] = []

    @property
    def crash_loops(self) -> bool:
        return len(self._restarts) >= FAILS_AT

    async def look(self) -> None:
        try:
            now = await self._platform.state()
        except WorkFailed as error:
            if error.what != self._untold:
                self._ctx.log(f"whether the service was restarted cannot be told: {error.what}")
            self._untold = error.what
            return
        if now is None:
            if self._last is not None and not self._gone:
                self._ctx.log(f"nothing runs: {self._last.text} is gone")
            self._gone = self._last is not None
            return
        if self._last is not None and now.identity != self._last.identity:
            told = f"{self._last.text} → {now.named(time.time())}"
            self._restarts.append(told)
            self._ctx.log(f"restarted during the watch: {told}")
            await self._ctx.evidence(
                "restarted",
                f"restarted during the watch: {told}",
                {"before": self._last.facts(), "after": now.facts()},
            )
        self._last, self._gone = now, False

    def weigh(self, judged: Verdict) -> Verdict:
        """`judged` by the metrics, and by this: a service that did not stay up is not called good."""
        told = []
        if self._restarts:
            told.append(f"the service was restarted {counted(len(self._restarts), 'time')} during the watch")
        if self._gone:
            told.append("the service does not run any more")
        if not told or judged.outcome is Outcome.FAIL:
            return judged
        if self.crash_loops:
            return replace(judged, outcome=Outcome.FAIL, reason="; ".join(told))
        return replace(judged, outcome=Outcome.INCONCLUSIVE, reason="; ".join([*told, judged.reason]))
