"""A service that its own command restarts, and whose pid is in a file."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from debvisor_tui.adapters.platforms.protocol import Argv
from debvisor_tui.config.platforms import ProcessSettings
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.durations import format_duration
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.services import ServiceState
from debvisor_tui.system.failures import describe_failure
from debvisor_tui.system.files import open_at_once
from debvisor_tui.system.log_mark import LogMark
from debvisor_tui.system.procfs import identify
from debvisor_tui.system.work import Work

LOOK = 0.05  # seconds between two looks at the process
MAX_PID_FILE = 64  # bytes; a pid has ten digits at the most


class ProcessPlatform:
    """See :class:`..protocol.Platform`. Its state's identity: {"pid", "ticks": start in clock ticks since boot}."""

    kind: ClassVar[str] = "process"
    leaves_service: ClassVar[bool] = True

    def __init__(self, settings: Settings) -> None:
        assert isinstance(settings.platform, ProcessSettings)  # noqa: S101 - the registry pairs the two
        self._settings = settings.platform
        # Not where the program happens to be called from: the runner outlives that.
        self._cwd = settings.platform.cwd or settings.path.parent
        self.subject = str(self._settings.pid_file)
        self.log = str(self._settings.log_file or "")

    def restart_commands(self, release: Artifact) -> tuple[Argv, ...]:
        return (self._settings.restart,)

    async def obstacles(self) -> tuple[str, ...]:
        return ()  # what its own command needs, only the command knows

    async def state(self) -> ServiceState | None:
        return process_of(self._settings.pid_file)

    async def restart(self, work: Work, release: Artifact, before: ServiceState | None) -> ServiceState:
        for argv in self.restart_commands(release):
            done = await work.execute(argv, cwd=self._cwd, check=False)
            if done.exit_code != 0:
                raise describe_failure(argv, done.exit_code, done.stderr)
        return await self._settled(work, before)

    async def mark(self) -> "FileLog | None":
        file = self._settings.log_file
        return FileLog(await asyncio.to_thread(LogMark.here, file)) if file else None

    async def _settled(self, work: Work, old: ServiceState | None) -> ServiceState:
        """The new process, once it has lived for `settle` seconds."""
        settings, clock = self._settings, work.clock
        deadline = clock() + settings.stop_timeout
        while (new := process_of(settings.pid_file)) is None or _same(new, old):
            if clock() >= deadline:
                if new is None:
                    what = f"No process runs {format_duration(settings.stop_timeout)} after the restart"
                    raise WorkFailed(what, f"{settings.pid_file} names no living process. Look at the service's log.")
                raise WorkFailed(
                    f"The restart command ended well, but {new.named(time.time())} still runs, the same as before",
                    f"Does the command restart this service? Is {settings.pid_file} its pid file?",
                )
            await asyncio.sleep(LOOK)
        work.log(f"started: {new.named(time.time())}")
        begun = clock()
        while (lived := clock() - begun) < settings.settle:
            work.progress(lived, settings.settle, "seconds", f"{new.text} lives")
            await asyncio.sleep(min(LOOK, settings.settle - lived))
            if not _same(read_process(new.identity["pid"]), new):
                raise WorkFailed(
                    f"The service died {format_duration(clock() - begun)} after its start ({new.text})",
                    "Its last lines are in this step's log.",
                )
        return new


@dataclass(frozen=True, slots=True)
class FileLog:
    """See :class:`..protocol.ServiceLog`."""

    place: LogMark

    @property
    def name(self) -> str:
        return self.place.name

    async def lines_since(self, count: int) -> list[str]:
        return await asyncio.to_thread(self.place.lines_since, count)


def read_process(pid: int) -> ServiceState | None:
    """The living process `pid`; None if there is none, or only its zombie."""
    found = identify(pid)
    if found is None:
        return None
    return ServiceState({"pid": pid, "ticks": found.start_ticks}, f"pid {pid}", found.started)


def process_of(pid_file: Path) -> ServiceState | None:
    """The living process that `pid_file` names on its first line; None if there is no file, number or process."""
    try:
        with open_at_once(pid_file) as file:
            line = file.read(MAX_PID_FILE).partition(b"\n")[0].strip()
    except OSError:
        return None
    return read_process(int(line)) if line.isdigit() and int(line) > 0 else None


def _same(one: ServiceState | None, other: ServiceState | None) -> bool:
    return one is not None and other is not None and one.identity == other.identity
