"""Metrics: two scrapes of /metrics become a sample of what was asked in between, how it went, how long it took."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from debvisor_tui.adapters.metrics.protocol import NoData
from debvisor_tui.model.text import one_line
from debvisor_tui.model.verdict import Sample
from debvisor_tui.system.http import HttpAnswer

REQUESTS: Final = "http_requests_total"
DURATION: Final = "http_request_duration_seconds"
STARTED: Final = "process_start_time_seconds"
STATUS_LABELS: Final = ("status", "code", "status_code")
PATH_LABELS: Final = ("path", "handler", "endpoint", "route", "url", "uri")

Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Scrape:
    """The counters as they stood. `requests`: by labels; `buckets`: cumulative counts by labels and upper bound.

    `started`: unix seconds of the process's start, where it says. `at`: seconds of the clock that measures intervals;
    `wall`: unix seconds of the same moment, where they are known.
    """

    at: float
    requests: Mapping[Labels, float] = field(default_factory=dict)
    buckets: Mapping[tuple[Labels, float], float] = field(default_factory=dict)
    started: float | None = None
    wall: float | None = None


def parse(text: str, at: float) -> Scrape:
    """Read the Prometheus text format; NoData if the request counter is not in it."""
    from prometheus_client.parser import text_string_to_metric_families

    requests: dict[Labels, float] = {}
    buckets: dict[tuple[Labels, float], float] = {}
    started = None
    wanted = [line for line in text.splitlines() if _concerns_us(line)]
    try:
        for family in text_string_to_metric_families("\n".join(wanted) + "\n"):
            for name, labels, value, *_ in family.samples:
                if name == STARTED:
                    started = value
                elif math.isnan(value) or _of_ours(labels):
                    continue
                elif name == REQUESTS:
                    requests[frozenset(labels.items())] = value
                elif name == f"{DURATION}_bucket":
                    rest = frozenset((k, v) for k, v in labels.items() if k != "le")
                    buckets[rest, float(labels["le"])] = value
    except (ValueError, KeyError, IndexError) as error:
        raise NoData(f"the metrics cannot be read: {one_line(str(error), 120)}") from None
    # A service that was asked nothing yet declares the counter without a value.
    if not requests and not any(REQUESTS in line or REQUESTS.removesuffix("_total") in line for line in wanted):
        raise NoData(f"the metrics have no {REQUESTS}")
    if requests and all(_status(labels) is None for labels in requests):
        raise NoData(f"{REQUESTS} has no label {', '.join(STATUS_LABELS[:-1])} or {STATUS_LABELS[-1]}")
    return Scrape(at, requests, buckets, started)


def read_answer(answer: HttpAnswer, at: float) -> Scrape:
    """The scrape in `answer`; NoData says why there is none."""
    if answer.problem:
        raise NoData(answer.problem)
    if answer.location:
        raise NoData(f"/metrics answers {answer.status} and points to {one_line(answer.location, 200)}")
    if answer.status != 200:
        raise NoData(f"/metrics answers {answer.status}")
    if answer.is_html:
        raise NoData("/metrics answers with an HTML page, not metrics")
    if answer.truncated:
        raise NoData("/metrics answers with more than 1 MiB")
    return parse(answer.text, at)


def between(old: Scrape, new: Scrape, *, at: float, elapsed: float) -> Sample:
    """What happened from `old` to `new`. A counter that fell, or another process, counts from zero."""
    if _restarted(old, new):
        old = Scrape(old.at)
    requests = errors = 0.0
    for labels, value in new.requests.items():
        grown = value - old.requests.get(labels, 0.0)
        requests += grown
        if (_status(labels) or "").startswith("5"):
            errors += grown
    bounds: dict[float, float] = {}
    for (labels, bound), value in new.buckets.items():
        bounds[bound] = bounds.get(bound, 0.0) + value - old.buckets.get((labels, bound), 0.0)
    return Sample(
        at=at,
        elapsed=elapsed,
        seconds=max(new.at - old.at, 0.0),
        requests=requests,
        errors=errors,
        p50=quantile(0.50, bounds),
        p95=quantile(0.95, bounds),
        p99=quantile(0.99, bounds),
    )


def quantile(q: float, bounds: Mapping[float, float]) -> float | None:
    """The `q` quantile in milliseconds of cumulative counts by upper bound in seconds; None if there are none.

    Linear within a bucket, as Prometheus's histogram_quantile; what lies beyond the last finite bound is that bound.
    """
    ordered = sorted(bounds.items())
    total = ordered[-1][1] if ordered else 0.0
    if total <= 0:
        return None
    rank, low, below = q * total, 0.0, 0.0
    for bound, count in ordered:
        if count >= rank:
            if math.isinf(bound):
                return low * 1000
            return (low + (bound - low) * (rank - below) / (count - below if count > below else 1)) * 1000
        low, below = bound, count
    return low * 1000


def _restarted(old: Scrape, new: Scrape) -> bool:
    """If one counter fell, all began anew, also those that are higher again by now."""
    if old.started is not None and new.started is not None and abs(new.started - old.started) > 0.5:
        # Some services tell it from the boot time, which moves when somebody sets the clock: by as much, then.
        set_by = (new.wall - old.wall) - (new.at - old.at) if new.wall and old.wall else 0.0
        if abs(new.started - old.started - set_by) > 0.5:
            return True
    fell = any(value < old.requests.get(labels, 0.0) for labels, value in new.requests.items())
    return fell or any(value < old.buckets.get(key, 0.0) for key, value in new.buckets.items())


def _status(labels: Labels) -> str | None:
    """The HTTP status among the labels: the first in the order of STATUS_LABELS that is a number, else the first."""
    known = dict(labels)
    told = [known[name] for name in STATUS_LABELS if name in known]
    return next((value for value in told if value[:1].isdigit()), told[0] if told else None)


def _of_ours(labels: Mapping[str, str]) -> bool:
    """Our own probing, and Prometheus's, is no traffic."""
    path = next((labels[name] for name in PATH_LABELS if name in labels), "")
    return path.startswith("/health") or path.rstrip("/") == "/metrics"


def _concerns_us(line: str) -> bool:
    """Only what is needed is parsed: a big service has tens of thousands of lines."""
    text = line.removeprefix("# HELP ").removeprefix("# TYPE ")
    return text.startswith((REQUESTS.removesuffix("_total"), DURATION, STARTED))
