"""Samples of a service's metrics, and the three-valued verdict over them.

The words are those of Argo Rollouts' analysis: a measurement may breach; a number of consecutive breaches fails;
what is too little to judge is inconclusive, and never a pass.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self


class Outcome(StrEnum):
    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Sample:
    """What happened between two scrapes.

    `at`: unix seconds, for showing; `elapsed`: seconds since the watch began, on the monotonic clock.
    `requests`, `errors`: counts in the interval (errors: answered 5xx); `seconds`: the interval's length.
    `p50`, `p95`, `p99`: milliseconds, interpolated within histogram buckets; None where nothing was asked.
    `problem`: why there is no data, or "".
    """

    at: float
    elapsed: float
    seconds: float = 0.0
    requests: float = 0.0
    errors: float = 0.0
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    problem: str = ""

    @property
    def error_rate(self) -> float | None:
        return self.errors / self.requests if self.requests > 0 else None

    @property
    def rate(self) -> float | None:
        """Requests a second."""
        return self.requests / self.seconds if self.seconds > 0 else None


@dataclass(frozen=True, slots=True)
class Thresholds:
    """`max_error_rate`: a ratio 0..1; `max_p95`: milliseconds; `breaches`: that many in a row fail the watch.

    `min_requests`: fewer than that over the whole watch are too few to judge. An interval with fewer than
    `min_interval` requests neither breaches nor clears.
    """

    max_error_rate: float
    max_p95: float
    breaches: int = 3
    min_requests: int = 30
    min_interval: int = 3


@dataclass(frozen=True, slots=True)
class Verdict:
    outcome: Outcome
    reason: str
    requests: float = 0.0
    error_rate: float | None = None
    worst_p95: float | None = None
    breaches: int = 0  # consecutive, at the end
    scrapes: int = 0
    failed_scrapes: int = 0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(**{**data, "outcome": Outcome(data["outcome"])})


def breach(sample: Sample, limits: Thresholds) -> str:
    """Which limit `sample` breaks, in words with its numbers, or ""."""
    if sample.problem or sample.requests < limits.min_interval:
        return ""
    broken = []
    rate = sample.error_rate
    if rate is not None and rate > limits.max_error_rate:
        broken.append(f"error rate {rate:.1%} over {limits.max_error_rate:.1%}")
    if sample.p95 is not None and sample.p95 > limits.max_p95:
        broken.append(f"p95 {sample.p95:.0f} ms over {limits.max_p95:.0f} ms")
    return " and ".join(broken)


def judge(samples: Sequence[Sample], limits: Thresholds) -> Verdict:
    """The verdict over all `samples` so far, in order.

    Fail: `limits.breaches` samples in a row broke a limit at any time, or the error rate over the whole watch
    is over its limit. Inconclusive: too little traffic, half or more of the scrapes without data, or a breach
    still under way. Pass: none of these.
    """
    run = longest = 0
    first_fail = ""
    for sample in samples:
        broken = breach(sample, limits)
        if broken:
            run += 1
            longest = max(longest, run)
            if run == limits.breaches and not first_fail:
                first_fail = f"{broken}, {limits.breaches} times in a row"
        elif not sample.problem and sample.requests >= limits.min_interval:
            run = 0
    good = [s for s in samples if not s.problem]
    requests = sum(s.requests for s in good)
    overall = sum(s.errors for s in good) / requests if requests else None
    p95s = [s.p95 for s in good if s.p95 is not None and s.requests >= limits.min_interval]

    def verdict(outcome: Outcome, reason: str) -> Verdict:
        return Verdict(
            outcome=outcome,
            reason=reason,
            requests=requests,
            error_rate=overall,
            worst_p95=max(p95s, default=None),
            breaches=run,
            scrapes=len(samples),
            failed_scrapes=len(samples) - len(good),
        )

    if first_fail:
        return verdict(Outcome.FAIL, first_fail)
    if len(good) * 2 <= len(samples) or not good:
        problem = next((s.problem for s in reversed(samples) if s.problem), "nothing was measured")
        return verdict(
            Outcome.INCONCLUSIVE,
            f"{len(samples) - len(good)} of {len(samples)} scrapes without data: {problem}",
        )
    if requests < limits.min_requests or overall is None:
        return verdict(
            Outcome.INCONCLUSIVE,
            f"too little traffic: {requests:.0f} requests, at least {limits.min_requests} wanted",
        )
    if overall > limits.max_error_rate:
        return verdict(
            Outcome.FAIL, f"error rate {overall:.1%} over the whole watch, over {limits.max_error_rate:.1%}"
        )
    if run:
        return verdict(Outcome.INCONCLUSIVE, f"a breach is under way: {breach(samples[-1], limits)}")
    worst = f", p95 at most {max(p95s):.0f} ms" if p95s else ""
    return verdict(Outcome.PASS, f"error rate {overall:.2%} over {requests:.0f} requests{worst}")
