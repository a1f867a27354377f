"""The service's own /metrics, in Prometheus' text format, read again and again."""

import asyncio
import time
from dataclasses import replace
from types import TracebackType
from typing import Any, ClassVar, Self

from debvisor_tui.adapters.metrics.exposition import Scrape, between, read_answer
from debvisor_tui.adapters.metrics.protocol import Baseline
from debvisor_tui.config.monitors import ScrapeSettings
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.verdict import Sample
from debvisor_tui.system.failures import shown
from debvisor_tui.system.http import Http


class ScrapedMetrics:
    """See :class:`.protocol.MetricsSource`."""

    kind: ClassVar[str] = "scrape"

    def __init__(self, settings: Settings, limit: float) -> None:
        assert isinstance(settings.monitor, ScrapeSettings)  # noqa: S101 - the registry pairs the two
        self._url = settings.monitor.metrics
        self._limit = limit
        self._last: Scrape | None = None  # the last one that could be read

    async def __aenter__(self) -> Self:
        self._http = Http(self._limit)  # not before: who only asks what is done needs no client
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    def describe(self) -> tuple[str, ...]:
        return (shown(("curl", "-s", self._url)),)

    async def baseline(self) -> Baseline:
        """All that the running process has served. `error_rate`: a ratio; `p50`, `p95`, `p99`: milliseconds;
        `seconds`: since the process started. None: not known."""
        now = await self._scrape()
        total = between(Scrape(now.at), now, at=time.time(), elapsed=0.0)
        seconds = round(max(time.time() - now.started, 0.0), 1) if now.started else None
        value: dict[str, Any] = {"requests": total.requests, "error_rate": total.error_rate, "seconds": seconds}
        value |= {name: _rounded(getattr(total, name)) for name in ("p50", "p95", "p99")}
        errors = "" if total.error_rate is None else f", {total.error_rate:.2%} errors"
        p95 = "" if total.p95 is None else f", p95 {total.p95:.0f} ms"
        return Baseline(f"before: {total.requests:.0f} requests{errors}{p95}", value)

    async def sample(self) -> Sample | None:
        new = await self._scrape()
        old, self._last = self._last, new
        return None if old is None else between(old, new, at=new.wall or time.time(), elapsed=0.0)

    def begin_anew(self) -> None:
        self._last = None

    async def _scrape(self) -> Scrape:
        """As it stands now, on the loop's clock. NoData says why it cannot be read."""
        answer = await self._http.request("GET", self._url, headers={"accept": "text/plain"})
        return replace(read_answer(answer, asyncio.get_running_loop().time()), wall=time.time())


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
