"""Attaching to a release whose step has logged 100,000 lines and goes on logging, against starting on home."""

import signal
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.hosts import Bench
from benchmarks.terminal import Terminal, peak_memory, percentile

LINES = 100_000
ROUNDS = 11
KEYS = 100  # of each kind
PAGE_UP, END, TOP = b"\x1b[5~", b"\x1b[F", b"\x1b[H"

TALKS = f"""
import sys, time
for first in range(0, {LINES}, 1000):
    sys.stdout.write("".join("line %06d %s\\n" % (n, "x" * 88) for n in range(first, first + 1000)))
while True:
    print("goes on", time.time(), flush=True)
    time.sleep(0.02)
"""


def paint(argv: list[str], marker: bytes) -> float:
    """Milliseconds from exec to the first paint that holds `marker`."""
    with Terminal(argv) as terminal:
        return (terminal.until(marker) - terminal.started) * 1000


def keys(terminal: Terminal) -> list[float]:
    """Milliseconds from key to paint: page up and end in turn, in a log that grows meanwhile."""
    latencies: list[float] = []
    for _ in range(KEYS):
        for key, marker in ((PAGE_UP, b"paused"), (END, b"following")):
            sent = terminal.send(key)
            latencies.append((terminal.until(marker, timeout=5.0) - sent) * 1000)
            terminal.drain(0.03)
    return latencies


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="debvisor-bench-") as folder:
        idle = Bench(Path(folder) / "idle")
        busy = Bench(Path(folder) / "busy", review=[sys.executable, "-c", TALKS])
        idle.sandbox.start()
        try:
            run = busy.release("v1.1.0")
            busy.start_step(run)
            busy.until_logged(run, "review", LINES)
            home, attach = idle.command(), busy.command("attach", str(run))
            paint(home, b"v1.0.0"), paint(attach, b"goes on")  # warm the file cache
            rows = [(paint(home, b"v1.0.0"), paint(attach, b"goes on")) for _ in range(ROUNDS)]
            with Terminal(attach) as terminal:
                terminal.until(b"goes on")
                terminal.send(b"l")
                terminal.drain(0.5)
                latencies = keys(terminal)
                sent = terminal.send(TOP)
                top = (terminal.until(b"line 000000") - sent) * 1000
                terminal.send(END)
                terminal.until(b"following")
                memory = peak_memory(terminal.pid)
        finally:
            busy.end(signal.SIGTERM)
            busy.sandbox.destroy()
            idle.sandbox.destroy()
    ours, theirs = statistics.median(r[1] for r in rows), statistics.median(r[0] for r in rows)
    ratio = statistics.median(b / a for a, b in rows)
    print(f"home with its data        {theirs:6.0f} ms   (median of {ROUNDS})")
    print(f"attach, the newest line   {ours:6.0f} ms   ratio {ratio:.2f} (limit 2)")
    p50, p99 = percentile(latencies, 0.5), percentile(latencies, 0.99)
    print(f"key to paint              p50 {p50:.0f} ms   p99 {p99:.0f} ms   of {len(latencies)} keys")
    print(f"to the first of {LINES:,} lines   {top:.0f} ms")
    print(f"peak memory of the TUI    {memory:6.1f} MB")
