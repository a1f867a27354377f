"""The sandbox host: a folder with a real git origin, a database, a service and its traffic; no root, no network."""

import http.client
import random
import secrets
import shutil
import socket
import sys
import time
from pathlib import Path
from typing import Final, Self

from debvisor_tui.model.durations import parse_duration
from debvisor_tui.model.errors import CommandFailed, DebvisorError, UsageError, WorkFailed
from debvisor_tui.sandbox.commands import call
from debvisor_tui.sandbox.faults import FAULTS, arrange, current, write_ci
from debvisor_tui.sandbox.history import make_repositories
from debvisor_tui.sandbox.layout import TEMPLATE, Layout, write_atomically

READY_TIMEOUT: Final = 20.0  # seconds
POLL: Final = 0.05
PROBE_TIMEOUT: Final = 5.0
PORTS: Final = range(20_000, 32_000)  # below those that Linux hands out to clients
UNFIT: Final = "?#%{}\"'\\"  # characters of a path that a URL, an ini file or a {placeholder} would read otherwise


class Sandbox:
    """One sandbox. `dir` is absolute; `create` or `open` make one of these."""

    def __init__(self, layout: Layout, port: int) -> None:
        self._layout = layout
        self.port = port

    @property
    def dir(self) -> Path:
        return self._layout.dir

    @property
    def config_path(self) -> Path:
        return self._layout.config

    @property
    def state_dir(self) -> Path:
        return self._layout.state

    @property
    def fault(self) -> str | None:
        return current(self._layout)

    @classmethod
    def create(cls, dir: Path, *, fault: str | None = None, monitor: str = "30s") -> Self:  # noqa: A002
        """Make a sandbox in `dir`, which must be empty or not be there; nothing is started.

        `monitor`: how long the watch after a release lasts, as a duration. UsageError if an argument is wrong,
        WorkFailed if something is missing on this machine; `dir` is then as it was.
        """
        _known(fault)
        try:
            parse_duration(monitor)
        except ValueError as error:
            raise UsageError(f"--monitor: {error}") from None
        layout = Layout(_fit(dir))
        existed = _take_folder(layout.dir)
        port = _free_port()
        try:
            _fill(layout, port, monitor, fault)
        except OSError as error:
            _clear(layout.dir, existed=existed)
            raise WorkFailed(f"The sandbox in {layout.dir} could not be made: {error}") from None
        except BaseException:
            _clear(layout.dir, existed=existed)
            raise
        return cls(layout, port)

    @classmethod
    def open(cls, dir: Path) -> Self:  # noqa: A002
        """The sandbox that was made in `dir`; UsageError if there is none."""
        layout = Layout(dir.expanduser().resolve())
        return cls(layout, layout.read_marker()["port"])

    def start(self, *, must_be_ready: bool = True) -> None:
        """Start the panel and its traffic, where they do not run, and wait until the panel is ready.

        WorkFailed if it does not come up or does not become ready in time. With `must_be_ready` off neither counts:
        a sandbox whose last release is broken can still be opened, and rolled back.
        """
        try:
            self._panelctl("start", "panel")
            if must_be_ready:
                self._wait_ready()
        except DebvisorError:
            if must_be_ready:
                raise
        self._panelctl("start", "traffic")

    def stop(self) -> None:
        """End the panel and its traffic, and only these: TERM, then KILL."""
        self._panelctl("stop", "traffic", "panel")

    def running(self) -> bool:
        """Whether the panel and its traffic run."""
        try:
            self._panelctl("status", "panel", "traffic")
        except CommandFailed:
            return False
        return True

    def set_fault(self, fault: str | None, *, after: str | None = None) -> None:
        """Make `fault` (a name in FAULTS; None: nothing) go wrong, for releases after the version `after` only.

        By default that is the version in the checkout, so that the way back works. UsageError if it is not known.
        """
        _known(fault)
        arrange(self._layout, fault, after or self._layout.version())

    def destroy(self) -> None:
        """Stop everything and remove the folder; UsageError, and nothing removed, if it is no sandbox."""
        self._layout.read_marker()
        self.stop()
        shutil.rmtree(self.dir)

    def _panelctl(self, *arguments: str) -> None:
        call((sys.executable, str(self._layout.panelctl), *arguments), cwd=self.dir)

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + READY_TIMEOUT
        while (found := self._probe()) != "200":
            if time.monotonic() > deadline:
                raise WorkFailed(
                    f"The sandbox's panel is not ready after {READY_TIMEOUT:.0f} s: {found}",
                    f"Look into {self._layout.run / 'panel.log'}, or make a new sandbox.",
                )
            time.sleep(POLL)

    def _probe(self) -> str:
        """The status of /health/ready, or why there is none."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PROBE_TIMEOUT)
        try:
            connection.request("GET", "/health/ready")
            return str(connection.getresponse().status)
        except (OSError, http.client.HTTPException) as error:
            return f"{type(error).__name__}: {error}"
        finally:
            connection.close()


def _known(fault: str | None) -> None:
    if fault is not None and fault not in FAULTS:
        raise UsageError(f"There is no fault named {fault!r}", f"Known faults: {', '.join(FAULTS)}.")


def _fit(path: Path) -> Path:
    absolute = path.expanduser().resolve()
    bad = sorted({c for c in str(absolute) if c in UNFIT or not c.isprintable()})
    if bad:
        raise UsageError(
            f"The sandbox's folder has characters in its path that it cannot work with: {' '.join(map(repr, bad))}",
            "Choose a folder of letters, digits, spaces, - _ . and /.",
        )
    return absolute


def _take_folder(path: Path) -> bool:
    """Make the folder; whether it was there. UsageError if it is not empty, or cannot be made."""
    try:
        existed = path.is_dir()
        if existed and any(path.iterdir()):
            raise UsageError(f"{path} is not empty", "Name a folder that is empty or not there yet.")
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"The folder {path} cannot be used: {error.strerror}", "Name another one with --dir."
        ) from None
    return existed


def _clear(path: Path, *, existed: bool) -> None:
    shutil.rmtree(path, ignore_errors=True)
    if existed:
        path.mkdir(mode=0o700, exist_ok=True)


def _free_port() -> int:
    for _ in range(200):
        port = random.choice(PORTS)  # noqa: S311 - no secret
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tried:
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise WorkFailed("No free port was found on 127.0.0.1", f"Free one between {PORTS.start} and {PORTS.stop}.")


def _fill(layout: Layout, port: int, monitor: str, fault: str | None) -> None:
    for folder in (layout.database.parent, layout.backups, layout.ci, layout.run):
        folder.mkdir()
    layout.state.mkdir(mode=0o700)
    layout.write_marker(port)
    password = secrets.token_urlsafe(12)
    write_atomically(layout.password, password + "\n", 0o600)
    _copy_programs(layout)
    make_repositories(layout)
    _make_database(layout, password)
    write_ci(layout)
    arrange(layout, fault, layout.version())
    from debvisor_tui.sandbox.config_file import write_config

    write_config(layout, port, monitor)


def _copy_programs(layout: Layout) -> None:
    source = (TEMPLATE / "panelctl.py").read_text(encoding="utf-8")
    write_atomically(layout.panelctl, f"#!{sys.executable}\n{source}", 0o755)
    shutil.copyfile(TEMPLATE / "traffic.py", layout.dir / "traffic.py")


def _make_database(layout: Layout, password: str) -> None:
    from debvisor_tui.sandbox.seed import seed

    ini = str(layout.checkout / "alembic.ini")
    call(
        (sys.executable, "-m", "alembic", "-c", ini, "upgrade", "head"),
        cwd=layout.checkout,
        env={"DATABASE_URL": layout.database_url, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    seed(layout.database, password)
