"""Log lines a second into the journal, against bare batched SQLite inserts of the same rows, in the same run."""

import signal
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.hosts import Bench
from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.playbook import Phase, RunKind
from debvisor_tui.model.states import RunState, StepState
from debvisor_tui.model.views import PlannedStep
from debvisor_tui.store.journal import Journal, NewRun

LINES = 500_000
BATCH = 1000
TEXT = "x" * 100


def bare(path: Path) -> float:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE line (id INTEGER PRIMARY KEY, attempt INTEGER, at REAL, stream TEXT, text TEXT)")
    started = time.perf_counter()
    for first in range(0, LINES, BATCH):
        connection.execute("BEGIN IMMEDIATE")
        rows = [(first + i + 1, 1, 1.0, "out", TEXT) for i in range(BATCH)]
        connection.executemany("INSERT INTO line VALUES (?, ?, ?, ?, ?)", rows)
        connection.execute("COMMIT")
    took = time.perf_counter() - started
    connection.close()
    return LINES / took


def ours(path: Path) -> float:
    journal = Journal(path)
    steps = [PlannedStep("backup", "Backup", Phase.PRE_DEPLOY, "", ())]
    run = journal.create_run(NewRun(RunKind.RELEASE, "bench", Artifact("v1"), Artifact("v2"), "bench", steps))
    journal.set_run_state(run, RunState.RUNNING)
    attempt, _ = journal.start_attempt(run, "backup")
    started = time.perf_counter()
    for _ in range(0, LINES, BATCH):
        journal.add_lines(attempt, [(1.0, "out", TEXT)] * BATCH)
    took = time.perf_counter() - started
    journal.close()
    return LINES / took


def pipeline(folder: Path) -> float:
    """From a step's command through the runner: read, cut into lines, cleaned, redacted, journaled."""
    code = f"import sys\nfor _ in range({LINES // BATCH}): sys.stdout.write(('{TEXT}' + chr(10)) * {BATCH})"
    bench = Bench(folder, review=[sys.executable, "-c", code])
    try:
        run = bench.release("v1.1.0")
        bench.start_step(run)
        view = bench.until(run, lambda view: view.step("review").state is StepState.SUCCEEDED, "the step's end")
        attempt = view.step("review").attempt
        assert attempt is not None
        assert attempt.seconds is not None
        return attempt.lines / attempt.seconds
    finally:
        bench.end(signal.SIGTERM)
        bench.sandbox.destroy()


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="debvisor-bench-") as folder:
        theirs = bare(Path(folder) / "bare.db")
        mine = ours(Path(folder) / "journal.db")
        whole = pipeline(Path(folder) / "sandbox")
    print(f"bare batched SQLite inserts  {theirs:10,.0f} lines/s")
    print(f"the journal                  {mine:10,.0f} lines/s   ratio {mine / theirs:.2f}")
    print(f"from the child to it         {whole:10,.0f} lines/s   ratio {whole / theirs:.2f} (limit 0.5)")
