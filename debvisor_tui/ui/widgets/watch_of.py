"""From a run's records to what the monitor shows of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from debvisor_tui.config.settings import Monitor
from debvisor_tui.model.states import StepState
from debvisor_tui.model.verdict import Outcome, Sample, Thresholds, Verdict
from debvisor_tui.model.views import RunView
from debvisor_tui.ui.widgets.watch import Watch

STEP = "monitor"


def thresholds(monitor: Monitor) -> Thresholds:
    return Thresholds(
        max_error_rate=monitor.max_error_rate,
        max_p95=monitor.max_p95_ms,
        breaches=monitor.breaches,
        min_requests=monitor.min_requests,
    )


def watch_of(view: RunView, samples: Sequence[Sample], monitor: Monitor, now: float) -> Watch | None:
    """What is to be shown of run `view` at `now` (unix seconds); None if the run has not come to its monitor.

    `samples` are those of the monitor step's last attempt.
    """
    step = next((s for s in view.steps if s.id == STEP), None)
    if step is None or step.attempt is None:
        return None
    attempt = step.attempt
    running = step.state is StepState.RUNNING
    elapsed = now - attempt.started_at if running else attempt.seconds or (samples[-1].elapsed if samples else 0.0)
    return Watch(
        samples=tuple(samples),
        limits=thresholds(monitor),
        before=_last(view, "pull", "baseline") or _last(view, "restart", "baseline"),
        verdict=_verdict(_last(view, STEP, "verdict")),
        restarted_at=_restarted_at(view),
        elapsed=max(elapsed, 0.0),
        duration=monitor.duration + _extended(view, attempt.started_at),
    )


def _last(view: RunView, step: str, name: str) -> Mapping[str, Any]:
    if all(s.id != step for s in view.steps):
        return {}
    found = view.found(step, name)
    return found[-1].value if found else {}


def _verdict(value: Mapping[str, Any]) -> Verdict | None:
    if value.get("outcome") not in set(Outcome):
        return None
    known = {name: value[name] for name in Verdict.__slots__ if name in value}
    return Verdict.from_json({"reason": "", **known})


def _restarted_at(view: RunView) -> float | None:
    """When the new process started, unix seconds."""
    after = _last(view, "restart", "process").get("after")
    started = after.get("started") if isinstance(after, Mapping) else None
    if isinstance(started, int | float):
        return float(started)
    attempt = next((s.attempt for s in view.steps if s.id == "restart"), None)
    return attempt.ended_at if attempt else None


def _extended(view: RunView, since: float) -> float:
    """Seconds that the operator has added to the watch that began at `since`."""
    seconds = 0.0
    for decision in view.decisions:
        if decision.answer == "extend" and decision.at >= since:
            try:
                seconds += float(decision.reason)
            except ValueError:
                continue
    return seconds
