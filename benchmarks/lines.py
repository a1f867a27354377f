"""A million lines from a step's command: into the journal, with the TUI attached and its keys pressed meanwhile."""

import signal
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.hosts import Bench
from benchmarks.terminal import Terminal, peak_memory, percentile
from debvisor_tui.model.states import StepState
from debvisor_tui.runner.lock import find_holder
from debvisor_tui.store.history import History

LINES = 1_000_000
LIMIT = 300.0  # seconds
PAGE_UP, END = b"\x1b[5~", b"\x1b[F"

WRITER = """
import sys
text = ("x" * 91 + "%09d" + chr(10))
for first in range(0, {lines}, 1000):
    sys.stdout.write("".join(text % n for n in range(first, first + 1000)))
"""


def measure(folder: Path) -> None:
    bench = Bench(folder / "sandbox", review=[sys.executable, "-c", WRITER.format(lines=LINES)])
    places = bench.places
    run = bench.release("v1.1.0")
    history = History(places.journal)
    command = bench.command("attach", str(run))
    try:
        with Terminal(command) as terminal:
            terminal.until(b"Code review is next")
            terminal.drain(1.0)  # a key decides only once its question has been seen for a while
            before = terminal.written
            started = time.perf_counter()
            terminal.send(b"\r")
            terminal.until(b"following")
            terminal.send(b"l")  # the log, whole screen, has the keys
            terminal.drain(0.3)
            latencies = keys(terminal, history, run)
            took = time.perf_counter() - started
            view = history.run(run)
            assert view is not None
            attempt = view.step("review").attempt
            assert attempt is not None
            assert attempt.seconds is not None
            holder = find_holder(places)
            assert holder is not None
            written = [line.text for line in history.lines(attempt.id, attempt.lines - 2, attempt.lines)]
            print(f"journaled             {attempt.lines:,} lines; the last: {written[-2][-9:]}")
            print(f"step took             {attempt.seconds:6.1f} s    {LINES / attempt.seconds:10,.0f} lines/s")
            p50, p99 = percentile(latencies, 0.5), percentile(latencies, 0.99)
            print(
                f"key to paint          p50 {p50:.0f} ms   p99 {p99:.0f} ms   of {len(latencies)} keys (limit p99 50)"
            )
            print(f"to the terminal       {(terminal.written - before) / took / 1024:6.0f} KB/s")
            runner, tui = peak_memory(holder.pid), peak_memory(terminal.pid)
            print(f"peak memory           runner {runner:.0f} MB   TUI {tui:.0f} MB")
    finally:
        history.close()
        bench.end(signal.SIGTERM)
        bench.sandbox.destroy()


def keys(terminal: Terminal, history: History, run: int) -> list[float]:
    """Press page up and end in turn until the step has ended; milliseconds from key to paint of each."""
    latencies: list[float] = []
    deadline = time.perf_counter() + LIMIT
    while time.perf_counter() < deadline:
        for key, marker in ((PAGE_UP, b"paused"), (END, b"following")):
            sent = terminal.send(key)
            try:
                painted = terminal.until(marker, timeout=5.0)
            except TimeoutError:
                if ended(history, run):  # an ended log follows nothing any more
                    return latencies
                raise
            latencies.append((painted - sent) * 1000)
            terminal.drain(0.05)
        if ended(history, run):
            return latencies
    sys.exit(f"the step did not end within {LIMIT} s")


def ended(history: History, run: int) -> bool:
    view = history.run(run)
    return view is not None and view.step("review").state is not StepState.RUNNING


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="debvisor-bench-") as folder:
        measure(Path(folder))
