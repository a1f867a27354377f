"""From a run's records to what the monitor shows of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from debvisor_tui.config.monitors import Monitor
from debvisor_tui.model.gates import Answer
from debvisor_tui.model.instants import Instant, elapsed
from debvisor_tui.model.states import StepState
from debvisor_tui.model.verdict import Outcome, Sample, Thresholds, Verdict
from debvisor_tui.model.views import AttemptView, RunView
from debvisor_tui.ui.widgets.monitor_text import Watch

STEP = "monitor"
_BEGINS = {Answer.RUN, Answer.RETRY}  # answers with which another watch begins


def _limits(said: Mapping[str, Any]) -> Thresholds:
    return Thresholds(**{name: said[name] for name in Thresholds.__slots__ if name in said})


def watch_of(view: RunView, samples: Sequence[Sample], monitor: Monitor, now: Instant) -> Watch | None:
    """What is to be shown of run `view` at `now`; None if the run has not come to its monitor.

    `samples` are those of the monitor step's last attempt.
    """
    step = next((s for s in view.steps if s.id == STEP), None)
    if step is None or step.attempt is None:
        return None
    attempt = step.attempt
    said = _last(view, STEP, "watch")  # what it was watched by; older journals do not tell
    running = step.state is StepState.RUNNING
    known = running or attempt.seconds is not None
    ran = attempt.age(now) if known else samples[-1].elapsed if samples else 0.0
    return Watch(
        samples=tuple(samples),
        limits=_limits(said) if said else monitor.thresholds,
        before=_last(view, "pull", "baseline") or _last(view, "restart", "baseline"),
        verdict=_verdict(_last(view, STEP, "verdict")),
        restarted=_restarted(view, attempt),
        elapsed=ran,
        duration=float(said["duration"]) if said else monitor.duration + _extended(view),
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


def _restarted(view: RunView, watch: AttemptView) -> float | None:
    """When the new process started, seconds before the watch began."""
    attempt = next((s.attempt for s in view.steps if s.id == "restart"), None)
    if attempt is None or attempt.seconds is None:
        return None
    after = _last(view, "restart", "process").get("after")
    started = after.get("started") if isinstance(after, Mapping) else None
    into = attempt.seconds  # by the wall clock, which may have been set: the ends of the step bound the error
    if isinstance(started, int | float):
        into = min(max(started - attempt.started_at, 0.0), into)
    return elapsed(attempt.began, watch.began) - into


def _extended(view: RunView) -> float:
    """Seconds that the operator has added to the last watch, of a journal that does not say how long it was."""
    seconds = 0.0
    for decision in view.decisions:  # in the order in which they were made
        if decision.step != STEP:
            continue
        if decision.answer != "extend":
            seconds = 0.0 if decision.answer in _BEGINS else seconds
            continue
        try:
            seconds += float(decision.reason)
        except ValueError:
            continue
    return seconds
