"""The verdict: three-valued; no data and too little traffic are never a pass."""

from hypothesis import given
from hypothesis import strategies as st

from debvisor_tui.model.verdict import Outcome, Sample, Thresholds, judge

LIMITS = Thresholds(max_error_rate=0.02, max_p95=250.0)


def samples(
    count: int, *, requests: float = 20, errors: float = 0, p95: float = 50, problem: str = ""
) -> list[Sample]:
    return [Sample(i, i, 1.0, requests, errors, p95 / 2, p95, p95 * 1.2, problem) for i in range(count)]


def test_a_good_watch_passes_and_says_the_numbers() -> None:
    verdict = judge(samples(30), LIMITS)
    assert verdict.outcome is Outcome.PASS
    assert "600 requests" in verdict.reason


def test_three_breaches_in_a_row_fail_at_once_and_for_good() -> None:
    verdict = judge(samples(10) + samples(3, errors=2) + samples(50), LIMITS)
    assert verdict.outcome is Outcome.FAIL
    assert "error rate 10.0% over 2.0%" in verdict.reason


def test_slow_answers_fail() -> None:
    assert "p95 600 ms over 250 ms" in judge(samples(5, p95=600), LIMITS).reason


def test_one_bad_interval_does_not_fail() -> None:
    watch = samples(30) + samples(1, errors=1) + samples(30)
    assert judge(watch, LIMITS).outcome is Outcome.PASS


def test_a_slow_drip_of_errors_fails_over_the_whole_watch() -> None:
    watch = [*samples(1, errors=1), *samples(1)] * 40
    verdict = judge(watch, Thresholds(max_error_rate=0.02, max_p95=250.0, breaches=3))
    assert verdict.outcome is Outcome.FAIL
    assert "whole watch" in verdict.reason


def test_too_little_traffic_is_inconclusive() -> None:
    assert judge(samples(20, requests=1), LIMITS).outcome is Outcome.INCONCLUSIVE


def test_no_data_is_inconclusive_and_says_why() -> None:
    verdict = judge(samples(10, problem="connection refused"), LIMITS)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "connection refused" in verdict.reason
    assert judge([], LIMITS).outcome is Outcome.INCONCLUSIVE


SAMPLE = st.builds(
    Sample,
    at=st.just(0.0),
    elapsed=st.just(0.0),
    seconds=st.just(1.0),
    requests=st.floats(0, 100),
    errors=st.just(0.0),
    p95=st.one_of(st.none(), st.floats(1, 200)),
    problem=st.sampled_from(["", "timeout"]),
)


@given(st.lists(SAMPLE, max_size=60))
def test_a_pass_always_rests_on_data(watch: list[Sample]) -> None:
    verdict = judge(watch, LIMITS)
    assert verdict.outcome is not Outcome.FAIL
    if verdict.outcome is Outcome.PASS:
        assert verdict.requests >= LIMITS.min_requests
        assert verdict.failed_scrapes * 2 < verdict.scrapes
