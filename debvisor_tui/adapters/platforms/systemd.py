"""A service that is one or more units of systemd, restarted in their order."""

import asyncio
import getpass
import json
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from debvisor_tui.adapters.platforms.protocol import Argv
from debvisor_tui.adapters.platforms.systemd_unit import PROPERTIES, Unit, units_in
from debvisor_tui.config.platforms import SystemdSettings
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.durations import format_duration
from debvisor_tui.model.errors import CommandFailed, WorkFailed
from debvisor_tui.model.services import ServiceState
from debvisor_tui.model.text import sanitise
from debvisor_tui.system.execute import Completed, run_quietly
from debvisor_tui.system.failures import describe_failure, last_words, shown
from debvisor_tui.system.work import Work

LOOK = 0.2  # seconds between two looks at a unit
ASK_LIMIT = 20.0  # seconds that systemctl and journalctl may take to answer a question
FLUSH = 1.0  # seconds in which the journal gets what a unit has written


class SystemdPlatform:
    """See :class:`..protocol.Platform`. Its state's identity: {"units": {unit: the invocation's id, "" if it is not
    active}}: systemd gives each start of a unit a new one."""

    kind: ClassVar[str] = "systemd"
    leaves_service: ClassVar[bool] = False  # systemd starts it, not the command

    def __init__(self, settings: Settings) -> None:
        assert isinstance(settings.platform, SystemdSettings)  # noqa: S101 - the registry pairs the two
        self._settings = settings.platform
        self._units = settings.platform.units
        self._scope = ("--user",) if settings.platform.user else ()
        self._sudo = settings.platform.uses_sudo(os.geteuid())
        self.subject = ", ".join(self._units)
        self.log = shown(self._journal())

    def restart_commands(self, release: Artifact) -> tuple[Argv, ...]:
        return tuple(self._changing("restart", unit) for unit in self._units)

    async def obstacles(self) -> tuple[str, ...]:
        try:
            units = await self._look(*self._units)
        except WorkFailed as error:
            return (str(error),)
        found = [f"{unit.name}: {unit.unusable}" for unit in units if unit.unusable]
        return (*found, *([] if found else await self._not_allowed()))

    async def state(self) -> ServiceState | None:
        units = await self._look(*self._units)
        for unit in units:
            if unit.unusable:
                raise WorkFailed(f"{unit.name}: {unit.unusable}", "Check platform.units in the config.")
        if not any(unit.runs for unit in units):
            return None
        started = [unit.started for unit in units if unit.runs and unit.started is not None]
        return ServiceState(
            {"units": {unit.name: unit.invocation if unit.runs else "" for unit in units}},
            ", ".join(unit.text for unit in units),
            max(started, default=None),
        )

    async def restart(self, work: Work, release: Artifact, before: ServiceState | None) -> ServiceState:
        for name, argv in zip(self._units, self.restart_commands(release), strict=True):
            await self._restart(work, name, argv)
        now = await self.state()
        if now is None:
            raise WorkFailed(f"{self.subject} ended after the restart", f"Look at its journal: {self.log}")
        return now

    async def mark(self) -> "UnitLog":
        asking = [self._journal()]
        if self._sudo:
            asking.append(("sudo", "-n", *self._journal()))
        return UnitLog(self.log, tuple(asking), time.time())

    async def _restart(self, work: Work, name: str, argv: Argv) -> None:
        """Restart one unit, and see it stay; those behind it are not touched if it does not."""
        [old] = await self._look(name)
        if old.unusable:
            raise WorkFailed(f"{name}: {old.unusable}", "Nothing was restarted by this.")
        if old.needs_daemon_reload:
            work.log(f"{name}: its unit file has changed on disk, and systemd uses the old one until a daemon-reload")
        if old.active == "failed":  # else its start limit may refuse a good release
            await work.execute(self._changing("reset-failed", name), check=False)
        done = await work.execute(argv, check=False)
        [new] = await self._look(name)
        if done.exit_code != 0:
            raise self._refused(argv, done, new)
        if not new.came_up:
            raise self._ended(new, 0.0)
        if new.runs and new.invocation == old.invocation:
            raise WorkFailed(
                f"systemctl restart ended well, but {name} still runs as it did before",
                f"Compare: systemctl {' '.join((*self._scope, 'status', name))}",
            )
        work.log(f"started: {new.text}")
        await self._stays(work, new)

    async def _stays(self, work: Work, started: Unit) -> None:
        """Watch it for `settle` seconds. WorkFailed as soon as it ends, or is started once more by systemd."""
        begun, settle = work.clock(), self._settings.settle
        while (lived := work.clock() - begun) < settle:
            work.progress(lived, settle, "seconds", f"{started.name} runs")
            await asyncio.sleep(min(LOOK, settle - lived))
            [now] = await self._look(started.name)
            if now.invocation != started.invocation or now.restarts > started.restarts or not now.came_up:
                raise self._ended(now, work.clock() - begun)

    def _ended(self, unit: Unit, after: float) -> WorkFailed:
        how = f" ({unit.outcome})" if unit.outcome else ""
        if unit.sub == "auto-restart" or unit.restarts:
            what = f"{unit.name} crash-loops: it ended {format_duration(after)} after its start{how}"
            then = "systemd has given it up" if unit.active == "failed" else "systemd starts it again"
            return WorkFailed(f"{what}, and {then}", f"Its journal: {self.log}")
        what = f"{unit.name} ended {format_duration(after)} after its start{how}"
        return WorkFailed(what, f"It is {unit.active} now. Its journal: {self.log}")

    def _refused(self, argv: Argv, done: Completed, unit: Unit) -> WorkFailed:
        words = last_words(done.stderr)
        if self._sudo and words.startswith("sudo: "):
            return CommandFailed(f"{unit.name} was not restarted: {words}", self._sudoers(), exit_code=done.exit_code)
        if "interactive authentication required" in words.lower() or "access denied" in words.lower():
            hint = "Set platform.sudo = true, or allow it to this user by a polkit rule."
            return CommandFailed(f"{unit.name} was not restarted: {words}", hint, exit_code=done.exit_code)
        if unit.came_up or not unit.outcome:
            return describe_failure(argv, done.exit_code, done.stderr)
        loops = ", and systemd starts it again" if unit.sub == "auto-restart" else ""
        what = f"{unit.name} did not start: {unit.outcome}{loops}"
        return CommandFailed(what, f"It is {unit.active} now. Its journal: {self.log}", exit_code=done.exit_code)

    async def _not_allowed(self) -> list[str]:
        """Why this user may not restart them by sudo. systemd itself is not asked: that would be a restart."""
        if not self._sudo:
            return []
        if shutil.which("sudo") is None:
            return ["sudo was not found: install it, or set platform.sudo = false and allow the restart by polkit"]
        for name in self._units:
            argv = ("sudo", "-n", "-l", *self._changing("restart", name)[2:])
            try:
                allowed = (await run_quietly(argv, check=False, capture=True, limit=ASK_LIMIT)).exit_code == 0
            except (CommandFailed, TimeoutError):
                return [f"sudo did not say whether {getpass.getuser()} may restart {name}: sudo -n -l"]
            if not allowed:
                return [f"sudo does not let {getpass.getuser()} restart {name} without a password. {self._sudoers()}"]
        return []

    def _sudoers(self) -> str:
        program = shutil.which("systemctl") or "/usr/bin/systemctl"
        commands = [self._changing(verb, unit)[3:] for verb in ("restart", "reset-failed") for unit in self._units]
        allowed = ", ".join(f"{program} {' '.join(argv)}" for argv in commands)
        return f"A line for /etc/sudoers.d (visudo): {getpass.getuser()} ALL=(root) NOPASSWD: {allowed}"

    def _changing(self, verb: str, unit: str) -> Argv:
        sudo = ("sudo", "-n") if self._sudo else ()
        return (*sudo, "systemctl", *self._scope, "--no-ask-password", verb, unit)

    def _journal(self) -> Argv:
        return ("journalctl", *self._scope, *(word for unit in self._units for word in ("-u", unit)))

    async def _look(self, *names: str) -> list[Unit]:
        argv = ("systemctl", *self._scope, "show", "--no-pager", f"--property={','.join(PROPERTIES)}", *names)
        try:
            done = await run_quietly(argv, check=False, capture=True, limit=ASK_LIMIT)
        except TimeoutError:
            what = f"systemd did not answer within {format_duration(ASK_LIMIT)}"
            raise WorkFailed(what, f"Try it by hand: systemctl status {' '.join(names)}") from None
        if done.exit_code != 0:
            raise describe_failure(argv, done.exit_code, done.stderr)
        return units_in(done.text, names)


@dataclass(frozen=True, slots=True)
class UnitLog:
    """The units' journal since a moment. `asking`: the commands that may show it, the first that does is taken."""

    name: str
    asking: tuple[Argv, ...]
    since: float  # unix seconds

    async def lines_since(self, count: int) -> list[str]:
        # Whole seconds: what was written in the same one before is left out by its own time.
        options = ("-q", "--no-pager", "-o", "json", f"--since=@{int(self.since)}")
        for argv in self.asking:
            end = time.monotonic() + FLUSH
            while True:
                try:
                    done = await run_quietly((*argv, *options), check=False, capture=True, limit=ASK_LIMIT)
                except (CommandFailed, TimeoutError):
                    break
                if lines := self._lines(done.text):
                    return lines[-count:]
                if done.exit_code != 0 or time.monotonic() >= end:
                    break
                await asyncio.sleep(LOOK)
        return []

    def _lines(self, text: str) -> list[str]:
        told = []
        for row in text.splitlines():
            try:
                entry = json.loads(row)
                at, message = int(entry["__REALTIME_TIMESTAMP"]) / 1e6, entry.get("MESSAGE")
            except (ValueError, KeyError, TypeError):
                continue
            if at >= self.since:
                told += [line for line in sanitise(_text(message)).splitlines() if line.strip()]
        return told


def _text(message: object) -> str:
    """A journal's message: text, or a list of bytes where it is no UTF-8."""
    if isinstance(message, Sequence) and not isinstance(message, str):
        return bytes(b for b in message if isinstance(b, int) and 0 <= b < 256).decode("utf-8", "replace")
    return message if isinstance(message, str) else ""
