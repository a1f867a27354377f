"""The line to the terminal: nobody who writes to it ever waits, however slowly, or never, the other end reads."""

import os
import termios
import threading
import time
from collections.abc import Callable
from contextlib import suppress

CHUNK = 4096  # bytes of one write(2): a blocked one is soon over once there is room
PATIENCE = 0.05  # seconds that bytes may wait before the line counts as slow
LIMIT = 1_000_000  # bytes that may wait; what comes then is dropped, and all is painted anew once the line is free
GRACE = 1.0  # seconds for the last bytes, and once more after the kernel's buffer was emptied


class Line:
    """Writes to `fd` from a thread of its own.

    `slow` is called by whoever writes while the line is slow: better to write nothing more until the thread calls
    `drained`, with whether something was dropped meanwhile. `lost` is called by the thread, once: nobody is there.
    """

    def __init__(
        self, fd: int, *, slow: Callable[[], None], drained: Callable[[bool], None], lost: Callable[[], None]
    ) -> None:
        self._fd = fd
        self._slow, self._drained, self._lost = slow, drained, lost
        self._turn = threading.Condition()
        self._waiting = bytearray()
        self._cut = 0  # how often what waits was thrown away
        self._since: float | None = None  # monotonic; bytes have been waiting since then
        self._took = 0.0
        self._told_slow = False
        self._dropped = False
        self._gone = False
        self._ending = False
        self._thread: threading.Thread | None = None

    @property
    def seconds(self) -> float:
        """How long the terminal took, or is taking, to swallow what was written last."""
        since = self._since
        return max(self._took, time.monotonic() - since if since is not None else 0.0)

    def write(self, text: str) -> None:
        data = text.encode("utf-8", "replace")
        with self._turn:
            if self._gone or not data:
                return
            if len(self._waiting) + len(data) > LIMIT:
                self._dropped = True
                return
            self._waiting += data
            now = time.monotonic()
            if self._since is None:
                self._since = now
            elif now - self._since > PATIENCE and not self._told_slow:
                self._told_slow = True
                self._slow()
            if self._thread is None:
                self._ending = False
                self._thread = threading.Thread(target=self._write_out, name="terminal-output", daemon=True)
                self._thread.start()
            self._turn.notify()

    def discard(self) -> None:
        """Throw away what waits; the terminal may have got half a sequence, which ESC ends."""
        with self._turn:
            self._cut += 1
            if self._waiting:
                self._waiting = bytearray(b"\x1b\\\x1b[?2026l\x1b[0m")

    def end(self) -> None:
        """Let out what waits, and stop: within 2 GRACE, even if nobody reads."""
        with self._turn:
            thread, self._ending = self._thread, True
            self._turn.notify()
        if thread is None:
            return
        thread.join(GRACE)
        if thread.is_alive():
            with suppress(termios.error):
                # What the kernel holds was painted for nobody; now there is room for the last bytes, and they stay
                # there for whoever reads next.
                termios.tcflush(self._fd, termios.TCOFLUSH)
            thread.join(GRACE)
        self._thread = None

    def _write_out(self) -> None:
        while True:
            with self._turn:
                while not self._waiting and not self._ending:
                    self._turn.wait()
                if not self._waiting:
                    return
                chunk, cut = bytes(self._waiting[:CHUNK]), self._cut
            try:
                written = os.write(self._fd, chunk)
            except OSError:
                with self._turn:
                    self._gone = True
                    self._waiting.clear()
                self._lost()
                return
            with self._turn:
                if cut == self._cut:
                    del self._waiting[:written]
                if not self._waiting:
                    self._rest()

    def _rest(self) -> None:
        self._took = time.monotonic() - (self._since or time.monotonic())
        self._since = None
        if self._told_slow or self._dropped:
            dropped, self._told_slow, self._dropped = self._dropped, False, False
            self._drained(dropped)
