"""A real pseudo-terminal for benchmarks: starts a program on it, and times what it paints."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Terminal:
    """`argv` on a pty of `columns` x `rows`; the bytes it has written are counted and kept from the last `mark`."""

    argv: Sequence[str]
    columns: int = 120
    rows: int = 40
    env: dict[str, str] = field(default_factory=dict)
    written: int = 0

    def __enter__(self) -> "Terminal":
        self.started = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **self.env}
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", self.rows, self.columns, 0, 0))
            os.execvpe(self.argv[0], list(self.argv), environment)  # noqa: S606 - no shell is wanted
        self.seen = bytearray()
        return self

    def __exit__(self, *_: object) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.close(self.fd)
        os.waitpid(self.pid, 0)

    def send(self, keys: bytes) -> float:
        """Type; returns the moment."""
        self.seen.clear()
        now = time.perf_counter()
        os.write(self.fd, keys)
        return now

    def read(self, timeout: float) -> bool:
        """Read what is there, waiting at most `timeout` seconds for it; False if nothing came or it has ended."""
        ready, _, _ = select.select([self.fd], [], [], timeout)
        if not ready:
            return False
        try:
            chunk = os.read(self.fd, 65_536)
        except OSError:
            return False
        self.written += len(chunk)
        self.seen += chunk
        del self.seen[:-1_000_000]
        return bool(chunk)

    def until(self, text: bytes, timeout: float = 30.0) -> float:
        """Read until `text` was painted; the moment. TimeoutError if it is not within `timeout` seconds."""
        deadline = time.perf_counter() + timeout
        while text not in self.seen:
            left = deadline - time.perf_counter()
            if left <= 0:
                raise TimeoutError(f"{text!r} was not painted within {timeout} s; last: {bytes(self.seen[-300:])!r}")
            self.read(min(left, 0.5))
        return time.perf_counter()

    def drain(self, seconds: float) -> None:
        """Read whatever comes for so long."""
        deadline = time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            self.read(left)


def peak_memory(pid: int) -> float:
    """MB that process `pid` had resident at its peak (VmHWM, proc(5))."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0.0


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]
