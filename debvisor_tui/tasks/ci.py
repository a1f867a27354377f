"""CI: the target commit's own pipeline has passed, check by check; where nothing tells, a person vouches for it."""

import asyncio
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from debvisor_tui.adapters.sources import open_source
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.artifacts import SHORT
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.findings import Finding, Found
from debvisor_tui.model.text import one_line
from debvisor_tui.model.wording import counted, listed
from debvisor_tui.system.failures import describe_failure
from debvisor_tui.system.files import open_at_once
from debvisor_tui.tasks.attest import attest
from debvisor_tui.tasks.base import Job, StepContext

MAX_STATUS: Final = 1024 * 1024  # bytes of a status file
MAX_CHECKS: Final = 500
RESULTS: Final = ("passed", "failed", "pending")
SHAPE: Final = 'Expected {"checks": [{"name": "unit", "result": "passed" | "failed" | "pending"}, …]}.'


class CiTask:
    accepts: frozenset[str] = frozenset()

    def commands(self, settings: Settings, job: Job) -> tuple[str, ...]:
        commit = _commit(settings, job)
        if settings.ci.status_file:
            return (shlex.join(("cat", str(_status_file(settings, commit)))),)
        if settings.ci.command:
            return (shlex.join(_filled(settings.ci.command, commit)),)
        return ()

    async def run(self, ctx: StepContext) -> str:
        ci, commit = ctx.settings.ci, _commit(ctx.settings, ctx.job)
        if not ci.status_file and not ci.command:
            who = await attest(
                ctx,
                f"Has the pipeline of {ctx.job.to_version} passed?",
                detail=f"The commit is {commit}. No [ci] is configured, so nothing here can read its result.",
            )
            return f"the pipeline passed, says {who}"
        data, source = await (self._read(ctx) if ci.status_file else self._ask_command(ctx))
        checks = parse_checks(data, source)
        missing = [name for name in ci.required if name not in {c["name"] for c in checks}]
        for check in checks:
            detail = f": {check['detail']}" if check.get("detail") else ""
            ctx.log(f"{check['name']} {check['result']}{detail}", "out")
        passed = sum(c["result"] == "passed" for c in checks)
        await ctx.evidence(
            "checks", f"{passed} of {counted(len(checks), 'check')} passed", {"commit": commit, "checks": checks}
        )
        _all_passed(checks, missing, ci.required, commit[:SHORT])
        return f"{counted(passed, 'check')} passed for {commit[:SHORT]}: {listed([c['name'] for c in checks])}"

    async def inspect(self, ctx: StepContext) -> Finding:
        return Finding(Found.NOT_DONE, "reading the pipeline changes nothing; it has to be read anew")

    async def _read(self, ctx: StepContext) -> tuple[bytes, str]:
        path = _status_file(ctx.settings, _commit(ctx.settings, ctx.job))
        try:
            return await asyncio.to_thread(_read_bounded, path), str(path)
        except FileNotFoundError:
            raise WorkFailed(
                f"There is no pipeline result for {_commit(ctx.settings, ctx.job)[:SHORT]}: {path} is not there",
                "Has the pipeline of this commit run, and ended? Start it, wait for it, and retry.",
            ) from None
        except OSError as error:
            raise WorkFailed(
                f"The pipeline's result {path} cannot be read: {error.strerror}",
                "Check ci.status_file in the config.",
            ) from None

    async def _ask_command(self, ctx: StepContext) -> tuple[bytes, str]:
        argv = _filled(ctx.settings.ci.command or (), _commit(ctx.settings, ctx.job))
        done = await ctx.execute(argv, cwd=ctx.settings.path.parent, check=False, capture=True, quiet=True)
        # A client of a pipeline may well end with an error code because a check failed: its answer says more.
        if done.exit_code != 0 and not done.stdout.strip():
            raise describe_failure(argv, done.exit_code, done.stderr)
        return done.stdout, f"the output of {argv[0]}"


def parse_checks(data: bytes, source: str) -> list[dict[str, Any]]:
    """The checks in `data`, cleaned; WorkFailed if it has another shape. `source` names it in errors."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise WorkFailed(f"{one_line(source)} holds no JSON: {one_line(str(error), 120)}", SHAPE) from None
    checks = found.get("checks") if isinstance(found, dict) else None
    if not isinstance(checks, list):
        raise WorkFailed(f'{one_line(source)} holds JSON without a list "checks"', SHAPE)
    for place, check in enumerate(checks):
        if not isinstance(check, dict) or not isinstance(check.get("name"), str) or "result" not in check:
            raise WorkFailed(f"{one_line(source)}: checks[{place}] has no name or no result", SHAPE)
    return [_cleaned(check) for check in checks[:MAX_CHECKS]]


def _cleaned(check: dict[str, Any]) -> dict[str, Any]:
    result = str(check["result"])
    clean: dict[str, Any] = {
        "name": one_line(check["name"], 100),
        "result": result if result in RESULTS else "unknown",
    }
    if isinstance(check.get("seconds"), int | float):
        clean["seconds"] = float(check["seconds"])
    if check.get("detail"):
        clean["detail"] = one_line(str(check["detail"]), 300)
    return clean


def _all_passed(checks: list[dict[str, Any]], missing: Sequence[str], required: Sequence[str], commit: str) -> None:
    by_result: dict[str, list[str]] = {}
    for check in checks:
        if not required or check["name"] in required:
            by_result.setdefault(check["result"], []).append(check["name"])
    if not checks:
        raise WorkFailed(f"The pipeline of {commit} has no checks at all", "Has it run? Wait for it, and retry.")
    told = [
        f"{listed(by_result[result])} {result}"
        for result in ("failed", "pending", "unknown")
        if by_result.get(result)
    ]
    if missing:
        told.append(f"{listed(missing)} missing")
    if not told:
        return
    if by_result.get("failed"):
        hint = "Do not release this commit: fix it, and release the version that passes."
    elif by_result.get("pending"):
        hint = "Wait until the pipeline has ended, and retry."
    else:
        hint = "Check ci.required in the config against the names of the pipeline's checks."
    raise WorkFailed(f"The pipeline of {commit} has not passed: {'; '.join(told)}", hint)


def _commit(settings: Settings, job: Job) -> str:
    """The commit that the target was made from, as the pipeline knows it."""
    return open_source(settings).revision(job.new)


def _filled(argv: Sequence[str], commit: str) -> tuple[str, ...]:
    return tuple(word.replace("{commit}", commit) for word in argv)


def _status_file(settings: Settings, commit: str) -> Path:
    """Relative paths are relative to the config file."""
    path = Path((settings.ci.status_file or "").replace("{commit}", commit)).expanduser()
    return settings.path.parent / path


def _read_bounded(path: Path) -> bytes:
    with open_at_once(path) as file:
        return file.read(MAX_STATUS)
