"""One look at the target's /metrics, and what the service has done since it started."""

import asyncio
import time
from dataclasses import replace
from typing import Any

from debvisor_tui.adapters.metrics.exposition import Scrape, between, read_answer
from debvisor_tui.system.http import Http

BASELINE_LIMIT = 3.0  # seconds: a restart does not wait longer for the numbers of before


async def scrape(http: Http, url: str) -> Scrape:
    """Read the metrics now, on the loop's clock. Unreadable says why they cannot be."""
    answer = await http.request("GET", url, headers={"accept": "text/plain"})
    return replace(read_answer(answer, asyncio.get_running_loop().time()), wall=time.time())


async def baseline(url: str) -> tuple[str, dict[str, Any]]:
    """All that the running process has served, as a line and as evidence "baseline"; Unreadable if it cannot be had.

    `error_rate`: a ratio; `p50`, `p95`, `p99`: milliseconds; `seconds`: since the process started. None: not known.
    """
    async with Http(BASELINE_LIMIT) as http:
        now = await scrape(http, url)
    total = between(Scrape(now.at), now, at=time.time(), elapsed=0.0)
    seconds = round(max(time.time() - now.started, 0.0), 1) if now.started else None
    value: dict[str, Any] = {"requests": total.requests, "error_rate": total.error_rate, "seconds": seconds}
    value |= {name: _rounded(getattr(total, name)) for name in ("p50", "p95", "p99")}
    errors = "" if total.error_rate is None else f", {total.error_rate:.2%} errors"
    p95 = "" if total.p95 is None else f", p95 {total.p95:.0f} ms"
    return f"before: {total.requests:.0f} requests{errors}{p95}", value


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
