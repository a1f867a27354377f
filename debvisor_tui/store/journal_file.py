"""The journal's file as its one writer has it: each transaction on the disk on return, in the file that is there."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, Table, insert, select
from sqlalchemy.exc import DBAPIError, NoResultFound

from debvisor_tui.model.events import EventKind
from debvisor_tui.model.views import Event
from debvisor_tui.store import tables as t
from debvisor_tui.store.clock import present
from debvisor_tui.store.connection import FileId, file_id, wal_of
from debvisor_tui.store.engine import check_readable, open_engine
from debvisor_tui.store.errors import another, unreadable
from debvisor_tui.store.recover_file import put_back


class JournalFile:
    """Opened, looked after, and opened anew after trouble. JournalError if that cannot be."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = open_engine(path)
        self._fresh: list[Event] = []
        self._newest: Event | None = None  # that was committed here
        self._numbers: dict[int, int] = {}  # the last line's number, by attempt
        self._files = self._look()
        self._find_end()

    def close(self) -> None:
        try:
            self._put_back_if_gone()
        finally:
            self._engine.dispose()

    def reopen(self) -> None:
        """Open the file that stands there now, after trouble; if it was removed, put it back first, and journal that.

        JournalError while there is none, or one that does not hold what was committed here.
        """
        restored = self._put_back_if_gone()
        self._engine.dispose()
        check_readable(self.path)
        self._find_end()
        if restored and self._newest is not None:
            text = "the journal's file was removed while in use; it was put back whole"
            with self._begin() as tx:
                tx.event(self._newest.run, EventKind.RUNNER, "", {"what": text})

    def _find_end(self) -> None:
        newest = self._newest
        with Transaction(self, look=False) as tx:
            if newest is not None:
                there = tx.execute(select(t.event.c.run_id, t.event.c.at).where(t.event.c.seq == newest.seq)).all()
                if [tuple(row) for row in there] != [(newest.run, newest.at)]:
                    raise another(self.path)
            self._files = self._look()  # with the -wal that this transaction has opened
        self._numbers.clear()  # what was told of the file that was lost does not count

    def _look(self) -> tuple[FileId, FileId]:
        return file_id(self.path), file_id(wal_of(self.path))

    def _put_back_if_gone(self) -> bool:
        main, wal = self._look()
        if main is not None and (main != self._files[0] or wal is not None):
            return False
        put_back(self._engine, self.path)
        return True

    def look(self) -> None:
        """See that the file is still the one that is open: a write to one that was removed succeeds, and is lost."""
        if self._look() != self._files:
            self.reopen()

    def take_events(self) -> list[Event]:
        """The events committed since the last call, oldest first: what there is to publish."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def _begin(self) -> "Transaction":
        return Transaction(self)


class Transaction:
    """One BEGIN IMMEDIATE … COMMIT; the driver's errors become JournalError."""

    def __init__(self, journal: JournalFile, *, look: bool = True) -> None:
        self._journal = journal
        self._looks = look
        self._events: list[Event] = []
        self.moment = present()
        self.now = self.moment.at
        #: The columns that say when something begins.
        self.beginning = {
            "started_at": self.now,
            "started_uptime": self.moment.uptime,
            "boot_id": self.moment.boot_id,
        }

    def __enter__(self) -> Self:
        if self._looks:
            self._journal.look()
        try:
            self._context = self._journal._engine.begin()
            self.connection: Connection = self._context.__enter__()
        except DBAPIError as error:
            raise unreadable(self._journal.path, error) from error
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            self._context.__exit__(kind, error, trace)
        except DBAPIError as commit_error:
            raise unreadable(self._journal.path, commit_error) from commit_error
        if isinstance(error, DBAPIError):
            raise unreadable(self._journal.path, error) from error
        if isinstance(error, NoResultFound):
            raise another(self._journal.path) from error
        if error is None and self._events:
            self._journal._fresh += self._events
            self._journal._newest = self._events[-1]

    def execute(self, statement: Any, rows: Sequence[Mapping[str, Any]] | None = None) -> Any:
        return self.connection.execute(statement, rows) if rows else self.connection.execute(statement)

    def add(self, table: Table, **values: Any) -> int:
        key = self.connection.execute(insert(table).values(**values)).inserted_primary_key
        return int(key[0]) if key else 0

    def one(self, statement: Any) -> Any:
        return self.connection.execute(statement).scalar_one()

    def row(self, statement: Any) -> Any:
        return self.connection.execute(statement).one()

    def event(self, run: int, kind: EventKind, step: str, data: Mapping[str, Any]) -> None:
        seq = self.add(t.event, run_id=run, at=self.now, kind=kind, step=step, data=dict(data))
        self._events.append(Event(seq, run, self.now, kind, step, data))
