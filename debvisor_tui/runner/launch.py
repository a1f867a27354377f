"""How a runner's process is started: as a service of systemd where that can be, else in a session of its own.

A service outlives the login that started it, whatever logind is told to end; `setsid` alone does not
(KillUserProcesses=, logind.conf(5)).
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from debvisor_tui.system.call import call
from debvisor_tui.system.failures import last_words

SYSTEMD = Path("/run/systemd/system")  # is there if and only if systemd is this host's init (sd_booted(3))
LINGER = Path("/var/lib/systemd/linger")  # a file for each user whose manager outlives the last login
TIMEOUT = 15.0  # seconds for systemd's own commands
FORK_TIMEOUT = 30.0  # seconds for a runner to read what it is told, and to let go of who started it
LOOK_TIMEOUT = 3.0  # seconds for a question that only a warning depends on
ROOT = Path(__file__).parents[2]  # the folder that holds the package

PROPERTIES = (
    "Type=exec",  # systemd-run returns when the runner has begun, or says why it cannot
    "KillMode=process",  # what the restart step left running (the released service) is not ended with the runner
    "OOMPolicy=continue",  # a child that the kernel kills for its memory must not take the runner with it
    f"WorkingDirectory={ROOT}",
)


@dataclass(frozen=True, slots=True)
class Service:
    """Started by `systemd-run`; `user`: of the user's own manager, not of the system's."""

    user: bool

    @property
    def words(self) -> str:
        return "systemd-run --user" if self.user else "systemd-run"

    def argv(self, unit: str, runner: Sequence[str]) -> list[str]:
        """The environment is not in it: argv and a unit's properties can be read by everybody on the host."""
        user = ["--user"] if self.user else []
        properties = [f"--property={value}" for value in PROPERTIES]
        return ["systemd-run", *user, "--quiet", "--collect", f"--unit={unit}", *properties, *runner]


def find_service() -> Service | None:
    """The service manager that can be asked now; None: there is none that would outlive this login."""
    if not SYSTEMD.is_dir() or shutil.which("systemd-run") is None:
        return None
    if os.geteuid() == 0:
        return Service(user=False)
    lingers = (LINGER / _user_name()).exists()
    bus = Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}") / "bus"
    return Service(user=True) if lingers and bus.exists() else None


def logout_ends_it() -> str:
    """A warning if the runner would be ended with this login, with what to do; "" if not."""
    if find_service() is not None or not SYSTEMD.is_dir() or os.geteuid() == 0 or not _logind_ends(_user_name()):
        return ""
    return f"A logout would end this run. First do: sudo loginctl enable-linger {_user_name()}"


def _logind_ends(user: str) -> bool:
    """Whether logind ends what `user` left running at the last logout, by the rules of logind.conf(5)."""
    name = "org.freedesktop.login1"
    ask = ["busctl", "get-property", name, "/org/freedesktop/login1", f"{name}.Manager"]
    try:
        answer = call([*ask, "KillUserProcesses", "KillOnlyUsers", "KillExcludeUsers"], limit=LOOK_TIMEOUT)
    except OSError:
        return False
    lines = [line.replace('"', "").split() for line in answer.stdout.decode("utf-8", "replace").splitlines()]
    if answer.returncode != 0 or len(lines) != 3:
        return False
    (_, everybody), (_, _, *only), (_, _, *never) = lines
    return user not in never and (user in only if only else everybody == "true")


def launch_service(service: Service, target: str, runner: Sequence[str], token: str) -> int | None:
    """Start `runner` (:class:`.RunnerArgv`); its pid, 0 if it has ended already, None if systemd does not tell.

    OSError: why it was not started.
    """
    unit = f"debvisor-tui-{re.sub(r'[^A-Za-z0-9_.-]', '-', target)}-{re.sub(r'[^A-Za-z0-9]', '', token)}"
    environment = {**os.environ}
    if service.user:
        environment.setdefault("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    done = call(service.argv(unit, runner), env=environment, limit=TIMEOUT)
    if done.returncode != 0:
        raise OSError(last_words(done.stderr) or f"it ended with {done.returncode}")
    user = ["--user"] if service.user else []
    ask = ["systemctl", *user, "show", "--property=MainPID", "--value", unit]
    try:
        shown = call(ask, env=environment, limit=TIMEOUT)
    except OSError:
        return None
    told = shown.stdout.decode("ascii", "replace").strip()
    return int(told) if shown.returncode == 0 and told.isdecimal() else None


def launch_session(runner: Sequence[str], log: Path) -> int:
    """Start `runner` in a session of its own; its pid. The process that is waited for here has forked it."""
    with open(log, "ab", opener=lambda path, flags: os.open(path, flags, 0o600)) as output:
        starting = subprocess.Popen(
            list(runner),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            start_new_session=True,
            cwd="/",
        )
        try:
            told, _ = starting.communicate(timeout=FORK_TIMEOUT)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(starting.pid, signal.SIGKILL)  # what it has forked is of its group still
            starting.communicate()
            raise OSError(f"it had not begun within {FORK_TIMEOUT:.0f} s, and was ended") from None
    try:
        return int(told)
    except ValueError:
        raise OSError("it ended at once") from None


def _user_name() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
