"""The TUI on a real terminal that misbehaves: signals, hang-ups, bytes that are no text, a stalled line."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("tui_process.py")
LEFT = b"\x1b[?1049l"  # the alternate screen is left: the shell's own is there again
PATIENCE = 20.0  # seconds; importing textual on a busy machine takes its time


class Terminal:
    """A pty of 80x24 with the TUI on it; `output` is all it has written so far."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.master, slave = pty.openpty()
        os.set_blocking(self.master, False)
        self.output = b""
        self.process = subprocess.Popen(
            [sys.executable, PROGRAM, folder],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,  # and no controlling terminal: only what is read and written tells of its end
            env={**os.environ, "TERM": "xterm-256color", "LINES": "24", "COLUMNS": "80", **environment},
        )
        os.close(slave)

    def read_until(self, seen: Callable[[bytes], object]) -> None:
        end = time.monotonic() + PATIENCE
        while not seen(self.output):
            assert time.monotonic() < end, f"waited in vain; so far: {self.output[-2000:]!r}"
            if not self._read():
                break
        assert seen(self.output), f"it ended; so far: {self.output[-2000:]!r}"

    def read_to_end(self) -> int:
        """Read until the TUI has ended; its exit code."""
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() < end, f"it goes on; so far: {self.output[-2000:]!r}"
            self._read()
        while self._read():
            pass
        return self.process.returncode

    def _read(self) -> bool:
        if self.master in select.select([self.master], [], [], 0.1)[0]:
            try:
                data = os.read(self.master, 65_536)
            except OSError:  # the other end is closed
                return False
            self.output += data
            return bool(data)
        return self.process.poll() is None

    def type(self, data: bytes) -> None:
        os.write(self.master, data)

    def hang_up(self) -> None:
        os.close(self.master)
        self.master = -1

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.master >= 0:
            os.close(self.master)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    running = Terminal(tmp_path)
    yield running
    running.close()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_ends_it_with_the_screen_restored(terminal: Terminal, number: signal.Signals) -> None:
    terminal.read_until(lambda out: b"LAST RUNS" in out)
    terminal.process.send_signal(number)
    assert terminal.read_to_end() == 128 + number
    assert LEFT in terminal.output


@pytest.mark.slow
def test_a_byte_that_is_no_text_is_survived(terminal: Terminal) -> None:
    terminal.read_until(lambda out: b"LAST RUNS" in out)
    terminal.type(b"\xe9\xff")
    terminal.type(b"?")
    terminal.read_until(lambda out: b"HOW A RUN WORKS" in out)
    terminal.type(b"\x11")  # ctrl+q
    assert terminal.read_to_end() == 0
    assert b"Error" not in terminal.output


def test_a_terminal_that_goes_away_ends_it(terminal: Terminal) -> None:
    terminal.read_until(lambda out: b"LAST RUNS" in out)
    terminal.hang_up()
    assert terminal.process.wait(PATIENCE) == 128 + signal.SIGHUP


def test_a_terminal_that_cannot_draw_is_refused_with_a_way_out(tmp_path: Path) -> None:
    dumb = Terminal(tmp_path, TERM="dumb")
    try:
        assert dumb.read_to_end() == 2
        assert b"--headless" in dumb.output
        assert b"Traceback" not in dumb.output
    finally:
        dumb.close()


def test_without_a_terminal_it_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, PROGRAM, tmp_path],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 2
    assert b"This is not a terminal." in done.stderr
