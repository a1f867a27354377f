"""SQLite: what stands in a database file; copies of it made, proven and put back while the service runs."""

import contextlib
import errno
import os
import sqlite3
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

from debvisor_tui.adapters.databases.protocol import Contents
from debvisor_tui.adapters.databases.sqlite.schema import measure, quoted, read_schema
from debvisor_tui.model.errors import UsageError, WorkFailed
from debvisor_tui.model.schema import Schema, TableContents
from debvisor_tui.system.failpoints import around, reach
from debvisor_tui.system.files import explain as system_words
from debvisor_tui.system.files import sync_file, sync_folder
from debvisor_tui.system.threads import Progress, Stopped

PAGES: Final = 1024  # copied between two looks at `stop`
WAIT: Final = 1.0  # seconds that one statement waits for a lock, so that `stop` is seen in between
PATIENCE: Final = 10.0  # seconds in all without a page copied, then the database counts as locked
RESTARTS: Final = 3  # a copy that writers disturbed that often is made in one piece
SNAPSHOT: Final = 64 * 2**20  # bytes; a larger database is not copied whole for a look
SIDE_FILES: Final = ("-wal", "-shm", "-journal")

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_NOT_WHOLE = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}


class SQLiteFile:
    """One database file. All of it blocks; `stop` ends it early with :class:`Stopped`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def exists(self) -> bool:
        return self.path.exists()

    def is_damaged(self) -> bool:
        try:
            with closing(_reader(self.path)) as db:
                return str(db.execute("PRAGMA integrity_check(1)").fetchone()[0]) != "ok"
        except sqlite3.DatabaseError as error:
            return getattr(error, "sqlite_errorcode", 0) & 0xFF in _NOT_WHOLE

    def size(self) -> int:
        with explained(self.path):
            return self.path.stat().st_size + _size(Path(f"{self.path}-wal"))

    def revision(self) -> str | None:
        with explained(self.path), closing(_reader(self.path)) as db:
            return _revision(db, strict=True)

    def contents(self, stop: threading.Event | None = None) -> Contents:
        with explained(self.path), closing(_reader(self.path)) as db:
            if stop is not None:
                db.set_progress_handler(stop.is_set, 100_000)
            return _contents(db)

    def schema(self) -> Schema:
        with explained(self.path), closing(_reader(self.path)) as db:
            return read_schema(db)

    def measure(self, only: Collection[str] | None, most: int, stop: threading.Event) -> dict[str, TableContents]:
        with explained(self.path), closing(_reader(self.path)) as db, _stopped_by(db, stop):
            return measure(db, only, most)

    def count(self, names: Sequence[str]) -> dict[str, int | None]:
        with explained(self.path), closing(_reader(self.path)) as db:
            return {name: _count(db, name) for name in names}

    def snapshot(self, folder: Path, whole: bool | None, stop: threading.Event) -> tuple[Path, bool]:
        """The file in `folder`, and whether it holds all rows."""
        file = folder / self.path.name
        if whole is None:
            whole = self.size() <= SNAPSHOT
        if whole:
            self._copy_to(file, lambda done, total: None, stop)
        else:
            with explained(self.path, file), closing(_reader(self.path)) as source:
                _write_schema(source, file)
        return file, whole

    def back_up(self, file: Path, progress: Progress, stop: threading.Event) -> None:
        reach("the copy before")
        self._copy_to(file, progress, stop)
        reach("the copy after")

    def _copy_to(self, file: Path, progress: Progress, stop: threading.Event) -> None:
        with explained(self.path, file), closing(_reader(self.path)) as source:
            if source.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
                # A read transaction pins the snapshot: writers go on, and the copy never starts again.
                source.execute("BEGIN")
                source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            # Without WAL a held read lock would make the service's commits fail, so there the copy may be disturbed.
            try:
                _write_copy(source, file, progress, stop, PAGES)
            except _Disturbed:
                remove_side_files(file)
                os.truncate(file, 0)
                _write_copy(source, file, progress, stop, -1)

    def held(self, file: Path, stop: threading.Event) -> Contents:
        """What the backup `file` holds; that it is whole is for :meth:`check` to prove."""
        with explained(file), closing(_reader(file, immutable=True)) as db, _stopped_by(db, stop):
            return _contents(db)

    def check(self, file: Path, stop: threading.Event) -> None:
        """Read `file` whole; WorkFailed if it is damaged."""
        with explained(file), closing(_reader(file, immutable=True)) as db:
            _prove(db, file, stop)

    def restore_into(self, file: Path, scratch: Path, stop: threading.Event) -> None:
        """Restore the backup `file` into `scratch`, which is then proven whole."""
        with explained(file, scratch), closing(_reader(file, immutable=True)) as source:
            _write_copy(source, scratch, lambda done, total: None, stop, PAGES)
        with explained(scratch), closing(_reader(scratch, immutable=True)) as db:
            _prove(db, scratch, stop)

    def restore(self, file: Path, progress: Progress, stop: threading.Event) -> None:
        # Through the backup API into the live file, not by renaming a fresh file over it: a running service keeps
        # the old file open and would go on writing into what nobody reads, and a -wal left beside a new file would
        # damage it. SQLite locks the live file, copies in one transaction, and undoes it if we die in between.
        with explained(self.path), closing(_reader(file, immutable=True)) as source:
            if not self.path.exists():
                self._place_fresh(source, progress, stop)
                return
            with around("the restore"), closing(_connect(self.path, "rw")) as live:
                _copy(source, live, progress, stop, PAGES)

    def quarantine(self, stamp: str) -> str:
        aside = self.path.with_name(f"{self.path.name}.damaged-{stamp}")
        with explained(self.path):
            self.path.rename(aside)
            for side in SIDE_FILES:
                with contextlib.suppress(FileNotFoundError):
                    Path(f"{self.path}{side}").rename(f"{aside}{side}")
        return str(aside)

    def _place_fresh(self, source: sqlite3.Connection, progress: Progress, stop: threading.Event) -> None:
        # No file, so no service has it open by name: here the rename is the safe way.
        fresh = self.path.with_name(self.path.name + ".restoring")
        try:
            _write_copy(source, fresh, progress, stop, PAGES)
            sync_file(fresh)
            remove_side_files(self.path)
            fresh.rename(self.path)
            sync_folder(self.path.parent)
        finally:
            fresh.unlink(missing_ok=True)


def database_path(url: str, cwd: Path) -> Path:
    """The absolute path in an SQLAlchemy URL of SQLite; UsageError for one in memory or one that is not plain."""
    hint = 'Expected "sqlite:////absolute/path/to/panel.db".'
    # As SQLAlchemy reads it: only a "?" ends the path. Its versions differ in whether "%20" is a space.
    rest, _, query = url.partition("://")[2].partition("?")
    path = rest.removeprefix("/")
    if path == rest != "" or "uri" in parse_qs(query) or path.startswith("file:") or "%" in path:
        raise UsageError("database.url: this form of an SQLite URL is not supported", hint)
    if path in {"", ":memory:"}:
        raise UsageError("database.url: a database in memory cannot be shipped", hint)
    return Path(os.path.abspath(cwd / path))


class _Disturbed(Exception):
    """Writers made the copy start again too often."""


def _connect(path: Path, mode: str, *, immutable: bool = False) -> sqlite3.Connection:
    uri = f"{path.as_uri()}?mode={mode}" + ("&immutable=1" if immutable else "")
    return sqlite3.connect(uri, uri=True, timeout=WAIT, isolation_level=None, check_same_thread=False)


def _reader(path: Path, *, immutable: bool = False) -> sqlite3.Connection:
    """Read only. `immutable` for a file that nobody writes: then no -wal or -shm appears beside it."""
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
    db = _connect(path, "ro", immutable=immutable)
    db.text_factory = lambda raw: raw.decode("utf-8", "replace")
    return db


def _write_copy(
    source: sqlite3.Connection, file: Path, progress: Progress, stop: threading.Event, pages: int
) -> None:
    """A copy in a file of its own (0600), on the disk when this returns."""
    os.close(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600))
    with closing(_connect(file, "rw")) as target:
        # It is not a database before it is whole: no journal, one sync at the end.
        target.execute("PRAGMA journal_mode=OFF")
        target.execute("PRAGMA synchronous=OFF")
        _copy(source, target, progress, stop, pages)
    remove_side_files(file)
    sync_file(file)


def _write_schema(source: sqlite3.Connection, file: Path) -> None:
    """The tables of `source` without their rows, but for those in which alembic keeps where it stands."""
    os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    query = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND substr(name, 1, 7) <> 'sqlite_'"
    with closing(_connect(file, "rw")) as target:
        for kind, name, sql in source.execute(f"{query} ORDER BY type <> 'table'").fetchall():
            with contextlib.suppress(sqlite3.OperationalError):  # of an extension or a collation that is not here
                target.execute(sql)
            columns = [row[1] for row in source.execute(f"PRAGMA table_info({quoted(name)})")]
            if kind == "table" and "version_num" in columns:
                rows = source.execute(f"SELECT * FROM {quoted(name)}").fetchmany(1000)  # noqa: S608 - quoted
                marks = ", ".join("?" * len(columns))
                target.executemany(f"INSERT INTO {quoted(name)} VALUES ({marks})", rows)  # noqa: S608 - quoted


def _copy(
    source: sqlite3.Connection, target: sqlite3.Connection, progress: Progress, stop: threading.Event, pages: int
) -> None:
    page_size = source.execute("PRAGMA page_size").fetchone()[0]
    moved_at = time.monotonic()
    last = restarts = 0

    def look(status: int, remaining: int, total: int) -> None:
        nonlocal moved_at, last, restarts
        if stop.is_set():
            raise Stopped
        if status in _BUSY:
            # Python's backup() would try for ever.
            if time.monotonic() - moved_at > PATIENCE:
                raise TimeoutError(errno.EAGAIN, "database is locked")
            return
        moved_at = time.monotonic()
        done = total - remaining
        restarts += done <= last  # it has started again, and come no further than before
        last = done
        if restarts > RESTARTS and pages > 0:
            raise _Disturbed
        progress(done * page_size, total * page_size)

    source.backup(target, pages=pages, progress=look, sleep=0.05)


def _prove(db: sqlite3.Connection, file: Path, stop: threading.Event) -> None:
    with _stopped_by(db, stop):
        wrong = [row[0] for row in db.execute("PRAGMA integrity_check(3)") if row[0] != "ok"]
    if wrong:
        raise WorkFailed(f"{file} is damaged: {wrong[0]}", "Do not rely on it. Is the disk sound?")


@contextlib.contextmanager
def _stopped_by(db: sqlite3.Connection, stop: threading.Event) -> Iterator[None]:
    """`stop` ends a long statement with :class:`Stopped`."""
    db.set_progress_handler(stop.is_set, 100_000)
    try:
        yield
    except sqlite3.OperationalError as error:
        if stop.is_set():
            raise Stopped from error
        raise


def _contents(db: sqlite3.Connection) -> Contents:
    tables = [
        row[0]
        for row in db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_' ORDER BY name"
        )
    ]
    counted = {table: _count(db, table) for table in tables}
    return Contents(_revision(db), {table: n for table, n in counted.items() if n is not None})


def _revision(db: sqlite3.Connection, *, strict: bool = False) -> str | None:
    tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "alembic_version" in tables:
        found = sorted(str(row[0]) for row in db.execute("SELECT version_num FROM alembic_version"))
        return ", ".join(found) or None
    if strict and tables:
        raise LookupError("no table alembic_version: alembic may keep its revision elsewhere")
    return None


def _count(db: sqlite3.Connection, name: str) -> int | None:
    table, _, column = name.partition(".")
    try:
        # Quoted identifiers that are not columns would be taken for texts, so the column must be known first.
        if column and column not in {row[1] for row in db.execute(f"PRAGMA table_info({quoted(table)})")}:
            return None
        what = f"count({quoted(column)})" if column else "count(*)"
        return int(db.execute(f"SELECT {what} FROM {quoted(table)}").fetchone()[0])  # noqa: S608 - quoted
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode in _BUSY or error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            raise
        return None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def remove_side_files(file: Path) -> None:
    for side in SIDE_FILES:
        Path(f"{file}{side}").unlink(missing_ok=True)


@contextlib.contextmanager
def explained(*paths: Path) -> Iterator[None]:
    """Turn what SQLite and the system say into what it means for the operator. `paths`: the first is read from."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise explain(error, *paths) from error


def explain(error: sqlite3.Error | OSError, path: Path, target: Path | None = None) -> WorkFailed:
    code = getattr(error, "sqlite_errorcode", None)
    code = code & 0xFF if isinstance(code, int) else None  # the extended codes say where, not what
    if isinstance(error, TimeoutError) or code in _BUSY:
        return WorkFailed(
            f"The database {path} is locked",
            f"Another process holds it: see which with `fuser -v {path}`, let it finish, then retry.",
        )
    if code == sqlite3.SQLITE_FULL:
        return system_words(OSError(errno.ENOSPC, str(error)), path, target)
    if code in _NOT_WHOLE:
        return WorkFailed(f"{path} is not a whole SQLite database: {error}", "Restore a backup of it.")
    if isinstance(error, FileNotFoundError):
        missing = error.filename or path
        return WorkFailed(f"There is no file {missing}", "Is database.url right? Nothing was made in its place.")
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}:
        return WorkFailed(f"{path} cannot be used: {error}", "Who owns it and its folder? Run as that user.")
    return system_words(error, path, target) if isinstance(error, OSError) else WorkFailed(f"{path}: {error}", "")
