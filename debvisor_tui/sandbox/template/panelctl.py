"""panelctl start|stop|restart|status [panel|traffic]: the supervisor of this sandbox's two processes.

It stands where systemctl or docker compose stand on a real host: it stops what its pid file names, starts the
release that is in the checkout, and says what it did. Exit codes: 0 done (status: it runs), 1 not.
"""

import contextlib
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOCK_TIMEOUT = 20.0  # seconds
TERM_GRACE = 5.0  # seconds between TERM and KILL
KILL_GRACE = 2.0
START_TIMEOUT = 5.0  # seconds until it must say that it is ready
MAX_LOG = 1_000_000  # bytes; a bigger log is set aside at the next start
LAST_LINES = 8


class Failed(Exception):
    """Its text is for the operator."""


@dataclass(frozen=True)
class Process:
    """A pid alone may be somebody else's by now; with its start time (in clock ticks since boot) it is not."""

    pid: int
    started: str
    version: str

    def alive(self) -> bool:
        return start_time(self.pid) == self.started


@dataclass(frozen=True)
class Service:
    name: str
    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]

    @property
    def pid_file(self) -> Path:
        return HERE / "run" / f"{self.name}.pid"

    @property
    def log_file(self) -> Path:
        return HERE / "run" / f"{self.name}.log"

    def running(self) -> Process | None:
        try:
            lines = self.pid_file.read_text(encoding="utf-8").splitlines()
            process = Process(int(lines[0]), lines[1], lines[2])
        except (OSError, ValueError, IndexError):
            return None
        return process if process.alive() else None


def start_time(pid: int) -> str:
    """Field 22 of /proc/PID/stat; "" if there is no such process, or only what is left of it."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()  # the name before it may hold anything
    return "" if fields[0] in {"Z", "X"} else fields[19]


def services() -> dict[str, Service]:
    port = str(json.loads((HERE / ".debvisor-sandbox").read_text(encoding="utf-8"))["port"])
    kept = {"PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV"}
    # No .pyc files: one of the last release, of the same size and second, would be taken for the new one's.
    env = {k: v for k, v in os.environ.items() if k in kept} | {"PYTHONDONTWRITEBYTECODE": "1"}
    panel = {
        "PANEL_PORT": port,
        "PANEL_CACHE": str(HERE / "data" / "cache"),
        "PANEL_FAULTS": str(HERE / "faults.json"),
        "DATABASE_URL": f"sqlite:///{HERE / 'data' / 'panel.db'}",
    }
    return {
        "panel": Service("panel", (sys.executable, "-m", "panel"), HERE / "checkout", {**env, **panel}),
        "traffic": Service("traffic", (sys.executable, str(HERE / "traffic.py"), port), HERE, env),
    }


def stop(service: Service) -> None:
    process = service.running()
    if process is None:
        print(f"{service.name}: was not running")
    else:
        _end(process)
        print(f"stopped {service.name} pid {process.pid} ({process.version})")
    service.pid_file.unlink(missing_ok=True)


def _end(process: Process) -> None:
    for number, grace in ((signal.SIGTERM, TERM_GRACE), (signal.SIGKILL, KILL_GRACE)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)
        deadline = time.monotonic() + grace
        while time.monotonic() < deadline:
            if not process.alive():
                return
            time.sleep(0.01)
    raise Failed(f"pid {process.pid} does not end, not even by KILL")


def start(service: Service) -> None:
    """Start it detached and wait until it says that it is ready. Failed if it ends before that."""
    running = service.running()
    if running is not None:
        print(f"{service.name}: runs already, pid {running.pid} ({running.version})")
        return
    with contextlib.suppress(OSError):
        if service.log_file.stat().st_size > MAX_LOG:
            service.log_file.replace(service.log_file.with_suffix(".log.1"))
    version = (HERE / "checkout" / "VERSION").read_text(encoding="utf-8").strip()
    begin = service.log_file.stat().st_size if service.log_file.exists() else 0
    ready, notify = os.pipe()
    with open(ready, "rb", buffering=0), service.log_file.open("ab") as log:
        try:
            child = subprocess.Popen(
                service.argv,
                cwd=service.cwd,
                env={**service.env, "PANEL_NOTIFY_FD": str(notify)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=(notify,),
            )
        finally:
            os.close(notify)
        _write_pid(service, f"{child.pid}\n{start_time(child.pid)}\n{version}\n")
        heard = select.select([ready], [], [], START_TIMEOUT)[0]
        if heard and not os.read(ready, 16):  # its end of the pipe is closed: it is gone, or about to be
            _report_end(service, child, version, begin)
    print(f"started {service.name} pid {child.pid} ({version})" + ("" if heard else ", which is not ready yet"))


def _write_pid(service: Service, text: str) -> None:
    partial = service.pid_file.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(service.pid_file)


def _report_end(service: Service, child: "subprocess.Popen[bytes]", version: str, begin: int) -> None:
    """Raise Failed with what it wrote to its log, which it began at byte `begin`."""
    try:
        code = child.wait(TERM_GRACE)
    except subprocess.TimeoutExpired:
        child.kill()
        code = child.wait(KILL_GRACE)
    service.pid_file.unlink(missing_ok=True)
    with service.log_file.open("rb") as log:
        log.seek(begin)
        written = log.read(MAX_LOG).decode("utf-8", "replace").splitlines()
    last = "\n".join(f"  {line}" for line in written[-LAST_LINES:])
    raise Failed(f"{service.name} ({version}) ended with {code} right after its start; its log says:\n{last}")


def status(service: Service) -> None:
    running = service.running()
    if running is None:
        raise Failed(f"{service.name}: does not run")
    print(f"{service.name}: runs, pid {running.pid} ({running.version})")


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """One panelctl at a time changes things; the other waits, not for ever."""
    with (HERE / "run" / "panelctl.lock").open("w") as file:
        deadline = time.monotonic() + LOCK_TIMEOUT
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Failed("another panelctl is at work and does not end") from None
                time.sleep(0.02)
        yield


def main(arguments: Sequence[str]) -> int:
    verb, names = (arguments[0] if arguments else ""), list(arguments[1:]) or ["panel"]
    known = services()
    if verb not in {"start", "stop", "restart", "status"} or any(name not in known for name in names):
        print("usage: panelctl start|stop|restart|status [panel|traffic]", file=sys.stderr)
        return 2
    try:
        if verb == "status":
            for name in names:
                status(known[name])
            return 0
        with locked():
            for name in names:
                if verb in {"stop", "restart"}:
                    stop(known[name])
                if verb in {"start", "restart"}:
                    start(known[name])
    except (Failed, OSError) as error:
        print(f"panelctl: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
