"""Health: alive and ready, several times in a row, within a deadline, and it is the right version that answers."""

import asyncio
from typing import Any, Final

from debvisor_tui.adapters.platforms import open_platform
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.durations import format_duration
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.findings import Finding, Found
from debvisor_tui.model.playbook import RunKind
from debvisor_tui.model.views import Probe
from debvisor_tui.system.http import Http
from debvisor_tui.tasks.base import Job, StepContext
from debvisor_tui.tasks.health_report import judge_answer
from debvisor_tui.tasks.words import cli

PROBE_TIMEOUT: Final = 3.0  # seconds for one probe
PROBES: Final = ("live", "ready")


async def probe(settings: Settings, name: str, http: Http | None = None, expected: str = "") -> Probe:
    """Probe `name` ("live" or "ready") once, within 3 s; `expected`: the version that should answer, or "".

    Never raises for what the service does: it is in the Probe's words.
    """
    url = settings.health.live if name == "live" else settings.health.ready
    if http is None:
        async with Http(PROBE_TIMEOUT) as own:
            return judge_answer(name, await own.request("GET", url), expected)
    return judge_answer(name, await http.request("GET", url, timeout=PROBE_TIMEOUT), expected)


class HealthTask:
    accepts: frozenset[str] = frozenset()

    def commands(self, settings: Settings, job: Job) -> tuple[str, ...]:
        return tuple(cli(settings, "health", name) for name in PROBES)

    async def run(self, ctx: StepContext) -> str:
        health = ctx.settings.health
        expected = str(ctx.job.facts.get("version") or ctx.job.to_version)
        clock = ctx.clock
        begun = clock()
        deadline = begun + health.timeout
        in_a_row, last, said = 0, tuple[Probe, ...](), dict[str, str]()
        async with Http(PROBE_TIMEOUT) as http:
            while True:
                round_begun = clock()
                last = tuple(await asyncio.gather(*(probe(ctx.settings, name, http, expected) for name in PROBES)))
                in_a_row = in_a_row + 1 if all(p.ok for p in last) else 0
                for one in last:
                    await _keep(ctx, one, in_a_row, said)
                ctx.progress(min(in_a_row, health.successes), health.successes, "probes", _state_of(last))
                if in_a_row >= health.successes:
                    seconds = format_duration(clock() - begun)
                    return f"{expected} is alive and ready, {in_a_row} times in a row, after {seconds}"
                next_round = max(round_begun + health.interval, clock())
                if next_round >= deadline:
                    break
                await asyncio.sleep(max(next_round - clock(), 0))
        answers = "; ".join(f"{p.name} {p.text}" for p in last)
        raise WorkFailed(
            f"Not alive and ready {health.successes} times in a row within {format_duration(health.timeout)}: "
            f"{answers}",
            _hint(ctx),
        )

    async def inspect(self, ctx: StepContext) -> Finding:
        return Finding(Found.NOT_DONE, "probing changes nothing; it has to be seen anew")


async def _keep(ctx: StepContext, one: Probe, in_a_row: int, said: dict[str, str]) -> None:
    """One evidence a probe; in the log only what is new."""
    value: dict[str, Any] = {
        "name": one.name,
        "status": one.status,
        "ms": round(one.ms, 1),
        "ok": one.ok,
        "in_a_row": in_a_row,
        "text": one.text,
    }
    if one.parts:
        value["parts"] = dict(one.parts)
    if not one.ok and said.get(one.name) != one.text:
        ctx.log(f"{one.name}: {one.text}")
    said[one.name] = "" if one.ok else one.text
    await ctx.evidence("probe", f"{one.name} {one.text}", value)


def _state_of(probes: tuple[Probe, ...]) -> str:
    return ", ".join(f"{p.name} {'ok' if p.ok else p.text}" for p in probes)


def _hint(ctx: StepContext) -> str:
    log = open_platform(ctx.settings).log
    look = f"Look at the service's log ({log}), then retry" if log else "Look at the service's log, then retry"
    return f"{look}; or roll back (R)." if ctx.job.kind is RunKind.RELEASE else f"{look}."
