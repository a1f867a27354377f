"""Textual's terminal driver, made to survive bad bytes, a slow or stalled line and a terminal that goes away."""

import contextlib
import os
import selectors
import signal
import sys
import termios
from collections.abc import Callable
from types import FrameType
from typing import Any, Protocol, cast

from textual import events
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from debvisor_tui.ui.exit_watchdog import LastResort
from debvisor_tui.ui.input_parser import Typed
from debvisor_tui.ui.terminal_writer import Line

READ = 4096  # bytes
ENDING_SIGNALS = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
TITLE_KEPT, TITLE_BACK = "\x1b[22;2t", "\x1b[23;2t"  # XTWINOPS: the window's title, kept and put back
#: All modes that are ever set, off; pop the kitty keyboard, leave the alternate screen, show the cursor.
RESTORE = TITLE_BACK + (
    "\x1b[?2026l\x1b[?2004l\x1b[?7h\x1b[?2048l\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l\x1b[?1004l"
    "\x1b[<u\x1b[?1049l\x1b[?25h\x1b[0m"
)


class TerminalUser(Protocol):
    """What the driver tells the app; all but `hold_paint` and `came_together` is called in the app's loop."""

    def leave(self, code: int) -> None: ...

    def hold_paint(self) -> None: ...

    def release_paint(self, whole: bool) -> None: ...

    def flood_ignored(self) -> None: ...

    def came_together(self, times: list[float]) -> None: ...


class DebvisorDriver(LinuxDriver):
    """A signal, or the terminal's end, ends the app with 128 + the signal: in order, or else by the last resort."""

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        self._user = cast("TerminalUser", app)
        self._line = Line(sys.__stderr__.fileno(), slow=self._user.hold_paint, drained=self._drained, lost=self._lost)  # type: ignore[union-attr]
        self._last_resort = LastResort(self._restore_now)
        for number in ENDING_SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup(1) asks
                # Not the loop's own handlers: these run also while the loop is held up.
                signal.signal(number, self._on_signal)

    @property
    def drain_seconds(self) -> float:
        """How long the terminal takes to swallow a frame; what draws often slows down by it."""
        return self._line.seconds

    # -- output -----------------------------------------------------------------------------------------------------

    def write(self, data: str) -> None:
        self._line.write(data)

    def start_application_mode(self) -> None:
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self._line.write(TITLE_KEPT)

    def stop_application_mode(self) -> None:
        self._line.discard()
        super().stop_application_mode()
        self._line.write(RESTORE)

    def close(self) -> None:
        self._line.end()
        super().close()

    def _drained(self, dropped: bool) -> None:
        self._soon(self._user.release_paint, dropped)

    def _restore_now(self) -> None:
        self._line.discard()
        if self.attrs_before is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self.fileno, termios.TCSANOW, self.attrs_before)
        self._line.write(RESTORE)
        self._line.end()

    # -- the end ----------------------------------------------------------------------------------------------------

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._end(128 + number)

    def _lost(self) -> None:
        self._end(128 + signal.SIGHUP)

    def _end(self, code: int) -> None:
        self._last_resort.begin(code)
        self._soon(self._user.leave, code)

    def _soon(self, call: Callable[..., None], *args: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the end is under way
            self._loop.call_soon_threadsafe(call, *args)

    # -- input ------------------------------------------------------------------------------------------------------

    def run_input_thread(self) -> None:
        """As the base class does, but whatever is typed is survived, and the end of input is the end."""
        typed = Typed(debug=self._debug)
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
                    before = typed.flooded
                    messages = typed.feed(data)
                    keys = [message.time for message in messages if isinstance(message, events.Key)]
                    if len(keys) > 1:
                        self._user.came_together(keys)
                    for message in messages:
                        self.process_message(message)
                    if typed.flooded and not before:
                        self._soon(self._user.flood_ignored)
                for message in typed.tick():
                    self.process_message(message)

    def process_message(self, message: Message) -> None:
        if isinstance(message, events.Resize) and not self._in_band_window_resize:
            return  # nobody has asked the terminal to report its size
        super().process_message(message)
