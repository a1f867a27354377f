"""Log lines a second into the journal, against bare batched SQLite inserts of the same rows, in the same run."""

import sqlite3
import tempfile
import time
from pathlib import Path

from debvisor_tui.model.playbook import Phase, RunKind
from debvisor_tui.model.states import RunState
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
    run = journal.create_run(NewRun(RunKind.RELEASE, "bench", "v1", "1", "v2", "2", "bench", steps))
    journal.set_run_state(run, RunState.RUNNING)
    attempt, _ = journal.start_attempt(run, "backup")
    started = time.perf_counter()
    for _ in range(0, LINES, BATCH):
        journal.add_lines(attempt, [(1.0, "out", TEXT)] * BATCH)
    took = time.perf_counter() - started
    journal.close()
    return LINES / took


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="debvisor-bench-") as folder:
        theirs = bare(Path(folder) / "bare.db")
        mine = ours(Path(folder) / "journal.db")
    print(f"bare batched SQLite inserts  {theirs:10,.0f} lines/s")
    print(f"the journal                  {mine:10,.0f} lines/s   ratio {mine / theirs:.2f}")
