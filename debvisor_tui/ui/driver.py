"""Textual's terminal driver, made to survive bad bytes, a slow line and a terminal that goes away."""

import contextlib
import os
import selectors
import sys
import time
from codecs import getincrementaldecoder
from collections.abc import Callable
from typing import IO, Any

from textual._parser import ParseError
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver

READ = 4096


class _Output:
    """The terminal's output, watched: how long a write takes, and whether the terminal is still there."""

    def __init__(self, file: IO[str], lost: Callable[[], None]) -> None:
        self._file = file
        self._lost = lost
        self._gone = False
        self._writing_since: float | None = None
        self._took = 0.0

    @property
    def seconds(self) -> float:
        """How long the terminal took (or is taking) to swallow the last frame."""
        since = self._writing_since
        return max(self._took, time.monotonic() - since if since is not None else 0.0)

    def write(self, text: str) -> int:
        self._writing_since = self._writing_since or time.monotonic()
        self._do(lambda: self._file.write(text))
        return len(text)

    def flush(self) -> None:
        self._do(self._file.flush)
        if self._writing_since is not None:
            self._took = time.monotonic() - self._writing_since
            self._writing_since = None

    def fileno(self) -> int:
        return self._file.fileno()

    def _do(self, call: Callable[[], object]) -> None:
        # Once the terminal is gone, frames are swallowed: the writer's queue must drain, or the event loop blocks.
        if self._gone:
            return
        try:
            call()
        except (OSError, ValueError):
            self._gone = True
            self._lost()


class DebvisorDriver(LinuxDriver):
    """Calls the app's `terminal_lost` once, from a thread, when the terminal has gone."""

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        self._told = False
        self._output = _Output(sys.stderr, self._lost)
        self._file = self._output  # type: ignore[assignment]

    @property
    def drain_seconds(self) -> float:
        """How long the terminal takes to swallow a frame; what draws often slows down by it."""
        return self._output.seconds

    def _lost(self) -> None:
        if self._told:
            return
        self._told = True
        lost: Callable[[], None] | None = getattr(self._app, "terminal_lost", None)
        if lost is not None:
            lost()

    def run_input_thread(self) -> None:
        """As the base class does, but a byte that is no UTF-8 is replaced, and the end of input is the end."""
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        with selectors.DefaultSelector() as selector:
            try:
                selector.register(self.fileno, selectors.EVENT_READ)
            except OSError:  # standard input is a file: nothing will ever be typed
                self._lost()
                return
            while not self.exit_event.is_set():
                if selector.select(0.1):
                    try:
                        data = os.read(self.fileno, READ)
                    except OSError:
                        data = b""
                    if not data:  # hung up
                        self._lost()
                        return
                    for message in parser.feed(decode(data)):
                        self.process_message(message)
                for message in parser.tick():
                    self.process_message(message)
        with contextlib.suppress(EOFError, ParseError):
            for _message in parser.feed(""):
                pass
