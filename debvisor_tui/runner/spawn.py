"""Starting a runner: a process of its own session that outlives whoever started it."""

import asyncio
import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any, Protocol

from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.errors import DebvisorError, LockHeld, UsageError
from debvisor_tui.model.people import Person
from debvisor_tui.model.rollback import RollbackOptions
from debvisor_tui.runner.handshake import read_answer, reserve, write_start
from debvisor_tui.runner.launch import find_service, launch_service, launch_session
from debvisor_tui.runner.lock_holder import words_of
from debvisor_tui.runner.paths import TargetPaths
from debvisor_tui.runner.runner_args import RunnerArgv
from debvisor_tui.system.procfs import identify

START_TIMEOUT = 120.0  # seconds; before it is ready the runner fetches from the origin
POLL = 0.01
PREFIX = "start-"
LEFT = 3600.0  # seconds: no start takes as long, so whoever made a folder of this age was killed


class Configured(Protocol):
    """What is known of the target here: where its config lies. The runner reads it, and refuses it, by itself."""

    @property
    def path(self) -> Path: ...


async def start_release(
    target: Configured,
    places: TargetPaths,
    version: str,
    person: Person,
    *,
    auto: bool = False,
    seen: Artifact | None = None,
) -> int:
    """Start a release of `version`; the id of its run. LockHeld, UsageError or another DebvisorError if not.

    `seen`: the artifact of the plan that the operator agreed to; the runner refuses to ship another. None: whatever
    the version is when the runner asks the source.
    """
    work = {"kind": "release", "version": version, "auto": auto, "identity": dict(seen.identity) if seen else None}
    return await _start(target, places, person, work)


async def start_rollback(
    target: Configured, places: TargetPaths, run: int, options: RollbackOptions, person: Person
) -> int:
    """Start the rollback of release `run`, which has no living runner; the id of the rollback's run."""
    return await _start(target, places, person, {"kind": "rollback", "run": run, "options": options.to_json()})


async def start_resume(target: Configured, places: TargetPaths, run: int, person: Person) -> int:
    """Start a new runner for run `run`, whose runner is gone."""
    return await _start(target, places, person, {"kind": "resume", "run": run})


async def _start(target: Configured, places: TargetPaths, person: Person, work: dict[str, Any]) -> int:
    places.prepare()
    start = {
        "config": str(target.path.absolute()),
        "state_dir": str(places.state_dir),
        "log": str(places.runner_log),
        "who": person.to_json(),
        "work": work,
        "umask": _umask(),
    }
    try:
        _sweep(places.folder)
        with tempfile.TemporaryDirectory(prefix=PREFIX, dir=places.folder) as folder:
            ready = Path(folder) / "ready.json"
            reserve(ready)
            pid = await asyncio.to_thread(_launch, Path(folder), start, places)
            answer = await _wait(ready, pid, places)
    except OSError as error:
        raise DebvisorError(
            f"The runner cannot be started: {error.strerror or error}. Nothing was changed.",
            f"See {places.folder} (df -h {places.folder}) and the runner's log, {places.runner_log}.",
        ) from error
    if "run" in answer:
        return int(answer["run"])
    code = int(answer["code"])
    kind = {2: UsageError, 3: LockHeld}.get(code, DebvisorError)
    raise kind(str(answer["what"]), str(answer["hint"]))


def _launch(folder: Path, start: dict[str, Any], places: TargetPaths) -> int | None:
    """Start the process, as a service if that can be; its pid, None if it is not known."""
    service = find_service()
    why_not = ""
    if service is not None:
        path = folder / "start.json"
        write_start(path, {**start, "how": service.words, "environment": dict(os.environ)})
        try:
            return launch_service(service, places.target, _runner(path, start), folder.name)
        except OSError as error:
            why_not = f" ({service.words} failed: {error})"
        try:
            path.unlink()  # what is started late after all finds nothing to do
        except FileNotFoundError:
            return None  # it was taken: the service runs, whatever was said of it, and there must not be two
    path = folder / "start-session.json"
    write_start(path, {**start, "how": f"setsid{why_not}"})
    return launch_session(_runner(path, start), places.runner_log)


def _runner(path: Path, start: dict[str, Any]) -> list[str]:
    who = str(start["who"]["name"])
    return RunnerArgv(str(path), start["config"], start["state_dir"], words_of(start["work"]), who).words


def _sweep(where: Path) -> None:
    """Remove what starts that were killed left behind: their files hold the environment of whoever started."""
    for folder in where.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # gone meanwhile
            if time.time() - folder.lstat().st_mtime > LEFT:
                shutil.rmtree(folder, ignore_errors=True)


def _umask() -> int:
    before = os.umask(0o077)
    os.umask(before)
    return before


async def _wait(ready: Path, pid: int | None, places: TargetPaths) -> dict[str, Any]:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        # Asked before the answer is looked for: a runner that cannot start answers, then ends.
        alive = pid is None or identify(pid) is not None
        answer = read_answer(ready)
        if answer is not None:
            return answer
        if not alive:
            raise DebvisorError(
                "The runner ended before it was ready; nothing was changed.", f"Its log: {places.runner_log}"
            )
        await asyncio.sleep(POLL)
    raise DebvisorError(
        f"The runner was not ready within {START_TIMEOUT:.0f} s. Nothing was changed; it begins no more.",
        f"What it waited for may stand in its log: {places.runner_log}",
    )
