"""Questions about the world, asked of a process of its own, so that a screen neither waits nor imports tasks."""

import asyncio
import json
import sys
from typing import Any, TypeVar

from pydantic import TypeAdapter

from debvisor_tui.config.settings import Settings
from debvisor_tui.model.errors import DebvisorError, WorkFailed
from debvisor_tui.model.rollback import RollbackOptions, RollbackPlan
from debvisor_tui.model.scrub import scrub
from debvisor_tui.model.views import Now, ReleasePlan, Version
from debvisor_tui.runner.places import Places

TIMEOUT = 90.0  # seconds; a fetch over a bad line may take long

T = TypeVar("T")


async def ask_now(settings: Settings, places: Places) -> Now:
    """What runs now, probed now."""
    return await _ask(Now, settings, places, "now")


async def ask_versions(settings: Settings, places: Places) -> tuple[Version, ...]:
    """The versions on offer, newest first."""
    return await _ask(tuple[Version, ...], settings, places, "versions")


async def ask_plan(settings: Settings, places: Places, version: str, *, fetch: bool = True) -> ReleasePlan:
    """The release to `version` as it would run; nothing is touched. `fetch`: ask the source's remote once more."""
    return await _ask(ReleasePlan, settings, places, "plan", version, "fetch" if fetch else "as fetched")


async def ask_rollback(settings: Settings, places: Places, run: int, options: RollbackOptions) -> RollbackPlan:
    """The way back of release `run`, with the rows counted that it would lose."""
    return await _ask(RollbackPlan, settings, places, "rollback", str(run), json.dumps(options.to_json()))


async def _ask(shape: type[T], settings: Settings, places: Places, *query: str) -> T:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # no module is taken from the folder where the caller happens to stand
        "-m",
        "debvisor_tui.runner.query",
        str(settings.path),
        str(places.state_dir),
        *query,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd="/",
    )
    try:
        async with asyncio.timeout(TIMEOUT):
            out, err = await process.communicate()
    except TimeoutError:
        raise WorkFailed(f"No answer about {query[0]} within {TIMEOUT:.0f} s.", "Try again.") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    try:
        answer: Any = json.loads(out)
    except ValueError:
        last = scrub(err.decode("utf-8", "replace")).strip().rpartition("\n")[2]
        raise WorkFailed(f"The question about {query[0]} failed: {last or process.returncode}") from None
    if "error" in answer:
        raise DebvisorError(answer["error"]["what"], answer["error"]["hint"])
    return TypeAdapter(shape).validate_python(answer["answer"])
