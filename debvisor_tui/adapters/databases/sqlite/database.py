"""SQLite as a target's database: see :class:`..protocol.Database`."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

from debvisor_tui.adapters.databases.protocol import Contents, Snapshot
from debvisor_tui.adapters.databases.sqlite.file import SQLiteFile, database_path, remove_side_files
from debvisor_tui.adapters.databases.sqlite.schema import CELLS
from debvisor_tui.model.schema import Measured, Schema
from debvisor_tui.system.threads import in_thread, on_loop
from debvisor_tui.system.work import Work


class SQLite:
    kind: ClassVar[str] = "sqlite"
    atomic_restore: ClassVar[bool] = True  # one transaction: readers see the one or the other, whoever dies
    writers_wait: ClassVar[bool] = True

    def __init__(self, url: str, cwd: Path) -> None:
        self.path = database_path(url, cwd)
        self.name = self.path.name
        self._url = url
        self.url = _at(url, self.path)
        self.suffix = ".sqlite3"
        self._file = SQLiteFile(self.path)

    async def exists(self) -> bool:
        return await asyncio.to_thread(self._file.exists)

    async def revision(self) -> str | None:
        return await asyncio.to_thread(self._file.revision)

    async def contents(self) -> Contents:
        return await in_thread(self._file.contents)

    async def schema(self) -> Schema:
        return await asyncio.to_thread(self._file.schema)

    async def measure(self, only: Collection[str] | None = None, most: int = CELLS) -> Measured:
        return await in_thread(lambda stop: self._file.measure(only, most, stop))

    async def count(self, names: Sequence[str]) -> dict[str, int | None]:
        return await asyncio.to_thread(self._file.count, names)

    async def size(self) -> int:
        return await asyncio.to_thread(self._file.size)

    async def snapshot(self, folder: Path, *, whole: bool | None = None) -> Snapshot:
        file, is_whole = await in_thread(lambda stop: self._file.snapshot(folder, whole, stop))
        return Snapshot(SQLite(_at(self._url, file), folder), file, self.path, is_whole)

    async def restored(self, work: Work, backup: Path, folder: Path) -> Snapshot:
        file = folder / self.path.name
        await in_thread(lambda stop: self._file.restore_into(backup, file, stop))
        return Snapshot(SQLite(_at(self._url, file), folder), file, self.path, True)

    async def back_up(self, work: Work, file: Path) -> Contents:
        copying = on_loop(lambda done, total: work.progress(done, total, "bytes", "copying"))
        await in_thread(lambda stop: self._file.back_up(file, copying, stop))
        return await in_thread(lambda stop: self._file.held(file, stop))

    async def verify(self, work: Work, file: Path) -> None:
        await in_thread(lambda stop: self._file.check(file, stop))

    @asynccontextmanager
    async def copy(self, work: Work, backup: Path) -> AsyncIterator["SQLite"]:
        scratch = backup.with_name(backup.name + ".scratch")
        scratch.unlink(missing_ok=True)  # what a process that was killed has left
        try:
            await in_thread(lambda stop: self._file.restore_into(backup, scratch, stop))
            yield SQLite(_at(self._url, scratch), scratch.parent)
        finally:
            scratch.unlink(missing_ok=True)
            remove_side_files(scratch)

    async def restore(self, work: Work, file: Path) -> Contents:
        writing = on_loop(lambda done, total: work.progress(done, total, "bytes", "restoring"))
        await in_thread(lambda stop: self._file.restore(file, writing, stop))
        return await self.contents()

    async def quarantine(self, stamp: str) -> str | None:
        if not await asyncio.to_thread(self._file.is_damaged):
            return None
        return await asyncio.to_thread(self._file.quarantine, stamp)


def _at(url: str, path: Path) -> str:
    """`url` with another path. Its driver stays: an asynchronous env.py needs its own (sqlite+aiosqlite)."""
    scheme, _, rest = url.partition("://")
    _, mark, query = rest.partition("?")
    return f"{scheme}:///{path}{mark}{query}"
