"""A story in which somebody shoots at random: at the runner, a step's child, the TUI, or all of them at once."""

import asyncio
import contextlib
import os
import pty
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from release_host import ANNA
from story import VERSION, Story

from debvisor_tui.model.playbook import RunKind
from debvisor_tui.model.rollback import RollbackOptions
from debvisor_tui.model.states import ENDED_RUN_STATES
from debvisor_tui.runner.orphans import MARK
from debvisor_tui.runner.spawn import start_release, start_resume, start_rollback

TARGETS = ("runner", "child", "tui", "all")
LATEST = 2.2  # seconds after its start a runner is shot at; a quick release takes about so long


@dataclass
class Shots(Story):
    """Every choice comes of `seed`: the targets and the moments."""

    seed: int = 0
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.random = random.Random(self.seed)  # noqa: S311 - repeatable, not secret
        self.may_fail = True

    async def there_and_back(self, shots_there: int, shots_back: int) -> None:
        settings, places = self.host.settings, self.host.places
        while self._latest() is None or self._sure().run.state not in ENDED_RUN_STATES:
            view = self._latest()
            start = partial(start_release, settings, places, VERSION, ANNA)
            if view is not None:
                start = partial(start_resume, settings, places, view.run.id, ANNA)
            await self._shot(start, shoot=shots_there > 0)
            shots_there -= 1
        self.release = self._sure().run.id
        self._released()
        options = RollbackOptions(database=True)
        while (now := self._sure().run).kind is RunKind.RELEASE or now.state not in ENDED_RUN_STATES:
            start = partial(start_rollback, settings, places, self.release, options, ANNA)
            if now.kind is RunKind.ROLLBACK:
                start = partial(start_resume, settings, places, now.id, ANNA)
            await self._shot(start, shoot=shots_back > 0)
            shots_back -= 1
        self._rolled_back(options)

    async def _shot(self, start: Callable[[], Awaitable[int]], *, shoot: bool) -> None:
        moment, target = self.random.uniform(0.0, LATEST), self.random.choice(TARGETS)
        self.told.append(f"{target} after {moment:.2f} s" if shoot else "nobody")
        shooting = asyncio.create_task(self._shoot(moment, target)) if shoot else None
        try:
            await self._turn([], start)
        finally:
            if shooting is not None:
                shooting.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await shooting

    async def _shoot(self, moment: float, target: str) -> None:
        with contextlib.ExitStack() as stack:
            tui = stack.enter_context(_tui(self)) if target in {"tui", "all"} else None
            await asyncio.sleep(moment)
            if tui is not None:
                tui.kill()
            if target in {"child", "all"}:
                for pid in _children(self):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            if target in {"runner", "all"}:
                self.host.end_runner()
            self.kills += 1


def _children(story: Story) -> list[int]:
    """The commands that the runner's steps have running."""
    found = []
    here = os.fsencode(story.host.sandbox.dir)
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            environ = Path(f"/proc/{entry}/environ").read_bytes()
            command = Path(f"/proc/{entry}/cmdline").read_bytes()
        except OSError:
            continue
        if f"{MARK}=".encode() in environ and here in environ + command:
            found.append(int(entry))
    return found


@contextlib.contextmanager
def _tui(story: Story) -> Iterator["subprocess.Popen[bytes]"]:
    """The shipped program on a real terminal, on the run that goes on."""
    master, slave = pty.openpty()
    sandbox = story.host.sandbox
    process = subprocess.Popen(
        [sys.executable, "-m", "debvisor_tui", "--config", sandbox.config_path, "--state-dir", sandbox.state_dir],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color", "LINES": "24", "COLUMNS": "80"},
    )
    os.close(slave)

    def swallow() -> None:
        with contextlib.suppress(OSError):
            while os.read(master, 65_536):
                pass

    threading.Thread(target=swallow, daemon=True).start()
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        os.close(master)
