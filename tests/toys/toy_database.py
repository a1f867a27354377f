"""A toy database: "toy:////path" is a file that is backed up by copying it, as a child of the step."""

import shutil
import sqlite3
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import ClassVar

from debvisor_tui.adapters.databases.protocol import Contents, Snapshot
from debvisor_tui.adapters.databases.sqlite.schema import measure, read_schema
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.schema import Measured, Schema
from debvisor_tui.system.work import QUIET, Work


class ToyDatabase:
    kind: ClassVar[str] = "toy"
    atomic_restore: ClassVar[bool] = False
    writers_wait: ClassVar[bool] = True
    suffix = ".toybox"

    def __init__(self, url: str, cwd: Path) -> None:
        self.path = cwd / url.partition("///")[2]
        self.name = f"toy {self.path.name}"
        self.url = f"sqlite:///{self.path}"

    def _rows(self, query: str) -> list[tuple[str | int, ...]]:
        if not self.path.exists():
            raise WorkFailed(f"There is no toy {self.path}", "Look under the bed.")
        with closing(sqlite3.connect(self.path)) as db:
            return db.execute(query).fetchall()

    async def exists(self) -> bool:
        return self.path.exists()

    async def revision(self) -> str | None:
        return ", ".join(str(row[0]) for row in self._rows("SELECT version_num FROM alembic_version")) or None

    async def contents(self) -> Contents:
        tables = [str(row[0]) for row in self._rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
        counts = {table: int(self._rows(f'SELECT count(*) FROM "{table}"')[0][0]) for table in tables}
        return Contents(await self.revision(), {t: n for t, n in counts.items() if not t.startswith("sqlite_")})

    async def count(self, names: Sequence[str]) -> dict[str, int | None]:
        return dict.fromkeys(names)

    async def size(self) -> int:
        return self.path.stat().st_size

    async def schema(self) -> Schema:
        with closing(sqlite3.connect(self.path)) as db:
            return read_schema(db)

    async def measure(self, only: Collection[str] | None = None, most: int = 1000) -> Measured:
        with closing(sqlite3.connect(self.path)) as db:
            return measure(db, only, most)

    async def snapshot(self, folder: Path, *, whole: bool | None = None) -> Snapshot:
        return await self.restored(QUIET, self.path, folder)

    async def restored(self, work: Work, backup: Path, folder: Path) -> Snapshot:
        copy = folder / self.path.name
        shutil.copyfile(backup, copy)
        return Snapshot(ToyDatabase(f"toy:///{copy}", folder), copy, self.path, whole=True)

    async def back_up(self, work: Work, file: Path) -> Contents:
        held = await self.contents()
        await work.execute(("cp", "--verbose", str(self.path), str(file)))
        return held

    async def verify(self, work: Work, file: Path) -> None:
        await work.execute(("head", "-c", "16", str(file)))

    @asynccontextmanager
    async def copy(self, work: Work, backup: Path) -> AsyncIterator["ToyDatabase"]:
        scratch = backup.with_name("a-copy")
        await work.execute(("cp", str(backup), str(scratch)))
        try:
            yield ToyDatabase(f"toy:///{scratch}", scratch.parent)
        finally:
            scratch.unlink()

    async def restore(self, work: Work, file: Path) -> Contents:
        await work.execute(("cp", str(file), str(self.path)))
        return await self.contents()

    async def quarantine(self, stamp: str) -> str | None:
        return None
