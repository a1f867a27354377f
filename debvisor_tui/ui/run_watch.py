"""The watch after a release as its plots want it, put together from the run's evidence and its samples."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from debvisor_tui.config.settings import Monitor
from debvisor_tui.model.verdict import Sample, Thresholds, Verdict
from debvisor_tui.model.views import AttemptView, RunView
from debvisor_tui.ui.feed import Progressed

if TYPE_CHECKING:
    from debvisor_tui.ui.widgets.watch import Watch


def watch_of(
    view: RunView,
    attempt: AttemptView,
    samples: Sequence[Sample],
    limits: Monitor,
    told: Progressed | None,
    now: float,
) -> "Watch":
    """`told`: the running watch's last report, in seconds; it knows of extensions."""
    from debvisor_tui.ui.widgets.watch import Watch

    elapsed = samples[-1].elapsed if samples else max((attempt.ended_at or now) - attempt.started_at, 0.0)
    duration = told.total if told is not None and told.total else max(limits.duration, elapsed)
    process = _latest(view, "restart", "process").get("after")
    started = process.get("started") if isinstance(process, Mapping) else None
    verdict = _latest(view, "monitor", "verdict")
    return Watch(
        samples=tuple(samples),
        limits=Thresholds(limits.max_error_rate, limits.max_p95_ms, limits.breaches, limits.min_requests),
        before=_latest(view, "restart", "baseline"),
        verdict=Verdict.from_json(verdict) if verdict else None,
        restarted_at=float(started) if isinstance(started, int | float) else None,
        elapsed=elapsed,
        duration=duration if attempt.seconds is None else elapsed,
    )


def _latest(view: RunView, step: str, name: str) -> Mapping[str, Any]:
    if all(known.id != step for known in view.steps):
        return {}
    found = view.found(step, name)
    return found[-1].value if found else {}
