"""The target's database as alembic sees it: its revision, what is pending, and its way up and down."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from debvisor_tui.adapters.databases import opened
from debvisor_tui.adapters.migrations.probe import OnEvent, Probe, existing, room
from debvisor_tui.adapters.migrations.protocol import CodeRunner
from debvisor_tui.adapters.migrations.reading import read_migration
from debvisor_tui.adapters.sources import open_source
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.errors import DebvisorError
from debvisor_tui.model.evidence import Migration
from debvisor_tui.system.execute import Executor, run_quietly


@dataclass(frozen=True, slots=True)
class Pending:
    """`migrations`: those above `current` up to `head`, oldest first. `refused`: what the release's code asked of the
    host while it was looked at, and did not get. `elsewhere`: the folder that alembic takes its migrations from, if
    that is not the release that was asked about: then what is pending is not known, and `migrations` is empty."""

    current: str | None
    head: str | None
    migrations: tuple[Migration, ...]
    refused: tuple[str, ...] = ()
    elsewhere: str = ""

    @property
    def revisions(self) -> tuple[str, ...]:
        return tuple(m.revision for m in self.migrations)

    def to_json(self) -> dict[str, Any]:
        found = {"current": self.current, "head": self.head, "pending": [m.to_json() for m in self.migrations]}
        return {**found, "elsewhere": self.elsewhere}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Pending":
        migrations = tuple(Migration.from_json(m) for m in data["pending"])
        refused = tuple(data.get("refused", ()))
        elsewhere = str(data.get("elsewhere", ""))  # an older journal has none
        return cls(data["current"], data["head"], migrations, refused, elsewhere)


@dataclass(frozen=True, slots=True)
class Moved:
    """`applied`: [{"revision", "message", "seconds"}], in the order of the work."""

    before: str | None
    after: str | None
    applied: tuple[Mapping[str, Any], ...]

    def to_json(self) -> dict[str, Any]:
        return {"before": self.before, "after": self.after, "applied": [dict(row) for row in self.applied]}


@dataclass(frozen=True, slots=True)
class Revision:
    revision: str
    message: str
    current: bool
    head: bool


async def current_revision(settings: Settings, execute: Executor = run_quietly) -> str | None:
    """The revision that the database stands at; None before the first. WorkFailed if it cannot be told."""
    try:
        return await (await opened(settings)).revision()
    except LookupError:
        found = (await _look(settings, execute, "current"))["current"]
        return str(found) if found else None


async def standing(settings: Settings) -> dict[str, Any]:
    """{"revision": what the database really stands at}, or {} if that cannot be told."""
    try:
        return {"revision": await current_revision(settings)}
    except DebvisorError:
        return {}


async def pending(settings: Settings, execute: Executor = run_quietly, code: CodeRunner | None = None) -> Pending:
    """What an upgrade to the head of `code`, by default the code in place, would do. Nothing is changed."""
    found = await _look(settings, execute, "pending", code)
    migrations = tuple(read_migration(recorded, found["dialect"]) for recorded in found["pending"])
    refused = tuple(found["refused"])
    return Pending(found["current"], found["head"], migrations, refused, str(found.get("elsewhere", "")))


async def history(settings: Settings, execute: Executor = run_quietly) -> tuple[Revision, ...]:
    """All revisions that the code in place knows, oldest first."""
    found = await _look(settings, execute, "history")
    return tuple(Revision(**row) for row in found["history"])


async def upgrade(
    settings: Settings, execute: Executor, shown: Sequence[str], on_event: OnEvent | None = None
) -> Moved:
    """Apply the revisions `shown`, in this order, with the code in place. AlembicFailed says where it stopped; of the
    kind "not-shown", and with nothing applied, if that code has others."""
    return await _move(settings, execute, ("upgrade",), on_event, ("--only", ",".join(shown)))


async def downgrade(
    settings: Settings,
    execute: Executor,
    target: str,
    on_event: OnEvent | None = None,
    code: CodeRunner | None = None,
) -> Moved:
    """Go down to `target`: the heads that it then stands at ("b2", "b2, c2", "base"), or relative as "-1".

    `code`: which knows the way, if that is not the code in place.
    """
    return await _move(settings, execute, ("downgrade", target), on_event, code=code)


async def _move(
    settings: Settings,
    execute: Executor,
    command: Sequence[str],
    on_event: OnEvent | None,
    options: Sequence[str] = (),
    code: CodeRunner | None = None,
) -> Moved:
    url = (await opened(settings)).url
    async with contextlib.nullcontext(code) if code else open_source(settings).code() as place:
        found = await Probe(settings, place).move(execute, command, url, options, on_event)
    return Moved(found["before"], found["after"], tuple(found["applied"]))


async def _look(
    settings: Settings, execute: Executor, command: str, code: CodeRunner | None = None
) -> dict[str, Any]:
    """Ask the probe on a copy of the database, which is all that the release's code is given; nothing is changed."""
    database = await existing(settings)
    with room() as folder:
        copy = await database.snapshot(folder)
        async with contextlib.nullcontext(code) if code else open_source(settings).code() as place:
            return await Probe(settings, place).look(execute, command, database, copy)
