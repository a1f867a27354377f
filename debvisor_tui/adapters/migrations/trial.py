"""Tries a release's migrations on a copy of the data: its own code goes up, down again and up once more, while the
copy is looked at after each step."""

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from debvisor_tui.adapters.databases.protocol import Database, Snapshot
from debvisor_tui.adapters.migrations.probe import AlembicFailed, Probe, existing, room
from debvisor_tui.adapters.migrations.protocol import CodeRunner
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.compatibility import cuts, harmless, narrowings
from debvisor_tui.model.errors import DebvisorError, WorkFailed
from debvisor_tui.model.schema import Measured, Schema, differences, losses
from debvisor_tui.model.trial import Break, Fit, Trial, Tried, Way
from debvisor_tui.system.work import Work

CELLS: Final = 1_000_000  # whose values are kept to compare, of all tables after all steps: some 100 MB
ROOM: Final = 1.5  # times the database's size: a migration may rebuild its largest table


async def try_on_copy(
    settings: Settings,
    work: Work,
    new: CodeRunner,
    old: CodeRunner | None = None,
    backup: tuple[str, Path] | None = None,
    *,
    rows: bool = True,
) -> Trial:
    """Try what is pending for `new`. `old`: the release that runs now, which is asked whether it works on what
    becomes of the copy. `backup`: its tag and file, to be copied from; without one the database itself is copied.
    `rows`: with what the tables hold, if there is room for it.

    WorkFailed only if the copy cannot be made or looked at: what the release's code does is in the Trial.
    """
    began = time.monotonic()
    live = await existing(settings)
    async with _copied(live, work, settings.backup.dir, backup, rows=rows) as (copy, of):
        story = _Story(copy.database, work)
        fitness = _Fitness(Probe(settings, old) if old else None)
        async with _unwrapped(), asyncio.TaskGroup() as group:
            group.create_task(fitness.ask(work, live, copy, story.went_up))
            await fitness.ready.wait()
            unknown = still_open = ""
            try:
                await story.begin()
                answer = await Probe(settings, new).look(work.execute, "trial", live, copy, story.hear(fitness))
                still_open = str(answer["open"])
            except AlembicFailed as error:
                unknown = f"{error.what}. {error.hint}".strip()
            finally:
                story.went_up.set()
        trial = story.trial(of, fitness.fit, whole=copy.whole)
    unknown = unknown or trial.unknown
    return replace(trial, unknown=unknown, open=still_open, seconds=round(time.monotonic() - began, 2))


@contextlib.asynccontextmanager
async def _unwrapped() -> AsyncIterator[None]:
    """The error itself, not a group that it came in: it is for a person."""
    try:
        yield
    except BaseExceptionGroup as group:
        errors: list[BaseException] = [group]
        while isinstance(errors[0], BaseExceptionGroup):
            errors = [inner for error in errors for inner in getattr(error, "exceptions", (error,))]
        raise next((error for error in errors if isinstance(error, DebvisorError)), errors[0]) from None


@contextlib.asynccontextmanager
async def _copied(
    live: Database, work: Work, backups: Path, backup: tuple[str, Path] | None, *, rows: bool
) -> AsyncIterator[tuple[Snapshot, str]]:
    """A copy to work on, in a private folder, and what it is of.

    One that may be large is made where backups are, not among the temporary files: those may be in memory.
    """
    if rows and await asyncio.to_thread(_has_room, backups, await live.size()):
        with room(backups) as folder:
            if backup is not None:
                yield await live.restored(work, backup[1], folder), f"the backup {backup[0]}"
            else:
                yield await live.snapshot(folder, whole=True), "the database as it is now"
        return
    with room() as folder:
        copy = await live.snapshot(folder, whole=None if rows else False)
        why = " (no room for a copy)" if rows else ""
        yield copy, "the database as it is now" if copy.whole else f"its tables without their rows{why}"


def _has_room(folder: Path, size: int) -> bool:
    try:
        return os.access(folder, os.W_OK | os.X_OK) and shutil.disk_usage(folder).free > ROOM * size
    except OSError:
        return False


class _Fitness:
    """Asks the release that runs now what it can do on the copy, before and after the copy is upgraded."""

    def __init__(self, probe: Probe | None) -> None:
        self.fit = Fit(unknown="the release that runs now was not asked")
        self.ready, self.done = asyncio.Event(), asyncio.Event()  # the copy may go up; it may go down again
        self._probe = probe

    async def ask(self, work: Work, live: Database, copy: Snapshot, upgraded: asyncio.Event) -> None:
        async def wait(_: Mapping[str, Any]) -> None:
            self.ready.set()
            await upgraded.wait()

        try:
            if self._probe is not None:
                self.fit = _fit(await self._probe.look(work.execute, "fit", live, copy, wait))
        except WorkFailed as error:
            self.fit = Fit(unknown=error.what)
        finally:
            self.ready.set()
            self.done.set()


def _fit(answer: Mapping[str, Any]) -> Fit:
    breaks = tuple(Break(str(b["table"]), str(b["what"]), str(b["why"])) for b in answer["breaks"])
    tables = int(answer["tables"])
    return Fit(
        tables=tables,
        written=int(answer["written"]),
        breaks=breaks,
        keeps=tuple(map(str, answer["keeps"])),
        unknown="" if tables else "its env.py gives alembic no metadata",
    )


@dataclass(slots=True)
class _State:
    schema: Schema
    measured: Measured


class _Story:
    """What is heard of the trial, and what is seen on the copy meanwhile. `went_up`: it stands where it is to go, or
    will not come that far."""

    def __init__(self, copy: Database, work: Work) -> None:
        self.went_up = asyncio.Event()
        self._copy, self._work = copy, work
        self._revisions: tuple[str, ...] = ()
        self._tried: dict[str, Tried] = {}
        self._states: list[_State] = []  # before the first revision, after it, after the second …
        self._now = _State(Schema(), {})
        self._cells = CELLS

    async def begin(self) -> None:
        self._now = _State(await self._copy.schema(), await self._measure(None))
        self._states = [self._now]

    async def _measure(self, only: Collection[str] | None) -> Measured:
        found = await self._copy.measure(only, self._cells)
        self._cells -= sum(held.cells for held in found.values() if held.prints is not None)
        return found

    def hear(self, fitness: _Fitness) -> Any:
        async def hear(event: Mapping[str, Any]) -> None:
            if event["event"] == "ready":
                self._revisions = tuple(event["revisions"])
            if event["event"] == "tried":
                await self._step(event)
            if self._is_up(event):
                self.went_up.set()
                await fitness.done.wait()

        return hear

    def _is_up(self, event: Mapping[str, Any]) -> bool:
        if event["event"] == "ready":
            return not self._revisions
        if event["way"] != "up":
            return False
        return bool(event["error"] or event["refused"]) or event["revision"] == self._revisions[-1]

    async def _step(self, event: Mapping[str, Any]) -> None:
        name, way = str(event["revision"]), str(event["way"])
        gone = Way(float(event["seconds"]), str(event["error"]), tuple(event["refused"]))
        was, now = self._now, await self._look(event["touched"])
        number, many = self._revisions.index(name), len(self._revisions)
        done = {"up": number + 1, "down": 2 * many - number, "again": 2 * many + number + 1}[way]
        self._work.progress(done, 3 * many, "revisions", f"tried {name}, {way}")
        if way == "up":
            changed, first = differences(was.schema, now.schema), self._states[0].schema
            if not gone.done:
                gone = replace(gone, left=tuple(map(str, changed)))
            self._tried[name] = Tried(
                revision=name,
                up=gone,
                losses=losses(was.measured, now.measured),
                changes=tuple(map(str, changed)),
                empty=tuple(c.name for c in changed if c.gone and _held(was.measured, c.name) == 0),
                rewrites=self._rewrites(event["sql"], {c.name for c in changed if c.new}),
                touched=tuple(sorted({*event["touched"], *(c.table for c in changed)} & _tables(was, now))),
                whole=bool(event["undoes"]),
                cuts=cuts(was.schema, now.schema, first),
                narrows=narrowings(was.schema, now.schema, first),
            )
            self._states.append(now)
            return
        begins, ends = (number + 1, number) if way == "down" else (number, number + 1)
        known = _differs(self._states[begins], was)  # by the steps before this one
        own = {loss.name for loss in self._tried[name].losses}  # what it took itself is not excused by a later step
        differs = _differs(self._states[ends], now)
        if way == "again":  # what it fills with the time of day or a random value is another each time
            made = {c.name for c in differences(self._states[number].schema, self._states[ends].schema) if c.new}
            differs = {t: of for t, of in differs.items() if of not in made and of.partition(".")[0] not in made}
        left = {text: of for text, of in differs.items() if text not in known or of in own}
        fine = harmless(self._states[ends].schema, now.schema) if way == "down" else frozenset()
        gone = replace(gone, left=tuple(t for t in left if t not in fine), other=tuple(t for t in left if t in fine))
        if way == "down":
            lost = [loss.name for loss in losses(was.measured, now.measured)]
            went = [c.name for c in differences(was.schema, now.schema) if c.gone]
            # What only has its old name again is not lost.
            drops = [*(n for n in went if n in lost or not _held(was.measured, n)), *lost]
            self._tried[name] = replace(self._tried[name], down=gone, drops=tuple(dict.fromkeys(drops)))
        else:
            self._tried[name] = replace(self._tried[name], again=gone)

    def _rewrites(self, statements: Sequence[str], new: Collection[str]) -> tuple[str, ...]:
        """Without what is `new`: to fill it overwrites nothing."""
        if not statements:
            return ()
        from debvisor_tui.adapters.migrations.sql import read_sql  # sqlglot: 0.2 s

        dialect = self._copy.url.partition(":")[0].partition("+")[0]
        names = [op.drops for statement in statements for op in read_sql(statement, dialect, set()) if op.drops]
        return tuple(dict.fromkeys(n for n in names if n not in new and n.partition(".")[0] not in new))

    async def _look(self, touched: Collection[str]) -> _State:
        """How the copy stands now; only what was touched is measured again."""
        schema = await self._copy.schema()
        changed = {change.table for change in differences(self._now.schema, schema)}
        again = await self._measure({*touched, *changed} & set(schema.tables))
        kept = {name: held for name, held in self._now.measured.items() if name in schema.tables}
        self._now = _State(schema, {**kept, **again})
        return self._now

    def trial(self, of: str, fit: Fit, *, whole: bool) -> Trial:
        if not self._states:
            return Trial(of, None, unknown="the copy could not be looked at")
        first, up = self._states[0], self._states[-1]
        tried = tuple(self._tried.values())
        ended = len(tried) == len(self._revisions) and all(one.up.done for one in tried)
        return Trial(
            of=of,
            rows=sum(held.rows for held in first.measured.values()) if whole else None,
            tried=tried,
            fit=fit if ended else Fit(unknown="the migrations were not brought to their end on the copy"),
            schema=up.schema if ended else None,
            before={name: held.rows for name, held in first.measured.items()},
            after={name: held.rows for name, held in up.measured.items()} if ended else {},
            uncompared=tuple(
                sorted({n for state in self._states for n, held in state.measured.items() if held.prints is None})
            ),
        )


def _differs(wanted: _State, now: _State) -> dict[str, str]:
    """Each difference in words, and the table or column that has it."""
    found = {str(change): change.name for change in differences(wanted.schema, now.schema)}
    return found | {str(loss): loss.name for loss in losses(wanted.measured, now.measured)}


def _held(measured: Measured, name: str) -> int | None:
    """The rows of a table, or the values of a column; None if that is not known."""
    table, _, column = name.partition(".")
    held = measured.get(table)
    return None if held is None else held.values.get(column) if column else held.rows


def _tables(*states: _State) -> set[str]:
    return {name for state in states for name in state.schema.tables}
