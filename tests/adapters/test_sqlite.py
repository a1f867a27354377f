"""SQLite files are copied, proven and put back while somebody else has them open."""

import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from debvisor_tui.adapters.databases import open_database
from debvisor_tui.adapters.databases.protocol import Contents
from debvisor_tui.adapters.databases.sqlite import file as sqlite
from debvisor_tui.adapters.databases.sqlite.database import SQLite
from debvisor_tui.adapters.databases.sqlite.file import SQLiteFile
from debvisor_tui.model.errors import UsageError, WorkFailed
from debvisor_tui.system.threads import Stopped

#: 4,000 rows of 2 kB: more than one turn of the copy.
MANY = """
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
    INSERT INTO vm (name) SELECT hex(zeroblob(1000)) FROM n
"""


@pytest.fixture(params=["wal", "delete"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A service that has the database open, in both of SQLite's ways to keep a journal."""
    with closing(sqlite3.connect(tmp_path / "panel.db", isolation_level=None)) as db:
        db.execute(f"PRAGMA journal_mode={request.param}")
        db.execute("CREATE TABLE vm (id INTEGER PRIMARY KEY, name TEXT)")
        db.execute(MANY)
        yield db


def _database(tmp_path: Path) -> SQLiteFile:
    return SQLiteFile(tmp_path / "panel.db")


def _back_up(tmp_path: Path, name: str = "copy") -> Path:
    copy = tmp_path / name
    _database(tmp_path).back_up(copy, lambda done, total: None, threading.Event())
    return copy


def test_a_copy_has_the_last_commit_and_goes_back_under_a_running_service(
    service: sqlite3.Connection, tmp_path: Path
) -> None:
    service.execute("INSERT INTO vm (name) VALUES ('the last commit')")
    copy = _back_up(tmp_path)
    service.execute("DELETE FROM vm")

    _database(tmp_path).check(copy, threading.Event())
    held = _database(tmp_path).held(copy, threading.Event())
    _database(tmp_path).restore(copy, lambda done, total: None, threading.Event())

    assert held == Contents(None, {"vm": 4001})
    # The service never closed its connection, and sees the restored rows: it does not write into a lost file.
    assert service.execute("SELECT count(*) FROM vm").fetchone() == (4001,)
    service.execute("INSERT INTO vm (name) VALUES ('after')")
    assert _database(tmp_path).contents().rows == {"vm": 4002}
    assert copy.stat().st_mode & 0o777 == 0o600
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith("copy")) == ["copy"]


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_writer_in_the_middle_of_the_copy_neither_fails_nor_spoils_it(mode: str, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "panel.db", isolation_level=None)) as service:
        service.execute(f"PRAGMA journal_mode={mode}")
        service.execute("CREATE TABLE vm (id INTEGER PRIMARY KEY, name TEXT)")
        service.execute(MANY)
        steps = []

        def write_meanwhile(done: int, total: int) -> None:
            steps.append((done, total))
            with closing(sqlite3.connect(tmp_path / "panel.db", isolation_level=None)) as other:
                other.execute("INSERT INTO vm (name) VALUES ('meanwhile')")

        database = _database(tmp_path)
        database.back_up(tmp_path / "copy", write_meanwhile, threading.Event())

        database.check(tmp_path / "copy", threading.Event())
        held = database.held(tmp_path / "copy", threading.Event()).rows["vm"]
        # With WAL the copy is the database as it was when it began; without, as it was at some moment since.
        assert held == 4000 if mode == "wal" else 4000 <= held <= 4000 + len(steps)
        assert len(steps) > 1
        assert steps[-1][0] == steps[-1][1]


def test_a_database_that_stays_locked_is_told_and_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "WAIT", 0.05)
    monkeypatch.setattr(sqlite, "PATIENCE", 0.2)
    with closing(sqlite3.connect(tmp_path / "panel.db", isolation_level=None)) as other:
        other.execute("CREATE TABLE vm (name TEXT)")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(WorkFailed, match=r"panel\.db is locked") as told:
            _back_up(tmp_path)
    assert "fuser" in told.value.hint


def test_a_database_that_is_in_use_for_long_is_not_restored_into(
    service: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = _back_up(tmp_path)
    monkeypatch.setattr(sqlite, "WAIT", 0.05)
    monkeypatch.setattr(sqlite, "PATIENCE", 0.2)
    service.execute("BEGIN IMMEDIATE")
    too_long = threading.Event()
    timer = threading.Timer(20, too_long.set)
    timer.start()
    try:
        with pytest.raises(WorkFailed, match=r"panel\.db is locked"):
            _database(tmp_path).restore(copy, lambda done, total: None, too_long)
    finally:
        timer.cancel()


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_killed_in_the_middle_of_a_restore_the_database_is_as_it_was(mode: str, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "panel.db", isolation_level=None)) as db:
        db.execute(f"PRAGMA journal_mode={mode}")
        db.execute("CREATE TABLE vm (id INTEGER PRIMARY KEY, name TEXT)")
        db.execute(MANY)
        copy = _back_up(tmp_path)
        db.execute("DELETE FROM vm WHERE id % 3 = 0")
        before = db.execute("SELECT count(*) FROM vm").fetchone()
    code = f"""
import os, threading
from pathlib import Path
from debvisor_tui.adapters.databases.sqlite.file import SQLiteFile
die = lambda done, total: os.kill(os.getpid(), 9)
SQLiteFile(Path("{tmp_path}/panel.db")).restore(Path({str(copy)!r}), die, threading.Event())
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == -signal.SIGKILL
    with closing(sqlite3.connect(tmp_path / "panel.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("SELECT count(*) FROM vm").fetchone() == before


def test_told_to_stop_it_stops(service: sqlite3.Connection, tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        _database(tmp_path).back_up(tmp_path / "copy", lambda done, total: None, stop)


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    for look in (_database(tmp_path).size, _database(tmp_path).revision, _database(tmp_path).contents):
        with pytest.raises(WorkFailed, match="There is no file"):
            look()
    assert list(tmp_path.iterdir()) == []


def test_damage_is_found_and_named(service: sqlite3.Connection, tmp_path: Path) -> None:
    copy = _back_up(tmp_path)
    with copy.open("r+b") as file:
        file.seek(20 * 4096)
        file.write(b"\xff" * 8192)
    with pytest.raises(WorkFailed, match="copy is"):
        _database(tmp_path).check(copy, threading.Event())
    (tmp_path / "text").write_text("this is no database at all " * 100)
    with pytest.raises(WorkFailed, match="not a whole SQLite database"):
        _database(tmp_path).check(tmp_path / "text", threading.Event())


def test_a_full_disk_is_told_as_such(service: sqlite3.Connection, tmp_path: Path) -> None:
    copy = _back_up(tmp_path)
    with closing(sqlite3.connect(copy)) as small:
        small.execute("PRAGMA max_page_count=1")
        with pytest.raises(sqlite3.OperationalError) as full:
            small.execute("CREATE TABLE more AS SELECT * FROM vm, vm AS again")
    told = sqlite.explain(full.value, Path("/srv/panel.db"), Path("/backups/x"))
    assert told.what == "The disk of /backups is full"


def test_counting_takes_names_as_names(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "panel.db", isolation_level=None)) as db:
        db.execute('CREATE TABLE "we""ird" (a TEXT, "b c" TEXT)')
        db.execute("INSERT INTO \"we\"\"ird\" VALUES ('x', NULL), ('y', 'z')")
    counts = _database(tmp_path).count(['we"ird', 'we"ird.b c', 'we"ird.gone', "gone", 'x"; DROP TABLE "we""ird'])
    assert list(counts.values()) == [2, 1, None, None, None]


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////srv/panel.db", "/srv/panel.db"),
        ("sqlite:///panel.db", "/cwd/panel.db"),
        ("sqlite+pysqlite:///data/../my #panel.db?timeout=5", "/cwd/my #panel.db"),
    ],
)
def test_the_url_is_read_as_sqlalchemy_reads_it(url: str, path: str) -> None:
    database = open_database(url, Path("/cwd"))
    assert isinstance(database, SQLite)
    assert str(database.path) == path


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "oracle://h/db",
        "panel.db",
        "sqlite:///file:x?uri=true",
        "sqlite:///a%20b.db",
    ],
)
def test_a_url_that_cannot_be_shipped_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match=r"database\.url"):
        open_database(url, Path("/cwd"))
