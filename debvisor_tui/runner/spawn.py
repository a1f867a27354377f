"""Starting a runner: a process of its own session that outlives whoever started it."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Protocol

from debvisor_tui.model.errors import DebvisorError, LockHeld, UsageError
from debvisor_tui.model.people import Person
from debvisor_tui.model.rollback import RollbackOptions
from debvisor_tui.runner.identity import identify
from debvisor_tui.runner.places import Places

START_TIMEOUT = 120.0  # seconds; before it is ready the runner fetches from the origin
POLL = 0.01


class Configured(Protocol):
    """What is known of the target here: where its config lies. The runner reads it, and refuses it, by itself."""

    @property
    def path(self) -> Path: ...


async def start_release(
    target: Configured, places: Places, version: str, person: Person, *, auto: bool = False
) -> int:
    """Start a release of `version`; the id of its run. LockHeld, UsageError or another DebvisorError if not."""
    return await _start(target, places, person, {"kind": "release", "version": version, "auto": auto})


async def start_rollback(
    target: Configured, places: Places, run: int, options: RollbackOptions, person: Person
) -> int:
    """Start the rollback of release `run`, which has no living runner; the id of the rollback's run."""
    return await _start(target, places, person, {"kind": "rollback", "run": run, "options": options.to_json()})


async def start_resume(target: Configured, places: Places, run: int, person: Person) -> int:
    """Start a new runner for run `run`, whose runner is gone."""
    return await _start(target, places, person, {"kind": "resume", "run": run})


async def _start(target: Configured, places: Places, person: Person, work: dict[str, Any]) -> int:
    places.prepare()
    with tempfile.TemporaryDirectory(prefix="start-", dir=places.folder) as folder:
        ready = Path(folder) / "ready.json"
        start = {
            "config": str(target.path),
            "state_dir": str(places.state_dir),
            "ready": str(ready),
            "log": str(places.runner_log),
            "how": "setsid",
            "who": person.to_json(),
            "work": work,
        }
        pid = await asyncio.to_thread(_spawn, start)
        answer = await _wait(ready, pid, places)
    if "run" in answer:
        return int(answer["run"])
    code = int(answer["code"])
    kind = {2: UsageError, 3: LockHeld}.get(code, DebvisorError)
    raise kind(str(answer["what"]), str(answer["hint"]))


def _spawn(start: dict[str, Any]) -> int:
    """Start the process; its pid. The one that we wait for here ends at once: it has forked the runner."""
    with open(start["log"], "ab", opener=lambda path, flags: os.open(path, flags, 0o600)) as log:
        done = subprocess.run(
            [sys.executable, "-m", "debvisor_tui.runner.process", json.dumps(start)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            timeout=30.0,
            check=False,
        )
    try:
        return int(done.stdout)
    except ValueError:
        raise DebvisorError("The runner could not be started.", f"Its log says why: {start['log']}") from None


async def _wait(ready: Path, pid: int, places: Places) -> dict[str, Any]:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        # Asked before the answer is looked for: a runner that cannot start answers, then ends.
        alive = identify(pid) is not None
        answer = _read(ready)
        if answer is not None:
            return answer
        if not alive:
            raise DebvisorError(
                "The runner ended before it was ready; nothing was changed.", f"Its log: {places.runner_log}"
            )
        await asyncio.sleep(POLL)
    raise DebvisorError(f"The runner was not ready within {START_TIMEOUT:.0f} s.", f"Its log: {places.runner_log}")


def _read(ready: Path) -> dict[str, Any] | None:
    try:
        answer: dict[str, Any] = json.loads(ready.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return answer
