"""A journal that an older version has made (schema 0003, by the program of that time): its history, and its way back.

In it: v1.1.0 was shipped (run 1) and stands; v1.2.0 was shipped (run 2) and rolled back (run 3); /srv/sandbox.
"""

import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from release_host import Host
from world import look

from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.states import RunState
from debvisor_tui.store.engine import HEAD
from debvisor_tui.store.history import History
from debvisor_tui.store.journal import Journal

MADE = Path(__file__).parents[1] / "store" / "data" / "journal-0003.db"
MIGRATE = """
import sys
from pathlib import Path
import alembic.command, alembic.config
from debvisor_tui.store.engine import ensure_schema
print("begins", flush=True)
ensure_schema(Path(sys.argv[1]))
"""
PROGRAM = Path(sys.executable).with_name("debvisor-tui")


def call(host: Host, *words: str) -> str:
    target = ("--config", str(host.sandbox.config_path), "--state-dir", str(host.sandbox.state_dir))
    argv = [str(PROGRAM), *target, *words]
    done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=90, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def put_in_place(journal: Path, folder: Path) -> None:
    """The older journal, as if its target had always been the sandbox in `folder`."""
    for side in ("", "-wal", "-shm"):
        journal.with_name(journal.name + side).unlink(missing_ok=True)
    shutil.copyfile(MADE, journal)
    with closing(sqlite3.connect(journal)) as db, db:
        names = {"/srv/sandbox": str(folder)}
        runs = "SELECT to_version, to_commit FROM run UNION SELECT from_version, from_commit FROM run"
        for version, commit in db.execute(runs).fetchall():
            argv = ["git", "-C", str(folder / "checkout"), "rev-parse", f"{version}^{{commit}}"]
            names[commit] = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()
        for table in ("run", "change", "evidence", "child", "step"):
            for column in [row[1] for row in db.execute(f"PRAGMA table_info({table})")]:
                for old, new in names.items():
                    statement = (
                        f"UPDATE {table} SET {column} = replace({column}, ?, ?) WHERE typeof({column}) = 'text'"
                    )
                    db.execute(statement, (old, new))


def history_of(path: Path) -> tuple[list[tuple[int, Artifact, Artifact, RunState]], list[str], list[int]]:
    """The runs; the backup step's lines of the first; the runs with the word "pg_dump" or "backup" in a log line."""
    history = History(path)
    try:
        runs = [(r.id, r.old, r.new, r.state) for r in history.runs()]
        first = history.run(1)
        assert first is not None
        attempt = first.step("pull").attempt
        assert attempt is not None
        lines = [line.text for line in history.lines(attempt.id, 1, attempt.lines)]
        return runs, lines, sorted({hit.run for hit in history.search("reset --keep")})
    finally:
        history.close()


def test_its_history_is_the_same_read_as_it_is_and_migrated(tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    shutil.copyfile(MADE, journal)
    as_it_is = history_of(journal)
    assert journal.read_bytes() == MADE.read_bytes(), "who reads changes nothing"
    Journal(journal).close()
    assert history_of(journal) == as_it_is
    runs, lines, found = as_it_is
    names = [(id_, old.version, new.version, state) for id_, old, new, state in runs]
    assert names == [
        (3, "v1.2.0", "v1.1.0", RunState.SUCCEEDED),
        (2, "v1.1.0", "v1.2.0", RunState.ROLLED_BACK),
        (1, "v1.0.0", "v1.1.0", RunState.SUCCEEDED),
    ]
    assert runs[0][2].identity == runs[2][2].identity == {"commit": runs[2][2].exact}
    assert len(runs[2][2].exact) == 40
    assert lines[0].startswith("fetching from origin (")
    assert lines[-1].startswith("v1.0.0 → v1.1.0 (")
    assert found == [3]
    with closing(sqlite3.connect(journal)) as db:
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.slow
def test_the_release_that_stands_in_it_is_rolled_back(host: Host) -> None:
    host.configure(lambda c: c["monitor"].update(duration="1s", interval="200ms"))
    before = look(host.sandbox)
    call(host, "release", "v1.1.0", "--headless", "--auto", "--yes")
    put_in_place(host.places.journal, host.sandbox.dir)
    call(host, "rollback", "--database", "--yes", "--headless")
    after = look(host.sandbox)
    assert (after.commit, after.clean, after.revision, after.nodes, after.answers) == (
        *(before.commit, True, before.revision, before.nodes, before.answers),
    )
    assert host.state(1) is RunState.ROLLED_BACK


def test_a_reader_goes_on_while_a_runner_of_this_version_migrates(tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    shutil.copyfile(MADE, journal)
    with closing(sqlite3.connect(journal)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("UPDATE run SET operator = operator")
        db.commit()
        history = History(journal)  # as the TUI has it open all the time
        before = [(r.id, r.old, r.new) for r in history.runs()]
        Journal(journal).close()
        assert [(r.id, r.old, r.new) for r in history.runs()] == before
        history.close()


@pytest.mark.slow
def test_a_migration_that_is_killed_leaves_the_old_journal_or_the_new_one_whole(tmp_path: Path) -> None:
    template, journal = tmp_path / "template.db", tmp_path / "journal.db"
    shutil.copyfile(MADE, template)
    with closing(sqlite3.connect(template)) as db, db:
        attempt, last = db.execute("SELECT attempt_id, max(id) FROM log_line").fetchone()
        more = ((last + n, attempt, float(n), "out", f"line {n}") for n in range(1, 50_001))
        db.executemany("INSERT INTO log_line (id, attempt_id, at, stream, text) VALUES (?, ?, ?, ?, ?)", more)
    as_it_is = history_of(template)
    migrate = [sys.executable, "-c", MIGRATE, str(journal)]

    def begun() -> "subprocess.Popen[str]":
        for side in ("", "-wal", "-shm"):
            journal.with_name(journal.name + side).unlink(missing_ok=True)
        shutil.copyfile(template, journal)
        runner = subprocess.Popen(migrate, stdout=subprocess.PIPE, text=True)
        assert runner.stdout is not None
        assert runner.stdout.readline() == "begins\n"
        return runner

    started = time.monotonic()
    with begun() as runner:
        assert runner.wait(60) == 0
    whole = time.monotonic() - started
    left = set()
    for tenths in range(10):
        with begun() as runner:
            try:
                runner.wait(whole * tenths / 10)
            except subprocess.TimeoutExpired:
                runner.kill()
        with closing(sqlite3.connect(journal)) as db:
            left.add(db.execute("SELECT version_num FROM alembic_version").fetchone()[0])
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert history_of(journal) == as_it_is, "read as it was left"
        Journal(journal).close()
        assert history_of(journal) == as_it_is, "and migrated by whoever comes next"
    assert left <= {"0003", HEAD}, "all or nothing"
    assert "0003" in left, "none was killed in the middle"
