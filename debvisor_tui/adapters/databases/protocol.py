"""What the playbook asks of any kind of database."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from debvisor_tui.model.schema import Measured, Schema
from debvisor_tui.system.work import Work


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
    """A copy that foreign code may be given. `database`: the copy as one; `path`: its file or folder; `live`: the
    path of what it is a copy of.

    `whole`: with all rows; else all tables, and only the rows that tell where alembic stands.
    """

    database: "Database"
    path: Path
    live: Path
    whole: bool

    @property
    def url(self) -> str:
        return self.database.url


class Database(Protocol):
    """One database; a copy is one, too. All raise WorkFailed with what is wrong and what can be done.

    `name`: for people ("panel.db"). `url`: for alembic, absolute. `suffix`: of a backup's file name.
    `atomic_restore`: a restore is seen whole or not at all, also by a service that runs on. `writers_wait`: while a
    migration works on one table, nobody writes to any.
    """

    kind: ClassVar[str]
    atomic_restore: ClassVar[bool]
    writers_wait: ClassVar[bool]
    name: str
    url: str
    suffix: str

    async def exists(self) -> bool: ...

    async def revision(self) -> str | None:
        """The alembic revision; None before the first. LookupError if only alembic itself can tell."""

    async def contents(self) -> Contents:
        """What it holds now."""

    async def schema(self) -> Schema:
        """Its tables and what else it has, without alembic's own table."""

    async def measure(self, only: Collection[str] | None = None, most: int = ...) -> Measured:
        """How much each table holds; `only` those named. Reads all of them. `most`: of how many cells in all the
        values may be kept in memory to compare them later; by default as many as one table may have."""

    async def count(self, names: Sequence[str]) -> dict[str, int | None]:
        """Rows of each "table", values that are not NULL of each "table.column"; None if that cannot be told."""

    async def size(self) -> int:
        """Bytes that a full backup may need; WorkFailed if the database is not there."""

    async def snapshot(self, folder: Path, *, whole: bool | None = None) -> Snapshot:
        """A copy for foreign code, in the private `folder`. `whole`: with its rows; by default if it is not large."""

    async def restored(self, work: Work, backup: Path, folder: Path) -> Snapshot:
        """A copy for foreign code, in the private `folder`: the backup, restored there."""

    async def back_up(self, work: Work, file: Path) -> Contents:
        """Write a full backup to `file`, with the service running; what the backup's own snapshot holds."""

    async def verify(self, work: Work, file: Path) -> None:
        """Read the backup `file` whole, and prove that it is."""

    def copy(self, work: Work, backup: Path) -> "AbstractAsyncContextManager[Database]":
        """The backup restored into a scratch place, which is removed at the end; never the database itself."""

    async def restore(self, work: Work, file: Path) -> Contents:
        """Put the backup `file` in the database's place; what is then there."""

    async def quarantine(self, stamp: str) -> str | None:
        """If it is there and cannot be read at all: keep it as it is, out of the way; where. None if it can be."""
