"""First paint of home against an empty Textual app's, in pairs on the same terminal size."""

import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.terminal import Terminal, peak_memory
from debvisor_tui.sandbox.host import Sandbox

ROUNDS = 15

EMPTY = """
from textual.app import App
from textual.widgets import Static
class Empty(App):
    def compose(self):
        yield Static("empty-is-here")
Empty().run()
"""


def paint(argv: list[str], marker: bytes) -> tuple[float, float]:
    """Milliseconds from exec to the first paint that holds `marker`, and the peak memory in MB by then."""
    with Terminal(argv) as terminal:
        painted = terminal.until(marker)
        return (painted - terminal.started) * 1000, peak_memory(terminal.pid)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="debvisor-bench-") as folder:
        sandbox = Sandbox.create(Path(folder) / "sandbox")
        sandbox.start()
        try:
            home = [sys.executable, "-m", "debvisor_tui", "--config", str(sandbox.config_path)]
            home += ["--state-dir", str(sandbox.state_dir)]
            empty = [sys.executable, "-c", EMPTY]
            paint(home, b"debvisor-tui"), paint(empty, b"empty-is-here")  # warm the file cache
            rows = [(paint(home, b"debvisor-tui"), paint(empty, b"empty-is-here")) for _ in range(ROUNDS)]
            # The version comes with the data: what runs now, asked of git, the database and the service.
            whole = [paint(home, b"v1.0.0") for _ in range(ROUNDS)]
        finally:
            sandbox.destroy()
    ours = [row[0][0] for row in rows]
    theirs = [row[1][0] for row in rows]
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    print(f"first paint of home   {statistics.median(ours):6.0f} ms   (median of {ROUNDS})")
    print(f"empty Textual app     {statistics.median(theirs):6.0f} ms")
    print(f"ratio                 {ratio:6.2f}      (limit 1.5)")
    with_data = statistics.median(w[0] for w in whole)
    print(f"home with its data    {with_data:6.0f} ms   ratio {with_data / statistics.median(theirs):.2f}")
    print(f"peak memory of home   {statistics.median(w[1] for w in whole):6.1f} MB")
