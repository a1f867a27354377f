"""Monitor: the error rate and latency of the new release for a quarter of an hour, and a verdict with its numbers."""

import asyncio
import time
from dataclasses import asdict, replace

from debvisor_tui.adapters.metrics import open_metrics
from debvisor_tui.adapters.metrics.protocol import MetricsSource, NoData
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.durations import format_duration
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.findings import Finding, Found
from debvisor_tui.model.gates import Answer
from debvisor_tui.model.text import one_line
from debvisor_tui.model.verdict import Outcome, Sample, Verdict, breach, judge
from debvisor_tui.tasks.attest import attest
from debvisor_tui.tasks.base import Job, StepCommand, StepContext
from debvisor_tui.tasks.service_watch import ServiceWatch

EXTENSION = 300.0  # seconds that an inconclusive watch goes on for, when asked to
MAX_EXTENSION = 24 * 3600.0  # seconds added by one "extend", at the most


class MonitorTask:
    accepts: frozenset[str] = frozenset({"extend", "pass"})

    def commands(self, settings: Settings, job: Job) -> tuple[str, ...]:
        m = settings.monitor
        often = f"every {format_duration(m.interval)} for {format_duration(m.duration)}"
        return tuple(f"{line}   # {often}" for line in open_metrics(settings, m.interval).describe())

    async def run(self, ctx: StepContext) -> str:
        monitor = ctx.settings.monitor
        async with open_metrics(ctx.settings, min(10.0, max(3.0, monitor.interval))) as source:
            watch = Watch(ctx, source)
            await watch.announce()
            while True:
                verdict = await watch.to_the_end()
                await ctx.evidence("verdict", f"{verdict.outcome}: {verdict.reason}", verdict.to_json())
                numbers = _numbers(verdict)
                if verdict.outcome is Outcome.FAIL:
                    raise WorkFailed(
                        f"The release fails its watch: {verdict.reason} ({numbers})",
                        "Roll back now (R); or look into it, and retry to watch anew.",
                    )
                if verdict.outcome is Outcome.PASS:
                    return verdict.reason
                who = await attest(
                    ctx,
                    "The watch is inconclusive. Do you approve the release?",
                    detail=f"{verdict.reason}.\n{numbers}",
                    more=(Answer.EXTEND,),
                )
                if who is not None:
                    return f"inconclusive ({verdict.reason}); {who} confirmed it"
                await watch.extend(EXTENSION)
                ctx.log(f"watched {format_duration(EXTENSION)} longer")

    async def inspect(self, ctx: StepContext) -> Finding:
        return Finding(Found.NOT_DONE, "watching changes nothing; it has to be watched anew")


class Watch:
    """The watch under way: samples in order on the monotonic clock, and the operator's nudges in between."""

    def __init__(self, ctx: StepContext, source: MetricsSource) -> None:
        self._ctx = ctx
        self._source = source
        self._monitor = ctx.settings.monitor
        self._limits = self._monitor.thresholds
        self._clock = ctx.clock
        self._begun = self._clock()
        self._duration = self._monitor.duration
        self._samples: list[Sample] = []
        self._said = ""
        self._service = ServiceWatch(ctx)

    async def to_the_end(self) -> Verdict:
        """Watch until the time is over, a person passes it early, or it fails for good."""
        await self._service.begin()
        await self._look()
        ticks = 0
        while self._elapsed() < self._duration or not self._ctx.inbox.empty():
            ticks = max(ticks + 1, int(self._elapsed() // self._monitor.interval))  # a slow scrape skips its next
            if (verdict := await self._wait_until(ticks * self._monitor.interval)) is not None:
                return verdict
            await self._service.look()
            sample = await self._look()
            verdict = self._judge()
            if self._service.failed:
                return verdict
            if sample is None:
                continue
            # The rate over the whole watch is judged at its end: one early error among thirty requests is no trend.
            if verdict.outcome is Outcome.FAIL and verdict.breaches >= self._limits.breaches:
                return verdict
        return self._judge()

    def _judge(self) -> Verdict:
        return self._service.weigh(judge(self._samples, self._limits))

    async def announce(self) -> None:
        """Keep what is watched, by which limits and for how long: who looks back is not to read today's config."""
        value = {"duration": self._duration, "interval": self._monitor.interval, **asdict(self._limits)}
        often = f"every {format_duration(self._monitor.interval)} for {format_duration(self._duration)}"
        await self._ctx.evidence("watch", f"{self._source.kind}, {often}", value)

    async def extend(self, seconds: float) -> None:
        """Go on for `seconds` more from now; what was not watched while a person was asked does not count."""
        self._duration = self._elapsed() + seconds
        self._source.begin_anew()
        await self.announce()

    def _elapsed(self) -> float:
        return self._clock() - self._begun

    async def _look(self) -> Sample | None:
        """Scrape once and journal the sample; None for the first scrape, with which there is nothing to compare."""
        at = time.time()
        try:
            found = await self._source.sample()
        except NoData as error:
            sample = Sample(at=at, elapsed=self._elapsed(), problem=error.what)
        else:
            if found is None:
                return None
            sample = replace(found, elapsed=self._elapsed())
        self._samples.append(sample)
        await self._ctx.sample(sample)
        self._say(sample)
        return sample

    def _say(self, sample: Sample) -> None:
        """In the log only what is out of the ordinary, and its end."""
        broken = breach(sample, self._limits)
        said = sample.problem or broken
        if broken or said != self._said:
            at = format_duration(sample.elapsed)
            self._ctx.log(
                f"{'no data' if sample.problem else 'over a limit'} after {at}: {said}" if said else "fine again"
            )
        self._said = said

    async def _wait_until(self, elapsed: float) -> Verdict | None:
        """Wait until `elapsed` seconds of the watch, at the most to its end; a verdict if somebody ends it early."""
        while (left := min(elapsed, self._duration) - self._elapsed()) > 0 or not self._ctx.inbox.empty():
            self._ctx.progress(min(self._elapsed(), self._duration), self._duration, "seconds")
            try:
                async with asyncio.timeout(min(max(left, 0.1), 1.0)):
                    nudge = await self._ctx.inbox.get()
            except TimeoutError:
                continue
            if (verdict := await self._heed(nudge)) is not None:
                return verdict
        return None

    async def _heed(self, nudge: StepCommand) -> Verdict | None:
        if nudge.name == "extend":
            seconds = nudge.args.get("seconds", 300.0)
            if isinstance(seconds, int | float) and 0 < seconds <= MAX_EXTENSION:
                self._duration += seconds
                await self.announce()
                self._ctx.log(f"{nudge.who} watches {format_duration(seconds)} longer")
            return None
        if nudge.name != "pass":
            return None
        verdict = self._judge()
        if verdict.outcome is Outcome.FAIL:
            self._ctx.log(f"{nudge.who} wants to pass it early, but the watch fails: {verdict.reason}")
            return None
        reason = one_line(str(nudge.args.get("reason", ""))) or "no reason given"
        said = f"passed early by {nudge.who}: {reason}"
        self._ctx.log(f"{said}; the numbers so far: {verdict.reason}")
        return replace(verdict, outcome=Outcome.PASS, reason=said)


def _numbers(verdict: Verdict) -> str:
    told = [f"{verdict.requests:.0f} requests"]
    if verdict.error_rate is not None:
        told.append(f"{verdict.error_rate:.2%} errors")
    if verdict.worst_p95 is not None:
        told.append(f"worst p95 {verdict.worst_p95:.0f} ms")
    return ", ".join(told)
