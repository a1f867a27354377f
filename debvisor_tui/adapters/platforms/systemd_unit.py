"""A unit of systemd as `systemctl show` tells of it."""

import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass

from debvisor_tui.model.errors import WorkFailed

PROPERTIES = (
    "Id",
    "LoadState",
    "ActiveState",
    "SubState",
    "Result",
    "Type",
    "MainPID",
    "NRestarts",
    "InvocationID",
    "ExecMainCode",
    "ExecMainStatus",
    "ActiveEnterTimestampMonotonic",
    "NeedDaemonReload",
)
#: Result= of systemd.service(5), where it tells more than how the main process ended.
_RESULTS = {
    "timeout": "it was not ready in time (TimeoutStartSec), or did not stop in time",
    "watchdog": "its watchdog was not fed",
    "oom-kill": "the kernel was out of memory",
    "start-limit-hit": "it was started too often in a short time (StartLimitBurst)",
    "protocol": "it did not tell that it is ready as its Type= asks for",
    "resources": "the system did not have what it needs: memory, a user, a folder",
    "exec-condition": "its ExecCondition= says that it is not to start",
}
#: Exit codes of systemd.exec(5), by which it tells why it could not execute the program at all.
_STATUSES = {
    200: "its WorkingDirectory= cannot be entered",
    202: "its files could not be set up",
    203: "its program could not be executed",
    216: "its group is not there",
    217: "its user is not there",
    226: "its sandbox could not be made",
    238: "its StateDirectory= could not be made",
}
_UNUSABLE = {
    "not-found": "there is no such unit on this host",
    "masked": "it is masked: systemctl unmask makes it startable",
    "bad-setting": "its unit file has an error: systemd-analyze verify names it",
    "error": "its unit file cannot be read",
}


@dataclass(frozen=True, slots=True)
class Unit:
    """`invocation`: what tells one start from another. `restarts`: systemd's own since it was last started by hand.
    `started`: unix seconds of when it became active; None if it did not."""

    name: str
    load: str
    active: str
    sub: str
    result: str
    kind: str  # Type=
    pid: int
    restarts: int
    invocation: str
    code: int  # how the main process ended: 1 by itself, 2 and 3 by a signal; 0 it did not
    status: int
    started: float | None
    needs_daemon_reload: bool

    @property
    def unusable(self) -> str:
        """Why it cannot be started at all, or ""."""
        return _UNUSABLE.get(self.load, "" if self.load == "loaded" else f"systemd says of it: {self.load}")

    @property
    def runs(self) -> bool:
        if self.waits_for_restart or (self.sub == "exited" and self.kind != "oneshot"):
            return False
        return self.active in {"active", "reloading", "refreshing", "activating"}

    @property
    def waits_for_restart(self) -> bool:
        """It ended, and systemd is about to start it again."""
        return self.sub.startswith("auto-restart")

    @property
    def came_up(self) -> bool:
        """It runs, or has done what it is for (Type=oneshot)."""
        if self.active == "inactive":
            return self.kind == "oneshot" and self.result == "success"
        return self.runs and self.active != "activating"

    @property
    def text(self) -> str:
        if not self.runs:
            return f"{self.name} ({'not running' if self.active == 'inactive' else self.active})"
        return f"{self.name} (pid {self.pid})" if self.pid else f"{self.name} ({self.active})"

    @property
    def outcome(self) -> str:
        """How it ended, in words, or ""."""
        if told := _RESULTS.get(self.result):
            return told
        if self.code == 1 and self.status:
            why = _STATUSES.get(self.status, "")
            return f"exit code {self.status}{f': {why}' if why else ''}"
        if self.code in {2, 3}:
            return f"ended by {_signal(self.status)}" + (", core dumped" if self.code == 3 else "")
        if self.result not in {"success", ""}:
            return "a command of it before its main process failed (ExecStartPre=, ExecCondition=)"
        return "it ended by itself, without an error" if self.active == "inactive" else ""


def units_in(shown: str, names: Sequence[str]) -> list[Unit]:
    """What `systemctl show` printed of `names`, one each, in that order. WorkFailed if it is not that."""
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in shown.split("\n\n")]
    told = [block for block in blocks if block]
    if len(told) != len(names) or any("ActiveState" not in block for block in told):
        raise WorkFailed(f"systemctl did not tell of {', '.join(names)}", "Try it by hand: systemctl status")
    return [_unit(name, block) for name, block in zip(names, told, strict=True)]


def _unit(name: str, told: dict[str, str]) -> Unit:
    entered = _number(told.get("ActiveEnterTimestampMonotonic")) / 1e6
    return Unit(
        name=name,
        load=told.get("LoadState", ""),
        active=told["ActiveState"],
        sub=told.get("SubState", ""),
        result=told.get("Result", ""),
        kind=told.get("Type", ""),
        pid=_number(told.get("MainPID")),
        restarts=_number(told.get("NRestarts")),
        invocation=told.get("InvocationID", ""),
        code=_number(told.get("ExecMainCode")),
        status=_number(told.get("ExecMainStatus")),
        started=_wall(entered) if entered and told["ActiveState"] != "activating" else None,
        needs_daemon_reload=told.get("NeedDaemonReload") == "yes",
    )


def _wall(monotonic: float) -> float:
    """Unix seconds of a moment on this boot's clock, to the second: the same however often it is asked."""
    return round(time.time() - (time.clock_gettime(time.CLOCK_MONOTONIC) - monotonic))


def _number(value: str | None) -> int:
    return int(value) if value and value.isdigit() else 0


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
