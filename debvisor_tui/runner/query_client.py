"""Questions about the world, asked of a process of its own, so that a screen neither waits nor imports tasks."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from debvisor_tui.config.settings import Settings
from debvisor_tui.model.checks import Check
from debvisor_tui.model.errors import DebvisorError, WorkFailed
from debvisor_tui.model.rollback import RollbackOptions, RollbackPlan
from debvisor_tui.model.secrets_registry import scrub
from debvisor_tui.model.views import Now, ReleasePlan, Version
from debvisor_tui.runner.paths import TargetPaths
from debvisor_tui.system.execute import execute
from debvisor_tui.system.failures import last_words

TIMEOUT = 90.0  # seconds; a fetch over a bad line may take long

T = TypeVar("T")


async def ask_now(settings: Settings, places: TargetPaths) -> Now:
    """What runs now, probed now."""
    return await _ask(Now, settings, places, "now")


async def ask_versions(settings: Settings, places: TargetPaths) -> tuple[Version, ...]:
    """The versions on offer, newest first."""
    return await _ask(tuple[Version, ...], settings, places, "versions")


async def ask_plan(settings: Settings, places: TargetPaths, version: str, *, fetch: bool = True) -> ReleasePlan:
    """The release to `version` as it would run; nothing is touched. `fetch`: ask the source's remote once more."""
    return await _ask(ReleasePlan, settings, places, "plan", version, "fetch" if fetch else "as fetched")


async def ask_rollback(settings: Settings, places: TargetPaths, run: int, options: RollbackOptions) -> RollbackPlan:
    """The way back of release `run`, with the rows counted that it would lose."""
    return await _ask(RollbackPlan, settings, places, "rollback", str(run), json.dumps(options.to_json()))


async def ask_doctor(settings: Settings, places: TargetPaths) -> tuple[Check, ...]:
    """What would stop a release on this host, and what is to be known before one."""
    return await _ask(tuple[Check, ...], settings, places, "doctor")


async def _ask(shape: type[T], settings: Settings, places: TargetPaths, *query: str) -> T:
    argv = (
        sys.executable,
        "-P",  # no module is taken from the folder where the caller happens to stand
        "-m",
        "debvisor_tui.runner.query_server",
        str(settings.path),
        str(places.state_dir),
        *query,
    )
    try:
        async with asyncio.timeout(TIMEOUT):
            # All of this environment: the program is ours, and keeps git's variables from git by itself.
            done = await execute(argv, cwd=Path("/"), env=dict(os.environ), capture=True)
    except TimeoutError:
        raise WorkFailed(f"No answer about {query[0]} within {TIMEOUT:.0f} s.", "Try again.") from None
    except OSError as error:
        raise WorkFailed(
            f"The question about {query[0]} cannot be asked: {error.strerror}.", "Is the host out of memory?"
        ) from None
    try:
        answer: Any = json.loads(done.stdout)
        if "error" in answer:
            raise DebvisorError(answer["error"]["what"], answer["error"]["hint"])
        return TypeAdapter(shape).validate_python(answer["answer"])
    except (ValidationError, KeyError, TypeError):
        raise WorkFailed(
            f"The answer about {query[0]} is of another version of debvisor-tui.",
            "It was upgraded while this was open: leave (ctrl+q), and start it again. Runs go on meanwhile.",
        ) from None
    except ValueError:
        words = scrub(last_words(done.stderr))
        raise WorkFailed(f"The question about {query[0]} failed: {words or done.exit_code}") from None
