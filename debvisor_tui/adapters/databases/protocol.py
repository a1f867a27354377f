"""What the playbook asks of any kind of database."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

#: Bytes done, bytes in all.
Progress = Callable[[int, int], None]


class Stopped(Exception):
    """The work was told to stop; nothing of it is left behind."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a database or a backup of it holds: its alembic revision, and the rows of each table."""

    revision: str | None
    rows: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.rows.values())


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A copy that foreign code may be given. `url`: for alembic. `live`: the path of what it is a copy of.

    `whole`: with all rows; else all tables, and only the rows that tell where alembic stands.
    """

    url: str
    path: Path
    live: Path
    whole: bool


class Database(Protocol):
    """One database. All of it blocks: call it in a thread; `stop` ends it early with :class:`Stopped`.

    `name`: for people ("panel.db"). `url`: for alembic, absolute. `suffix`: of a backup's file name.
    All raise WorkFailed with what is wrong and what can be done.
    """

    name: str
    url: str
    suffix: str

    def exists(self) -> bool: ...

    def is_damaged(self) -> bool:
        """It is there and cannot be read at all."""

    def set_aside(self, stamp: str) -> str:
        """Keep a damaged database as it is, out of the way; where."""

    def size(self) -> int:
        """Bytes that a full backup may need; WorkFailed if the database is not there."""

    def revision(self) -> str | None:
        """The alembic revision; None before the first. LookupError if only alembic itself can tell."""

    def contents(self, stop: threading.Event | None = None) -> Contents:
        """What it holds now; `stop` ends the counting with a WorkFailed."""

    def count(self, names: Sequence[str]) -> dict[str, int | None]:
        """Rows of each "table", values that are not NULL of each "table.column"; None if that cannot be told."""

    def snapshot(self, folder: Path, stop: threading.Event) -> Snapshot:
        """A copy to look at, in the private `folder`; a large database without its rows."""

    def back_up(self, file: Path, progress: Progress, stop: threading.Event) -> None:
        """Write a full copy to `file`, which is there and empty, with the service running."""

    def check(self, file: Path, stop: threading.Event) -> Contents:
        """Prove that the backup `file` is whole; its contents."""

    def rehearse(self, file: Path, scratch: Path, stop: threading.Event) -> Contents:
        """Restore `file` into `scratch`, a path of its own beside it, and give what is then there."""

    def restore(self, file: Path, progress: Progress, stop: threading.Event) -> None:
        """Put the backup `file` in the database's place, in one transaction, with the service running."""
