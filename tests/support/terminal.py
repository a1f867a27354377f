"""A real terminal of 80x24 with a program on it: what it writes is kept and drawn, until somebody stops reading."""

import os
import pty
import select
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from fcntl import ioctl
from pathlib import Path

import pyte

PATIENCE = 60.0  # seconds; a whole release may be waited for, on a busy machine
#: What a terminal must be told when a full-screen program ends: the alternate screen, the mouse, pasting, the cursor.
RESTORED = (b"\x1b[?1049l", b"\x1b[?1000l", b"\x1b[?1003l", b"\x1b[?2004l", b"\x1b[?25h")


class Terminal:
    """`output`: all that was written. A thread reads, as a terminal does; `stall` has it stop.

    `draws`: megabytes are read quickly only by a terminal that draws nothing of them.
    """

    def __init__(
        self, argv: Sequence[str | Path], environment: Mapping[str, str] | None = None, *, draws: bool = True
    ) -> None:
        self.master, slave = pty.openpty()
        ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self._written = bytearray()
        self._draws = draws
        self._screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self._reading = threading.Event()
        self._reading.set()
        self._closed = False
        self.process = subprocess.Popen(
            list(argv),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: ioctl(0, termios.TIOCSCTTY, 0),
            env={**os.environ, "TERM": "xterm-256color", **(environment or {})},
        )
        os.close(slave)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while not self._closed:
            if not self._reading.wait(0.05):
                continue
            if self.master not in select.select([self.master], [], [], 0.05)[0]:
                continue
            try:
                data = os.read(self.master, 65_536)
            except OSError:
                return
            with self._lock:
                self._written += data
                if self._draws:
                    self._stream.feed(data)

    @property
    def output(self) -> bytes:
        with self._lock:
            return bytes(self._written)

    @property
    def lines(self) -> list[str]:
        with self._lock:
            return drawn(self._screen)

    def type(self, data: bytes) -> None:
        os.write(self.master, data)

    def decide(self, key: bytes, seen: Callable[[str], bool], what: str) -> None:
        """Type `key`, an answer, until it is taken: what comes just after the question is painted answers nothing."""
        end = time.monotonic() + PATIENCE
        while not seen("\n".join(self.lines)):
            text = "\n".join(self.lines)
            assert time.monotonic() < end, f"not within {PATIENCE} s: {what}\n{text}"
            self.type(key)
            for _ in range(20):
                if seen("\n".join(self.lines)):
                    return
                threading.Event().wait(0.05)

    def stall(self) -> None:
        """The line is bad: nobody reads any more, and nothing is closed."""
        self._reading.clear()

    def go_on(self) -> None:
        self._reading.set()

    def hang_up(self) -> None:
        """The connection is gone: the kernel closes the terminal, and tells its processes (SIGHUP)."""
        self._closed = True
        self._thread.join(5)
        os.close(self.master)
        self.master = -1

    def until(self, seen: Callable[[str], bool], what: str) -> None:
        """Wait until the screen's text is as wanted."""
        end = time.monotonic() + PATIENCE
        while not seen("\n".join(self.lines)):
            text = "\n".join(self.lines)
            assert time.monotonic() < end, f"not within {PATIENCE} s: {what}\n{text}"
            threading.Event().wait(0.05)

    def wait(self) -> int:
        """Until the program has ended: its exit code, as subprocess has it."""
        code = self.process.wait(PATIENCE)
        self._thread.join(0.3)
        return code

    def drain(self) -> None:
        """Read all that is still on its way, once every program on the terminal has ended."""
        self._thread.join(PATIENCE)

    def close(self) -> None:
        self._closed = True
        self.process.kill()
        self.process.wait()
        self._thread.join(5)
        if self.master >= 0:
            os.close(self.master)


def cpu_seconds(pid: int) -> float:
    """What `pid` has used so far, of user and system time; 0 once it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def drawn(screen: pyte.Screen) -> list[str]:
    """Its lines. Not its `display`: that stumbles over half of a wide character, in the middle of a redraw."""
    return ["".join(screen.buffer[y][x].data for x in range(screen.columns)) for y in range(screen.lines)]
