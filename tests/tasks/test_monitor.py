"""The monitor on a served /metrics that moves: pass, fail at once, inconclusive, longer, ended early by a person."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from releasing import ANNA, Host, Page, Request, Told, Web, make_host, web

from debvisor_tui.adapters.metrics.exposition import Scrape, between, parse, quantile
from debvisor_tui.adapters.metrics.protocol import NoData
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.evidence import Evidence
from debvisor_tui.model.services import ServiceState
from debvisor_tui.model.verdict import Outcome, Verdict
from debvisor_tui.tasks.base import StepCommand
from debvisor_tui.tasks.monitor import MonitorTask
from debvisor_tui.tasks.service_watch import ServiceWatch


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return make_host(tmp_path)


@pytest.fixture
def site() -> Iterator[Web]:
    with web() as site:
        yield site


def counters(good: float, bad: float, slow: float = 0, started: float = 1.0) -> str:
    """Metrics of a service: `good` pages took up to 0.1 s, `slow` ones up to 1 s, `bad` of them all were a 500."""
    total = good + slow
    return (
        "# HELP http_requests_total Requests.\n# TYPE http_requests_total counter\n"
        f'http_requests_total{{method="GET",path="/dashboard",status="200"}} {total - bad}\n'
        f'http_requests_total{{method="GET",path="/dashboard",status="500"}} {bad}\n'
        f'http_requests_total{{method="GET",path="/health/ready",status="503"}} {total * 9}\n'
        "# TYPE http_request_duration_seconds histogram\n"
        f'http_request_duration_seconds_bucket{{path="/dashboard",le="0.1"}} {good}\n'
        f'http_request_duration_seconds_bucket{{path="/dashboard",le="1.0"}} {total}\n'
        f'http_request_duration_seconds_bucket{{path="/dashboard",le="+Inf"}} {total}\n'
        f"process_start_time_seconds {started}\n"
    )


def serve(site: Web, bad: float = 0.0, slow: float = 0.0) -> None:
    """Each scrape finds 20 more requests, of which these were bad or slow."""
    scrapes = 0

    def metrics(_: Request) -> Page:
        nonlocal scrapes
        scrapes += 1
        text = counters(scrapes * (20 - slow), scrapes * bad, scrapes * slow)
        return 200, {"content-type": "text/plain; version=0.0.4"}, text.encode()

    site.pages["/metrics"] = metrics


def context(host: Host, site: Web, **keys: Any) -> Told:
    return Told(host.settings(site.base, monitor=keys), host.job("v1.1.0"), "monitor")


def outcome(ctx: Told) -> tuple[str, str]:
    [verdict] = ctx.evidences("verdict")
    return verdict.value["outcome"], verdict.value["reason"]


def test_a_good_release_passes_after_the_whole_time(host: Host, site: Web) -> None:
    serve(site)
    ctx = context(host, site)
    begun = time.monotonic()
    done = asyncio.run(MonitorTask().run(ctx))
    assert time.monotonic() - begun >= 0.5
    assert outcome(ctx) == (Outcome.PASS, done)
    assert ctx.samples[-1].elapsed >= 0.5, "looked at to its end, however few looks a busy machine has time for"
    assert {(s.requests, s.errors, s.p95) for s in ctx.samples} == {(20.0, 0.0, 95.0)}


@pytest.mark.parametrize(
    ("bad", "slow", "reason"),
    [(2, 0, "error rate 10.0% over 1.0%"), (0, 4, "p95 775 ms over 500 ms")],
)
def test_a_bad_release_fails_as_soon_as_it_is_sure(host: Host, site: Web, bad: int, slow: int, reason: str) -> None:
    serve(site, bad, slow)
    ctx = context(host, site, duration="30s")
    with pytest.raises(WorkFailed, match=reason):
        asyncio.run(MonitorTask().run(ctx))
    assert len(ctx.samples) == 3
    assert outcome(ctx) == (Outcome.FAIL, f"{reason}, 3 times in a row")
    assert ctx.log_text.count(reason) == 3


def test_one_early_error_is_judged_over_the_whole_watch_only(host: Host, site: Web) -> None:
    pages = iter([counters(0, 0), counters(40, 1)])
    last = counters(400, 1)
    site.pages["/metrics"] = lambda _: (200, {}, next(pages, last).encode())
    ctx = context(host, site, duration="2s")  # long enough for a third look on a busy machine
    asyncio.run(MonitorTask().run(ctx))
    assert ctx.samples[0].errors == 1.0
    assert outcome(ctx)[0] == Outcome.PASS


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        ((200, {"content-type": "text/html"}, b"<html>"), "/metrics answers with an HTML page, not metrics"),
        ((503, {}, b""), "/metrics answers 503"),
        ((200, {}, b"\xff\x00 garbage {{{"), "the metrics have no http_requests_total"),
        ((200, {}, b'http_requests_total{status="200} 1'), "the metrics cannot be read"),
        ((200, {}, b"http_requests_total 12"), "has no label status, code or status_code"),
        ((302, {"location": "/login"}, b""), "points to {base}/login"),
        ((200, {}, b"# " + b"x" * 2_000_000), "more than 1 MiB"),
    ],
)
def test_what_cannot_be_read_is_no_verdict_and_a_person_decides(
    host: Host, site: Web, page: Page, problem: str
) -> None:
    site.pages["/metrics"] = page
    ctx = context(host, site, duration="100ms")
    done = asyncio.run(MonitorTask().run(ctx))
    assert problem.format(base=site.base) in ctx.samples[0].problem
    assert outcome(ctx)[0] == Outcome.INCONCLUSIVE
    assert problem.format(base=site.base) in ctx.gates[0].detail
    assert ctx.evidences("attested")[0].value["by"] == "anna (pts/1)"
    assert "anna (pts/1) confirmed" in done


def watched_with_restarts(host: Host, site: Web, restarts: int) -> Told:
    """A good release by its metrics; at that many scrapes another process runs than at the one before."""
    ctx = context(host, site, duration="1500ms")
    pids: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        pids.append(subprocess.Popen(["sleep", "60"]))
        (host.folder / "pid").write_text(f"{pids[-1].pid}\n")

    start()
    serve(site)
    metrics, looks = site.pages["/metrics"], 0

    def page(request: Request) -> Page:
        nonlocal looks
        looks += 1
        if looks > 1 and len(pids) <= restarts:
            start()
        assert callable(metrics)
        return metrics(request)

    site.pages["/metrics"] = page
    try:
        asyncio.run(MonitorTask().run(ctx))
    finally:
        for child in pids:
            child.kill()
            child.wait()
    return ctx


@pytest.mark.slow
def test_a_service_that_was_restarted_meanwhile_is_not_called_good_by_its_numbers(host: Host, site: Web) -> None:
    ctx = watched_with_restarts(host, site, 1)
    state, reason = outcome(ctx)
    assert state == Outcome.INCONCLUSIVE
    assert reason.startswith("the service was restarted 1 time during the watch; ")
    [restarted] = ctx.evidences("restarted")
    assert restarted.value["before"]["pid"] != restarted.value["after"]["pid"]
    assert restarted.value["part"] == ""
    assert "the service was restarted" in ctx.gates[0].detail


@pytest.mark.slow
def test_a_service_that_is_restarted_again_and_again_fails_its_watch(host: Host, site: Web) -> None:
    with pytest.raises(WorkFailed, match="the service was restarted 3 times during the watch"):
        watched_with_restarts(host, site, 9)


def test_too_little_traffic_is_inconclusive(host: Host, site: Web) -> None:
    site.pages["/metrics"] = (200, {}, counters(5, 0).encode())
    ctx = context(host, site, duration="100ms")
    asyncio.run(MonitorTask().run(ctx))
    assert outcome(ctx) == (Outcome.INCONCLUSIVE, "too little traffic: 0 requests, at least 30 wanted")


def nudged(host: Host, site: Web, *nudges: StepCommand, **keys: Any) -> Told:
    """Run it, and give it `nudges` once there are two samples."""
    ctx = context(host, site, **keys)

    async def story() -> None:
        task = asyncio.create_task(MonitorTask().run(ctx))
        async with asyncio.timeout(10):
            while len(ctx.samples) < 2:  # noqa: ASYNC110 - a bounded wait
                await asyncio.sleep(0.01)
            for nudge in nudges:
                ctx.inbox.put_nowait(nudge)
            await task

    asyncio.run(story())
    return ctx


def test_a_person_may_end_it_early_with_a_reason(host: Host, site: Web) -> None:
    serve(site)
    ctx = nudged(host, site, StepCommand("pass", ANNA, {"reason": "seen \x1b[2Jenough"}), duration="60s")
    assert outcome(ctx) == (Outcome.PASS, "passed early by anna (pts/1): seen enough")
    assert ctx.evidences("verdict")[0].value["requests"] >= 40


def test_a_person_may_not_pass_what_the_numbers_fail(host: Host, site: Web) -> None:
    serve(site, bad=2)
    with pytest.raises(WorkFailed, match="fails its watch"):
        nudged(host, site, StepCommand("pass", ANNA, {"reason": "looks fine"}), duration="60s")


def test_it_can_be_watched_longer(host: Host, site: Web) -> None:
    serve(site)
    begun = time.monotonic()
    ctx = nudged(host, site, StepCommand("extend", ANNA, {"seconds": 0.5}), duration="300ms")
    assert time.monotonic() - begun >= 0.8
    assert ctx.samples[-1].elapsed >= 0.8


def test_a_restarted_service_counts_from_zero() -> None:
    def sample(old: str, new: str) -> tuple[float, float]:
        found = between(parse(old, 0.0), parse(new, 5.0), at=0, elapsed=5)
        return found.requests, found.errors

    assert sample(counters(100, 10), counters(130, 11)) == (30, 1)
    assert sample(counters(100, 10), counters(30, 2)) == (30, 2)  # the counters fell
    assert sample(counters(100, 10), counters(130, 11, started=2.0)) == (130, 11)  # they rose, but it is another


def test_a_service_that_was_asked_nothing_yet_has_metrics_all_the_same() -> None:
    declared = "# HELP http_requests_total Requests.\n# TYPE http_requests_total counter\n"
    sample = between(
        parse(declared, 0.0), parse(declared + 'http_requests_total{code="200"} 3\n', 5.0), at=0, elapsed=5
    )
    assert (sample.requests, sample.errors, sample.p95, sample.seconds) == (3, 0, None, 5.0)
    with pytest.raises(NoData):
        parse("up 1\n", 0.0)


def test_quantiles_are_interpolated_within_their_bucket() -> None:
    inf = float("inf")
    assert quantile(0.5, {0.1: 50, 0.2: 100, inf: 100}) == pytest.approx(100)
    assert quantile(0.95, {0.1: 50, 0.2: 100, inf: 100}) == pytest.approx(190)
    assert quantile(0.99, {0.1: 50, inf: 100}) == pytest.approx(100)  # beyond the last bound: that bound
    assert quantile(0.5, {0.1: 0, inf: 0}) is None
    assert quantile(0.5, {}) is None
    assert between(Scrape(0.0), Scrape(1.0), at=0, elapsed=1).p50 is None


SEEDED = """
from debvisor_tui.adapters.metrics.exposition import between, parse
NAME = "http_requests_total"
def text(n): return f'{NAME}{{status="error",code="500"}} {n}\\n{NAME}{{status="ok",code="200"}} 5\\n'
print(between(parse(text(0), 0.0), parse(text(10), 5.0), at=0, elapsed=5).errors)
"""


@pytest.mark.parametrize("seed", ["0", "1", "2", "3", "4", "5"])
def test_errors_are_counted_by_the_status_code_whatever_the_hash_seed(seed: str) -> None:
    environ = {**os.environ, "PYTHONHASHSEED": seed}
    done = subprocess.run([sys.executable, "-c", SEEDED], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout == "10.0\n"


def test_what_it_is_watched_by_and_for_how_long_is_kept(host: Host, site: Web) -> None:
    serve(site)
    ctx = context(host, site, max_error_rate=0.07, max_p95_ms=321.0)
    ctx.inbox.put_nowait(StepCommand("extend", ANNA, {"seconds": 0.25}))
    ctx.inbox.put_nowait(StepCommand("extend", ANNA, {"seconds": -1.0}))  # refused: it lengthens nothing
    asyncio.run(MonitorTask().run(ctx))
    first, second = ctx.evidences("watch")
    assert (first.value["duration"], second.value["duration"]) == (0.5, 0.75)
    assert (first.value["max_error_rate"], first.value["max_p95"], first.value["interval"]) == (0.07, 321.0, 0.05)


class Parts:
    """A platform of two parts, that is at each look in the next of `states`, and stays in the last."""

    def __init__(self, *states: dict[str, str]) -> None:
        self._states = list(states)

    async def state(self) -> ServiceState:
        state = self._states.pop(0) if len(self._states) > 1 else self._states[0]
        return ServiceState({"parts": state}, "two parts")


@pytest.mark.parametrize(
    ("states", "told", "failed"),
    [
        ([{"web": "a", "worker": "b"}], "", False),
        # A crash that is met between, and a rolling restart of both: one restart each.
        (
            [{"web": "a", "worker": "b"}, {"web": "", "worker": "b"}, {"web": "c", "worker": "b"}],
            "web was restarted 1 time during the watch",
            False,
        ),
        (
            [{"web": "a", "worker": "b"}, {"web": "c", "worker": "b"}, {"web": "c", "worker": "d"}],
            "web was restarted 1 time during the watch; worker was restarted 1 time during the watch",
            False,
        ),
        ([{"web": "a", "worker": "b"}, {"web": "a", "worker": ""}], "worker does not run any more", True),
        # Since the restart of this release: somebody has restarted one by hand; another died, and is still gone.
        ([{"web": "by hand", "worker": "b"}], "", False),
        ([{"web": "a", "worker": ""}], "worker does not run any more", True),
    ],
)
def test_each_part_of_a_service_is_watched_for_itself(
    host: Host, site: Web, monkeypatch: pytest.MonkeyPatch, states: list[dict[str, str]], told: str, failed: bool
) -> None:
    monkeypatch.setattr("debvisor_tui.tasks.service_watch.open_platform", lambda _: Parts(*states))
    ctx = context(host, site)
    left = {"before": None, "after": {"parts": {"web": "a", "worker": "b"}}}
    ctx.found.append(Evidence("restart", "process", "", left, 0.0))
    watch = ServiceWatch(ctx)

    async def story() -> Verdict:
        await watch.begin()
        for _ in range(5):
            await watch.look()
        return watch.weigh(Verdict(Outcome.PASS, "good numbers"))

    verdict = asyncio.run(story())
    assert watch.failed is failed
    if failed:
        assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, told)
    else:
        assert verdict.outcome is (Outcome.INCONCLUSIVE if told else Outcome.PASS)
        assert verdict.reason == (f"{told}; good numbers" if told else "good numbers")


def test_what_the_platform_could_not_tell_is_said_with_the_verdict(
    host: Host, site: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent:
        async def state(self) -> ServiceState:
            raise WorkFailed("systemd did not answer within 20 s")

    monkeypatch.setattr("debvisor_tui.tasks.service_watch.open_platform", lambda _: Silent())
    watch = ServiceWatch(context(host, site))
    asyncio.run(watch.begin())
    verdict = watch.weigh(Verdict(Outcome.PASS, "good numbers"))
    assert verdict.outcome is Outcome.PASS
    assert verdict.reason == "good numbers; whether the service was restarted could not be told"
