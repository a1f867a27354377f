"""The terminal goes, in every way it can, while a step logs: the release goes on, the TUI ends, nothing is lost."""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from release_host import ANNA, Host, answer, attached, until
from terminal import RESTORED, Terminal, cpu_seconds

from debvisor_tui.model.gates import Answer, GateKind
from debvisor_tui.runner.spawn import start_release

LINES = 4000
SHOWN = 500  # of the lines: the rest comes once they are seen, however long the screen has taken
#: Prints its lines, those that are left once its file is there in about three seconds.
TALKS = f"""
import sys, time
from pathlib import Path
for n in range({LINES}):
    while n == {SHOWN} and not Path(sys.argv[1]).exists():
        time.sleep(0.01)
    print("line", n, "x" * 60, flush=True)
    if n % 100 == 99:
        time.sleep(0.1)
"""
ENDS_WITHIN = 10.0  # seconds after its terminal has gone
ENDING_CPU = 0.5  # seconds of CPU that an orderly end may take
QUIET = 5.0  # seconds: the kernel counts CPU time in hundredths; one more or less must not decide
STALLED_CPU = 0.01  # of a processor, while nobody reads and nothing happens


def tui(host: Host, *words: str) -> Terminal:
    sandbox = host.sandbox
    options = ["--config", str(sandbox.config_path), "--state-dir", str(sandbox.state_dir)]
    return Terminal([sys.executable, "-m", "debvisor_tui", *options, *words])


@contextmanager
def under_way(host: Host) -> Iterator[tuple[int, Terminal]]:
    """A release whose first step talks, and the TUI on it."""
    seen = host.sandbox.dir / "seen"
    host.configure(lambda c: c.update(steps={"review": {"command": [sys.executable, "-c", TALKS, str(seen)]}}))

    async def begin() -> int:
        run = await start_release(host.settings, host.places, "v1.1.0", ANNA)
        gate = await host.gate(run, GateKind.READY, "review")
        async with attached(host) as (client, _):
            await answer(client, gate, Answer.RUN)
            await until(lambda: bool(host.view(run).step("review").attempts), "the step began")
        return run

    run = asyncio.run(begin())
    terminal = tui(host)  # plainly started, it opens on the run
    try:
        terminal.until(lambda text: "Code review" in text and "line " in text, "the log is shown")
        seen.touch()
        yield run, terminal
    finally:
        terminal.close()


def nothing_is_missing(host: Host, run: int) -> None:
    """The step went on to its end; a new TUI opens on the run, and shows the log's end."""
    asyncio.run(host.gate(run, GateKind.READY, "ci"))
    lines = [line for line in host.lines(run, "review") if line.startswith("line ")]
    assert lines == [f"line {n} {'x' * 60}" for n in range(LINES)]
    again = tui(host)
    try:
        again.until(lambda text: "CI is next" in text, "the run's gate")
        again.type(b"k")  # the step before
        again.until(lambda text: f"line {LINES - 1} " in text, "the last line")
        again.type(b"\x11")
        assert again.wait() == 0
        assert all(mode in again.output for mode in RESTORED)
    finally:
        again.close()


def ended_quietly(terminal: Terminal) -> tuple[int, str]:
    """Its exit code, and what its end has taken; it does what there is to do and goes, it does not spin."""
    begun, used = time.monotonic(), cpu_seconds(terminal.process.pid)
    last = used
    while terminal.process.poll() is None:
        assert time.monotonic() - begun < ENDS_WITHIN, "it does not end"
        last = max(last, cpu_seconds(terminal.process.pid))
        threading.Event().wait(0.02)
    took = time.monotonic() - begun
    assert last - used < ENDING_CPU, f"{last - used:.2f} s of CPU in {took:.1f} s"
    return terminal.wait(), f"ended after {took:.1f} s and {last - used:.2f} s of CPU"


@pytest.mark.parametrize(
    ("number", "way"),
    [(signal.SIGHUP, "signal"), (signal.SIGTERM, "signal"), (signal.SIGHUP, "hang up"), (signal.SIGKILL, "signal")],
    ids=["SIGHUP", "SIGTERM", "pty closed", "SIGKILL"],
)
def test_the_terminal_goes(
    number: signal.Signals,
    way: str,
    make_host: Callable[[], Host],
    record_property: Callable[[str, object], None],
) -> None:
    host = make_host()
    with under_way(host) as (run, terminal):
        runner = host.runner_pid()
        if way == "signal":
            os.kill(terminal.process.pid, number)
        else:
            terminal.hang_up()
        code, told = ended_quietly(terminal)
        record_property("terminal", f"{way}, {number.name}: {len(terminal.output):,} bytes written, {told}")
        assert code == (-number if number is signal.SIGKILL else 128 + number)
        if number is not signal.SIGKILL and way == "signal":
            assert all(mode in terminal.output for mode in RESTORED)
        assert host.runner_pid() == runner
    nothing_is_missing(host, run)


@pytest.mark.parametrize("then", ["goes on", "SIGTERM", "pty closed"])
def test_the_line_stalls(
    then: str, make_host: Callable[[], Host], record_property: Callable[[str, object], None]
) -> None:
    host = make_host()
    with under_way(host) as (run, terminal):
        terminal.stall()
        seen = cpu_seconds(terminal.process.pid), time.monotonic()
        # All is written by the step meanwhile: the runner waits for nobody.
        asyncio.run(host.gate(run, GateKind.READY, "ci"))
        quiet = cpu_seconds(terminal.process.pid)
        threading.Event().wait(QUIET)  # measured while nothing more happens
        share = (cpu_seconds(terminal.process.pid) - quiet) / QUIET
        record_property(
            "terminal", f"stalled, {then}: CPU {share:.1%} (while it logged {(quiet - seen[0]):.2f} s of it)"
        )
        assert share < STALLED_CPU
        if then == "goes on":
            terminal.go_on()
            terminal.until(lambda text: "CI is next" in text, "the picture is right again")
            terminal.type(b"\x11")
            assert terminal.wait() == 0
        elif then == "SIGTERM":
            os.kill(terminal.process.pid, signal.SIGTERM)
            assert ended_quietly(terminal)[0] == 128 + signal.SIGTERM
        else:
            terminal.hang_up()
            assert ended_quietly(terminal)[0] == 128 + signal.SIGHUP
    nothing_is_missing(host, run)


@pytest.mark.parametrize(
    "typed",
    [b"\xe9", b"\x1b[\xe9\xff1;2\xc3", b"\x1b]52;c;\xff", bytes(range(128, 256)) * 4000, b"\x1b[<0;1;1M" * 20_000],
    ids=["a byte", "in a sequence", "unended", "half a megabyte", "mouse"],
)
def test_what_is_typed_is_survived(typed: bytes, make_host: Callable[[], Host]) -> None:
    host = make_host()
    with under_way(host) as (run, terminal):
        for start in range(0, len(typed), 4096):
            terminal.type(typed[start : start + 4096])
        asyncio.run(host.gate(run, GateKind.READY, "ci"))
        terminal.type(b"\x1b\x1b")  # whatever was open is closed
        terminal.until(lambda text: "CI is next" in text, "it lives, and shows what is asked")
        terminal.type(b"\x11")
        assert terminal.wait() == 0
        assert b"Traceback" not in terminal.output, terminal.output[terminal.output.index(RESTORED[0]) :].decode()
    nothing_is_missing(host, run)
