"""The target's database as alembic sees it: its revision, what is pending, and its way up and down."""

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from debvisor_tui.adapters.databases import opened
from debvisor_tui.adapters.migrations.protocol import CodeRunner
from debvisor_tui.adapters.sources import open_source
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.errors import DebvisorError, WorkFailed
from debvisor_tui.model.evidence import Migration
from debvisor_tui.model.text import sanitise
from debvisor_tui.system.execute import Executor, run_quietly
from debvisor_tui.system.scratch import scratch

PROBE: Final = Path(__file__).parent / "alembic_probe"

#: Gets {"event": "started" | "applied", "revision", "message", "number", "of", "seconds"?} as it happens.
OnEvent = Callable[[Mapping[str, Any]], None]


class AlembicFailed(WorkFailed):
    """`kind`: heads, unknown-revision, unknown-target, locked, no-database, other-database, migration-failed, …"""

    def __init__(self, kind: str, what: str, hint: str = "") -> None:
        super().__init__(what, hint)
        self.kind = kind


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

    def planned(self, taken: Mapping[str, int | None]) -> list[dict[str, Any]]:
        """What a DATABASE change keeps of each, for the rollback planner. `taken`: counted just before, by name."""
        return [
            {
                "revision": m.revision,
                "message": m.message,
                "destructive": m.destructive,
                "irreversible": m.irreversible,
                "drops": list(m.drops_on_the_way_down),
                "takes": _takes(m, taken),
            }
            for m in self.migrations
        ]


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


def _takes(migration: Migration, taken: Mapping[str, int | None]) -> dict[str, int | None]:
    names = [op.drops for op in migration.operations if op.destructive and op.drops]
    takes = {name: taken.get(name) for name in names}
    if migration.unknown or any(op.unknown for op in migration.operations):
        takes[f"what {migration.revision} takes away, if anything"] = None
    return takes


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
    return Pending.from_json(await _look(settings, execute, "pending", code))


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


async def downgrade(settings: Settings, execute: Executor, target: str, on_event: OnEvent | None = None) -> Moved:
    """Go down to `target`: the heads that it then stands at ("b2", "b2, c2", "base"), or relative as "-1"."""
    return await _move(settings, execute, ("downgrade", target), on_event)


async def _move(
    settings: Settings,
    execute: Executor,
    command: Sequence[str],
    on_event: OnEvent | None,
    options: Sequence[str] = (),
) -> Moved:
    url = (await opened(settings)).url
    env = {**settings.database.environment, "DATABASE_URL": url}
    async with open_source(settings).code() as code:
        found = await _ask(settings, execute, code, command, env, options=options, on_event=on_event)
    return Moved(found["before"], found["after"], tuple(found["applied"]))


async def _look(
    settings: Settings, execute: Executor, command: str, code: CodeRunner | None = None
) -> dict[str, Any]:
    """Ask the probe on a copy of the database, which is all that the release's code is given; nothing is changed."""
    database = await opened(settings)
    if not await database.exists():
        raise AlembicFailed(
            "no-database",
            f"There is no database at {database.url.partition('://')[2].removeprefix('/')}",
            "Is database.url right? Nothing was made in its place.",
        )
    with _room() as folder:
        copy = await database.snapshot(folder)
        given = settings.database.url.resolve("database.url").reveal()
        names = {given: copy.url, database.url: copy.url, str(copy.live): str(copy.path)}
        env = {
            name: _renamed(value, names)
            for name, value in {**os.environ, **settings.database.environment}.items()
            if name in settings.database.environment or any(old in value for old in names)
        }
        env = {**env, "DATABASE_URL": copy.url, "TMPDIR": str(folder)}
        async with contextlib.nullcontext(code) if code else open_source(settings).code() as place:
            return await _ask(settings, execute, place, (command,), env, options=("--look", str(copy.live)))


@contextlib.contextmanager
def _room() -> Iterator[Path]:
    """A folder for the copy; WorkFailed if there is no room for it."""
    try:
        made = scratch("look")
        folder = made.__enter__()
    except OSError as error:
        raise WorkFailed(
            f"There is no room for a copy of the database to look at: {error.strerror}.", "See: df -h /tmp"
        ) from error
    with contextlib.ExitStack() as stack:
        stack.push(made)
        yield folder


def _renamed(value: str, names: Mapping[str, str]) -> str:
    for old, new in names.items():
        value = value.replace(old, new)
    return value


async def _ask(
    settings: Settings,
    execute: Executor,
    code: CodeRunner,
    command: Sequence[str],
    env: Mapping[str, str],
    *,
    options: Sequence[str] = (),
    on_event: OnEvent | None = None,
) -> dict[str, Any]:
    """Run the probe beside `code`; its answer. AlembicFailed with what it says is wrong. `options`: of the probe."""
    answer: dict[str, Any] | None = None
    failed: list[Exception] = []

    def hear(line: str) -> None:
        nonlocal answer
        try:
            found = json.loads(line)
        except ValueError:
            return
        if not isinstance(found, dict):
            return
        if "event" not in found:
            answer = _clean(found)
        elif on_event is not None and not failed:
            try:
                on_event(_clean(found))
            except Exception as error:
                failed.append(error)  # a listener that fails does not end a migration that is under way

    args = ["--ini", str(code.find(settings.database.alembic_ini))]
    for old, new in code.moved:
        args += ["--moved", str(old), str(new)]
    if code.moved:
        args += ["--tree", str(code.moved[0][1])]
    args += [*options, "--", *command]  # "-1" is a target, not an option
    done = await code.python(execute, PROBE, args, env, hear)
    if failed:
        raise failed[0]
    if answer is None:
        raise AlembicFailed(
            "no-answer",
            f"{code.interpreter} ended with {done.exit_code} and gave no answer about the migrations",
            "database.python must be the interpreter of the release. What it wrote is in the log.",
        )
    if "error" in answer:
        raise AlembicFailed(str(answer["error"]), str(answer["what"]), str(answer["hint"]))
    return answer


def _clean(value: Any) -> Any:
    """`value` without control sequences: messages and SQL are the release's text, not ours."""
    if isinstance(value, str):
        return sanitise(value)
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list) else value
