"""The sandbox host: a folder with a real git origin, a database, a service and its traffic; no root, no network."""

import http.client
import shutil
import sqlite3
import sys
import time
from pathlib import Path
from typing import Final, Self

from debvisor_tui.config.trust import require_trusted
from debvisor_tui.model.durations import parse_duration
from debvisor_tui.model.errors import CommandFailed, DebvisorError, UsageError, WorkFailed
from debvisor_tui.sandbox.build import clear, fill, fit_path, free_port, take_folder
from debvisor_tui.sandbox.commands import call
from debvisor_tui.sandbox.faults import FAULTS, arrange, current
from debvisor_tui.sandbox.layout import Layout

READY_TIMEOUT: Final = 20.0  # seconds
POLL: Final = 0.05
PROBE_TIMEOUT: Final = 5.0


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
        known_fault(fault)
        try:
            parse_duration(monitor)
        except ValueError as error:
            raise UsageError(f"--monitor: {error}") from None
        layout = Layout(fit_path(dir))
        existed = take_folder(layout.dir)
        port = free_port()
        try:
            fill(layout, port, monitor, fault)
        except (OSError, sqlite3.Error) as error:
            clear(layout.dir, existed=existed)
            raise WorkFailed(f"The sandbox in {layout.dir} could not be made: {error}") from None
        except BaseException:
            clear(layout.dir, existed=existed)
            raise
        return cls(layout, port)

    @classmethod
    def open(cls, dir: Path) -> Self:  # noqa: A002
        """The sandbox that was made in `dir`; UsageError if there is none, or if others can change its programs."""
        layout = Layout(dir.expanduser().resolve())
        try:
            require_trusted(layout.panelctl, "sandbox's program")
        except OSError:
            raise UsageError(
                f"{layout.dir} is not a sandbox",
                "Name a folder that `debvisor-tui demo --dir` made, or one that is not there yet.",
            ) from None
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
        """End the panel and its traffic, and only these: TERM, then KILL. Without their folder they end alone."""
        if self.dir.exists():
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

        By default that is the version in the checkout, so that the way back works. UsageError if it is not known,
        WorkFailed if it cannot be arranged.
        """
        known_fault(fault)
        try:
            arrange(self._layout, fault, after or self._layout.version())
        except (OSError, sqlite3.Error) as error:
            raise WorkFailed(
                f"The fault cannot be arranged in {self.dir}: {error}", "Try again, or make a new sandbox."
            ) from None

    def destroy(self) -> None:
        """Stop everything and remove the folder.

        UsageError, and nothing removed, if it is no sandbox; WorkFailed if something is still written there.
        """
        self._layout.read_marker()
        self.stop()
        try:
            shutil.rmtree(self.dir)
        except OSError as error:
            raise WorkFailed(
                f"{self.dir} could not be removed: {error.strerror}", f"Nothing of it runs any more: rm -r {self.dir}"
            ) from None

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


def known_fault(fault: str | None) -> None:
    """UsageError if there is no fault of that name."""
    if fault is not None and fault not in FAULTS:
        raise UsageError(f"There is no fault named {fault!r}", f"Known faults: {', '.join(FAULTS)}.")
