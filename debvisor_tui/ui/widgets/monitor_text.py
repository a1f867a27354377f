"""The watch after a release, in words and charts: pure functions from samples to what is shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from textual.content import Content

from debvisor_tui.model.durations import format_clock, format_duration
from debvisor_tui.model.verdict import Outcome, Sample, Thresholds, Verdict, judge
from debvisor_tui.ui.widgets.plots import Chart, Level, Series

SPARKS = "▁▂▃▄▅▆▇█"
FAR = 0.5  # of the time shown: a restart longer ago than that is told in words, not drawn


@dataclass(frozen=True, slots=True)
class Watch:
    """All that the monitor shows.

    `samples`: oldest first. `before`: the value of the `baseline` evidence (the old process), or empty.
    `verdict`: the final one, or None while the watch goes on. `restarted`: when the process did, seconds before
    the watch began, or None. `elapsed`, `duration`: seconds of the watch.
    """

    samples: Sequence[Sample] = ()
    limits: Thresholds = field(default_factory=lambda: Thresholds(0.01, 500.0))
    before: Mapping[str, Any] = field(default_factory=dict)
    verdict: Verdict | None = None
    restarted: float | None = None
    elapsed: float = 0.0
    duration: float = 900.0

    @property
    def restart(self) -> float | None:
        """The restart on the samples' own clock, seconds (mostly negative); None if it is not known or far off."""
        if self.restarted is None or not self.samples:
            return None
        at = -self.restarted
        shown = self.samples[-1].elapsed if self.verdict else self.duration
        return at if -FAR * shown <= at <= shown else None


def percent(rate: float | None) -> str:
    if rate is None:
        return "–"
    return f"{rate:.1%}".replace("%", " %") if rate >= 0.001 or rate == 0 else "<0.1 %"


def millis(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f} ms"


def verdict_line(watch: Watch) -> Content:
    """The verdict, or what it would be now: a glyph, a word and the reason."""
    final = watch.verdict
    verdict = final or judge(watch.samples, watch.limits)
    if final is None and not watch.samples:
        return Content.assemble(("· waiting for the first scrape", "$muted"))
    glyph, style = {
        Outcome.PASS: ("✓", "$ok"),
        Outcome.FAIL: ("✗", "$danger"),
        Outcome.INCONCLUSIVE: ("!", "$warn"),
    }[verdict.outcome]
    word = str(verdict.outcome).upper() if final else f"so far: {verdict.outcome}"
    return Content.assemble((f"{glyph} {word}", f"bold {style}"), " · ", verdict.reason)


def countdown_line(watch: Watch) -> Content:
    """How far the watch is, what is left of it, and how much traffic there is to judge by."""
    left = max(watch.duration - watch.elapsed, 0.0)
    last = next((s for s in reversed(watch.samples) if not s.problem), None)
    total = sum(s.requests for s in watch.samples if not s.problem)
    rate = "" if last is None or last.rate is None or watch.verdict else f", {last.rate:.1f}/s"
    state = (
        f"watched for {format_clock(watch.elapsed)}"
        if watch.verdict
        else f"{format_clock(watch.elapsed)} of {format_clock(watch.duration)}, {format_clock(left)} left"
    )
    return Content(f"{state} · {total:.0f} requests{rate}")


def breach_line(watch: Watch) -> Content | None:
    """What is wrong at this moment, if anything is: no data, or a limit broken but not often enough to fail."""
    if watch.verdict or not watch.samples:
        return None
    last = watch.samples[-1]
    if last.problem:
        return Content.assemble(("! no data: ", "$warn"), last.problem)
    run = judge(watch.samples, watch.limits).breaches
    if not 0 < run < watch.limits.breaches:
        return None
    return Content.assemble((f"! over a limit {run} of {watch.limits.breaches} times in a row", "$warn"))


def numbers_lines(watch: Watch) -> list[Content]:
    """Error rate and p95 as a small table: now (once all is over: the worst), before the release, limit."""
    rate, p95 = current(watch).error_rate, current(watch).p95
    head = "total / worst" if watch.verdict else "now"
    if watch.verdict:
        rate, p95 = watch.verdict.error_rate, watch.verdict.worst_p95
    limits, before = watch.limits, watch.before
    rows = [
        ("errors", percent(rate), _over(rate, limits.max_error_rate), before.get("error_rate"), percent),
        ("p95", millis(p95), _over(p95, limits.max_p95), before.get("p95"), millis),
    ]
    of = {"errors": percent(limits.max_error_rate), "p95": millis(limits.max_p95)}
    lines = [Content.assemble((f"{'':<8}{head:<17}{'before':<10}limit", "$muted"))]
    for name, now, over, was, show in rows:
        told = f"{now} ✗ over" if over else now
        style = "bold $danger" if over else "bold"
        lines.append(Content.assemble((f"{name:<8}", "$muted"), (f"{told:<17}", style), f"{show(was):<10}{of[name]}"))
    return lines


def spark_lines(watch: Watch, columns: int) -> list[Content]:
    """The last scrapes as two sparklines, for where no plot fits."""
    recent = watch.samples[-max(columns - 8, 1) :]
    rates = sparkline([None if s.problem else s.error_rate for s in recent], watch.limits.max_error_rate)
    p95s = sparkline([None if s.problem else s.p95 for s in recent], watch.limits.max_p95)
    return [
        Content.assemble((f"{name:<8}", "$muted"), (line, "$accent"))
        for name, line in (("errors", rates), ("p95", p95s))
    ]


def latency_title(watch: Watch | None) -> str:
    """The latency plot's title, with what its three lines say now."""
    if watch is None or not watch.samples:
        return "latency: p50, p95, p99"
    last = current(watch)
    return f"latency · p50 {millis(last.p50)} · p95 {millis(last.p95)} · p99 {millis(last.p99)}"


def current(watch: Watch) -> Sample:
    """The newest sample with traffic in it; an empty one before that."""
    return next((s for s in reversed(watch.samples) if not s.problem and s.requests), Sample(at=0.0, elapsed=0.0))


def _over(value: float | None, limit: float) -> bool:
    return value is not None and value > limit


def sparkline(values: Sequence[float | None], full: float) -> str:
    """A bar a value; `full` (the limit) and more is the full block, no value a dot."""
    top = len(SPARKS) - 1
    return "".join("·" if v is None else SPARKS[min(int(v / full * top), top)] if full else SPARKS[0] for v in values)


def error_chart(watch: Watch) -> Chart:
    points = tuple((s.elapsed, s.error_rate if not s.problem else None) for s in watch.samples)
    levels = [Level("limit", watch.limits.max_error_rate, "limit")]
    if (rate := watch.before.get("error_rate")) is not None:
        levels.append(Level("before", float(rate), "before"))
    return _chart(watch, (Series("now", points, "main"),), levels, percent)


def latency_chart(watch: Watch) -> Chart:
    series = tuple(
        Series(name, tuple((s.elapsed, None if s.problem else getattr(s, name)) for s in watch.samples), tone)
        for name, tone in (("p50", "first"), ("p99", "last"), ("p95", "main"))  # what is judged is drawn on top
    )
    levels = [Level("p95 limit", watch.limits.max_p95, "limit")]
    if (p95 := watch.before.get("p95")) is not None:
        levels.append(Level("p95 before", float(p95), "before"))
    return _chart(watch, series, levels, millis)


def _chart(watch: Watch, series: tuple[Series, ...], levels: list[Level], show: Any) -> Chart:
    restart = watch.restart
    last = watch.samples[-1].elapsed if watch.samples else 0.0
    return Chart(
        series=series,
        start=min(restart if restart is not None else 0.0, 0.0),
        end=max(watch.duration if not watch.verdict else last, last, 1.0),
        show=show,
        levels=tuple(levels),
        moments=(("restart", restart),) if restart is not None else (),
    )


def restart_line(watch: Watch) -> Content | None:
    """The restart in words, where it is too long ago to be drawn."""
    ago = watch.restarted
    if ago is None or ago < 0 or not watch.samples or watch.restart is not None:
        return None
    return Content.assemble((f"restarted {format_duration(ago)} before the watch began", "$muted"))
