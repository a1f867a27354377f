"""A service that is one or more units of systemd, restarted in their order."""

import asyncio
import json
import os
import pwd
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
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
FLUSH = 0.5  # seconds in which the journal gets what a unit has written
MOST_ENTRIES = 500  # of the journal, the newest
VERBS = ("restart", "reset-failed")


class SystemdPlatform:
    """See :class:`..protocol.Platform`. Its state's parts: {unit: the invocation's id, "" if it is not active};
    systemd gives each start of a unit a new one."""

    kind: ClassVar[str] = "systemd"
    leaves_service: ClassVar[bool] = False  # systemd starts it, not the command

    def __init__(self, settings: Settings) -> None:
        assert isinstance(settings.platform, SystemdSettings)  # noqa: S101 - the registry pairs the two
        self._settings = settings.platform
        self._units = settings.platform.units
        self._scope = ("--user",) if settings.platform.user else ()
        runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"  # cron and sudo do not set it
        self._env = {"XDG_RUNTIME_DIR": runtime} if settings.platform.user else {}
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
        try:
            return (*found, *([] if found else await self._not_allowed()))
        except (CommandFailed, TimeoutError):
            return (f"sudo does not say what {user_name()} may do: sudo -n -ll",)

    async def state(self) -> ServiceState | None:
        units = await self._look(*self._units)
        for unit in units:
            if unit.unusable and not unit.runs:
                raise WorkFailed(f"{unit.name}: {unit.unusable}", "See: systemctl status")
        if not any(unit.runs for unit in units):
            return None
        started = [unit.started for unit in units if unit.runs and unit.started is not None]
        return ServiceState(
            {"parts": {unit.name: unit.invocation if unit.runs else "" for unit in units}},
            "; ".join(unit.text for unit in units),
            max(started, default=None),
        )

    async def restart(self, work: Work, release: Artifact, before: ServiceState | None) -> ServiceState:
        begun = work.clock()
        commands = zip(self._units, self.restart_commands(release), strict=True)
        started = [await self._restart(work, name, argv) for name, argv in commands]
        for unit, now_is in zip(started, await self._look(*self._units), strict=True):
            if unit.runs and (now_is.invocation != unit.invocation or not now_is.came_up):
                raise self._ended(now_is, work.clock() - begun, restarted=now_is.restarts > unit.restarts)
        now = await self.state()
        if now is None:
            raise WorkFailed(f"{self.subject} ended after the restart", f"Look at its journal: {self.log}")
        return now

    async def mark(self) -> "UnitLog":
        return UnitLog(self.log, self._journal(), self._env, time.time())

    async def _restart(self, work: Work, name: str, argv: Argv) -> Unit:
        """Restart one unit, and see it stay; those behind it are not touched if it does not."""
        [old] = await self._look(name)
        if old.unusable:
            raise WorkFailed(f"{name}: {old.unusable}", "Nothing was restarted by this.")
        if old.needs_daemon_reload:
            work.log(f"{name}: its unit file has changed on disk, and systemd uses the old one until a daemon-reload")
        if old.active != "active" or old.restarts:  # else its start limit may refuse a good release
            await work.execute(self._changing("reset-failed", name), check=False, env=self._env)
        done = await work.execute(argv, check=False, env=self._env)
        try:
            [new] = await self._look(name)
        except WorkFailed:
            if done.exit_code != 0:
                raise describe_failure(argv, done.exit_code, done.stderr) from None
            raise
        if done.exit_code != 0:
            raise self._refused(argv, done, old, new)
        if not new.came_up and new.invocation in {old.invocation, ""}:  # systemd has forgotten it already
            what = f"systemctl restart ended well, but {name} does not run: it ended at once, without an error"
            hint = f"Or a Condition…= of its unit file does not hold, and it was not started: systemctl status {name}"
            raise WorkFailed(what, hint)
        if not new.came_up:
            raise self._ended(new, 0.0, restarted=new.restarts > 0)
        if new.runs and new.invocation == old.invocation:
            raise WorkFailed(
                f"systemctl restart ended well, but {name} still runs as it did before",
                f"Compare: systemctl {' '.join((*self._scope, 'status', name))}",
            )
        work.log(f"started: {new.text}" if new.runs else f"{name} has done what it is for")
        if new.runs:
            await self._stays(work, new)
        return new

    async def _stays(self, work: Work, started: Unit) -> None:
        """Watch it for `settle` seconds. WorkFailed as soon as it ends, or is started once more by systemd."""
        begun, settle = work.clock(), self._settings.settle
        while (lived := work.clock() - begun) < settle:
            work.progress(lived, settle, "seconds", f"{started.name} runs")
            await asyncio.sleep(min(LOOK, settle - lived))
            [now] = await self._look(started.name)
            if now.invocation != started.invocation or now.restarts > started.restarts or not now.came_up:
                raise self._ended(now, work.clock() - begun, restarted=now.restarts > started.restarts)

    def _ended(self, unit: Unit, after: float, *, restarted: bool) -> WorkFailed:
        """`restarted`: systemd has started it once more since."""
        when = f"{format_duration(after)} after its start" if after >= LOOK else "at once"
        how = f" ({unit.outcome})" if unit.outcome else ""
        what = f"{unit.name} ended {when}{how}"
        if unit.waits_for_restart or (restarted and unit.active != "failed"):
            return WorkFailed(f"{what}, and systemd starts it again", f"It crash-loops. Its journal: {self.log}")
        given_up = ", and systemd has given it up" if restarted else ""
        return WorkFailed(f"{what}{given_up}", f"It is {unit.active} now. Its journal: {self.log}")

    def _refused(self, argv: Argv, done: Completed, old: Unit, unit: Unit) -> WorkFailed:
        words = last_words(done.stderr)
        if self._sudo and words.startswith("sudo: "):
            return CommandFailed(f"{unit.name} was not restarted: {words}", self._sudoers(), exit_code=done.exit_code)
        if "interactive authentication required" in words.lower() or "access denied" in words.lower():
            hint = "Set platform.sudo = true, or allow it to this user by a polkit rule."
            return CommandFailed(f"{unit.name} was not restarted: {words}", hint, exit_code=done.exit_code)
        tried = unit.invocation != old.invocation or unit.result == "start-limit-hit"
        if unit.came_up or not unit.outcome or not tried:  # how an earlier run of it ended is not this
            return describe_failure(argv, done.exit_code, done.stderr)
        loops = ", and systemd starts it again" if unit.waits_for_restart else ""
        what = f"{unit.name} did not start: {unit.outcome}{loops}"
        return CommandFailed(what, f"It is {unit.active} now. Its journal: {self.log}", exit_code=done.exit_code)

    async def _not_allowed(self) -> list[str]:
        """Why this user may not restart them by sudo. systemd itself is not asked: that would be a restart."""
        if not self._sudo:
            return []
        if shutil.which("sudo") is None:
            return ["sudo was not found: install it, or set platform.sudo = false and allow the restart by polkit"]
        listed = await self._sudo_list()
        free = commands_without_password(listed.text)
        for name, verb in ((name, verb) for name in self._units for verb in VERBS):
            argv = self._changing(verb, name)[2:]
            asked = await self._sudo_list(*argv)
            wanted = " ".join((_program(), *argv[1:]))
            # What wants a password is listed, too, as soon as any other rule wants none.
            if listed.exit_code or asked.exit_code or not any(covers(rule, wanted) for rule in free):
                return [f"sudo does not let {user_name()} {verb} {name} without a password. {self._sudoers()}"]
        return []

    async def _sudo_list(self, *command: str) -> Completed:
        return await run_quietly(("sudo", "-n", "-ll", *command), check=False, capture=True, limit=ASK_LIMIT)

    def _sudoers(self) -> str:
        commands = [self._changing(verb, unit)[3:] for unit in self._units for verb in VERBS]
        allowed = ", ".join(" ".join((_program(), *map(_in_sudoers, argv))) for argv in commands)
        return f"A line for /etc/sudoers.d (visudo): {user_name()} ALL=(root) NOPASSWD: {allowed}"

    def _changing(self, verb: str, unit: str) -> Argv:
        sudo = ("sudo", "-n") if self._sudo else ()
        return (*sudo, "systemctl", *self._scope, "--no-ask-password", verb, unit)

    def _journal(self) -> Argv:
        return ("journalctl", *self._scope, *(word for unit in self._units for word in ("-u", unit)))

    async def _look(self, *names: str) -> list[Unit]:
        argv = ("systemctl", *self._scope, "show", "--no-pager", f"--property={','.join(PROPERTIES)}", *names)
        try:
            done = await run_quietly(argv, check=False, capture=True, limit=ASK_LIMIT, env=self._env)
        except TimeoutError:
            what = f"systemd did not answer within {format_duration(ASK_LIMIT)}"
            raise WorkFailed(what, f"Try it by hand: systemctl status {' '.join(names)}") from None
        if done.exit_code != 0:
            raise describe_failure(argv, done.exit_code, done.stderr)
        return units_in(done.text, names)


@dataclass(frozen=True, slots=True)
class UnitLog:
    """The units' journal since a moment, as `asking` (journalctl) shows it to this user."""

    name: str
    asking: Argv
    env: Mapping[str, str]
    since: float  # unix seconds

    async def lines_since(self, count: int) -> list[str]:
        await asyncio.sleep(FLUSH)
        # Whole seconds: what was written in the same one before is left out by its own time.
        options = ("-q", "--no-pager", "--all", "-o", "json", "--output-fields=MESSAGE,_PID,_COMM")
        argv = (*self.asking, *options, f"--since=@{int(self.since)}", f"--lines={MOST_ENTRIES}")
        try:
            done = await run_quietly(argv, check=False, capture=True, limit=ASK_LIMIT, env=self.env)
        except (CommandFailed, TimeoutError):
            return []
        return entries_in(done.text, self.since)[-count:]


def entries_in(shown: str, since: float) -> list[str]:
    """What `journalctl -o json` printed of messages since then, made safe: the service's own, or systemd's of it if
    it has said nothing itself."""
    own: list[str] = []
    systemds: list[str] = []
    for row in shown.splitlines():
        try:
            entry = json.loads(row)
            at, message = int(entry["__REALTIME_TIMESTAMP"]) / 1e6, entry.get("MESSAGE")
        except (ValueError, KeyError, TypeError):
            continue
        if at >= since:
            lines = [line for line in sanitise(_text(message)).splitlines() if line.strip()]
            (systemds if entry.get("_COMM") == "systemd" else own).extend(lines)
    return own or systemds


def _text(message: object) -> str:
    """A journal's message: text, or a list of bytes where it is no UTF-8."""
    if isinstance(message, Sequence) and not isinstance(message, str):
        return bytes(b for b in message if isinstance(b, int) and 0 <= b < 256).decode("utf-8", "replace")
    return message if isinstance(message, str) else ""


def commands_without_password(listed: str) -> list[str]:
    """The commands, as patterns, of the rules in what `sudo -ll` printed that ask for no password."""
    found: list[str] = []
    for entry in listed.split("Sudoers entry:")[1:]:
        options, _, commands = entry.partition("Commands:")
        if re.search(r"Options:.*!authenticate", options):
            found += [line.strip() for line in commands.splitlines() if line.strip()]
    return found


def covers(rule: str, command: str) -> bool:
    """Whether a rule's command allows `command`, a path with its arguments: a path alone allows any arguments."""
    rule = re.sub(r"\\([\\,:=])", r"\1", rule)
    return rule == "ALL" or fnmatchcase(command, rule) or fnmatchcase(command.partition(" ")[0], rule)


def _program() -> str:
    return shutil.which("systemctl") or "/usr/bin/systemctl"


def _in_sudoers(word: str) -> str:
    """A command's word as sudoers(5) wants it."""
    return re.sub(r"([\\,:=])", r"\\\1", word)


def user_name() -> str:
    """Who this process is, whatever the environment says."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"#{os.geteuid()}"  # as sudoers has a uid
