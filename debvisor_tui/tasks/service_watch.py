"""Whether the service stays up while its metrics are watched: what a supervisor brings back may not show in them."""

import time
from collections import Counter
from dataclasses import replace
from typing import Any

from debvisor_tui.adapters.platforms import open_platform
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.services import parts_of
from debvisor_tui.model.verdict import Outcome, Verdict
from debvisor_tui.model.wording import counted
from debvisor_tui.tasks.base import StepContext

FAILS_AT = 3  # restarts of one thing in one watch, or looks in a row at which it does not run


class ServiceWatch:
    """What runs is looked at again and again; each start of another is a fact of its own, part by part."""

    def __init__(self, ctx: StepContext) -> None:
        self._ctx = ctx
        self._platform = open_platform(ctx.settings)
        self._known: dict[str, Any] = {}  # part → what told its last start
        self._restarts: Counter[str] = Counter()
        self._gone: Counter[str] = Counter()  # part → looks in a row
        self._untold = ""

    async def begin(self) -> None:
        """What the restart of this run left running is what must stay. What became of it before the watch is told,
        and does not count: somebody may have restarted it by hand."""
        for evidence in await self._ctx.recall("restart", "process"):
            self._known = {part: told for part, told in parts_of(evidence.value["after"]).items() if told}
        await self.look(counts=False)

    @property
    def failed(self) -> bool:
        return any(count >= FAILS_AT for count in (*self._restarts.values(), *self._gone.values()))

    async def look(self, *, counts: bool = True) -> None:
        try:
            now = await self._platform.state()
        except WorkFailed as error:
            if error.what != self._untold:
                self._ctx.log(f"whether the service was restarted cannot be told: {error.what}")
            self._untold = error.what
            return
        self._untold = ""
        seen = parts_of(now.identity) if now else {}
        for part, was in self._known.items():
            told = seen.get(part)
            if told:
                self._gone.pop(part, None)
            else:
                self._gone[part] += 1
                if self._gone[part] == 1:
                    self._ctx.log(f"{part or 'the service'} does not run")
            if told and told != was and now is not None and not counts:
                self._ctx.log(f"{part or 'the service'} was started anew since this release restarted it")
            elif told and told != was and now is not None:
                self._restarts[part] += 1
                text = f"{part or 'the service'} was restarted during the watch; now: {now.named(time.time())}"
                self._ctx.log(text)
                await self._ctx.evidence("restarted", text, {"part": part, "before": was, "after": told})
        self._known |= {part: told for part, told in seen.items() if told}

    def weigh(self, judged: Verdict) -> Verdict:
        """`judged` by the metrics, and by this: a service that did not stay up is not called good."""
        told = [
            f"{part or 'the service'} was restarted {counted(count, 'time')} during the watch"
            for part, count in self._restarts.items()
        ]
        told += [f"{part or 'the service'} does not run any more" for part in self._gone]
        if not told:
            if not self._untold:
                return judged
            return replace(judged, reason=f"{judged.reason}; whether the service was restarted could not be told")
        metrics = "" if self.failed and judged.outcome is not Outcome.FAIL else judged.reason
        reason = "; ".join([*told, *([metrics] if metrics else [])])
        worst = Outcome.FAIL if self.failed or judged.outcome is Outcome.FAIL else Outcome.INCONCLUSIVE
        return replace(judged, outcome=worst, reason=reason)
