"""The target's database as alembic sees it: its revision, what is pending, and its way up and down."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from debvisor_tui.adapters.databases import folder_of, opened
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.errors import DebvisorError, WorkFailed
from debvisor_tui.model.evidence import Migration
from debvisor_tui.model.text import sanitise
from debvisor_tui.system.execute import Executor, run_quietly
from debvisor_tui.system.scratch import scratch

PROBE: Final = Path(__file__).parent / "alembic_probe"
POLL: Final = 0.1  # seconds between two looks at the events file

#: Gets {"event": "started" | "applied", "revision", "message", "number", "of", "seconds"?} as it happens.
OnEvent = Callable[[Mapping[str, Any]], None]


class AlembicFailed(WorkFailed):
    """`kind`: heads, unknown-revision, unknown-target, locked, no-database, other-database, migration-failed, …"""

    def __init__(self, kind: str, what: str, hint: str = "") -> None:
        super().__init__(what, hint)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Tree:
    """The code whose migrations count, when it is not the checkout: an exported commit."""

    checkout: Path
    exported: Path


@dataclass(frozen=True, slots=True)
class Pending:
    """`migrations`: those above `current` up to `head`, oldest first. `refused`: what the release's code asked of the
    host while it was looked at, and did not get."""

    current: str | None
    head: str | None
    migrations: tuple[Migration, ...]
    refused: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"current": self.current, "head": self.head, "pending": [m.to_json() for m in self.migrations]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Pending":
        migrations = tuple(Migration.from_json(m) for m in data["pending"])
        return cls(data["current"], data["head"], migrations, tuple(data.get("refused", ())))

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


async def pending(settings: Settings, execute: Executor = run_quietly, tree: Tree | None = None) -> Pending:
    """What an upgrade to the head of the code in place (or of `tree`) would do. Nothing is changed."""
    return Pending.from_json(_clean(await _look(settings, execute, "pending", tree)))


async def history(settings: Settings, execute: Executor = run_quietly) -> tuple[Revision, ...]:
    """All revisions that the code in place knows, oldest first."""
    found = _clean(await _look(settings, execute, "history"))
    return tuple(Revision(**row) for row in found["history"])


async def upgrade(
    settings: Settings, execute: Executor, target: str = "head", on_event: OnEvent | None = None
) -> Moved:
    """Apply migrations up to `target` with the code in place; AlembicFailed says where it stopped."""
    return await _move(settings, execute, "upgrade", target, on_event)


async def downgrade(settings: Settings, execute: Executor, target: str, on_event: OnEvent | None = None) -> Moved:
    """Go down to `target`: a revision, "base", or relative as "-1"."""
    return await _move(settings, execute, "downgrade", target, on_event)


async def _move(settings: Settings, execute: Executor, command: str, target: str, on_event: OnEvent | None) -> Moved:
    with scratch("events") as folder:
        events = folder / "events"
        events.touch(0o600)
        async with _following(events, on_event or (lambda event: None)):
            found = _clean(await _ask(settings, execute, command, target, options=("--events", str(events))))
    return Moved(found["before"], found["after"], tuple(found["applied"]))


@asynccontextmanager
async def _following(file: Path, on_event: OnEvent) -> AsyncIterator[None]:
    """Pass on each line that is added to `file`, the last ones too, however the body ends."""
    with file.open(encoding="utf-8") as lines:
        rest = ""

        def look() -> None:
            nonlocal rest
            *whole, rest = (rest + lines.read()).split("\n")
            for line in whole:
                on_event(_clean(json.loads(line)))

        async def follow() -> None:
            while True:
                await asyncio.sleep(POLL)
                look()

        follower = asyncio.create_task(follow())
        try:
            yield
        finally:
            follower.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await follower
            look()


async def _look(settings: Settings, execute: Executor, command: str, tree: Tree | None = None) -> dict[str, Any]:
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
        return await _ask(settings, execute, command, tree=tree, env=env, options=("--look", str(copy.live)))


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
    command: str,
    target: str = "",
    *,
    tree: Tree | None = None,
    env: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
) -> dict[str, Any]:
    """Run the probe with the release's interpreter; its answer. AlembicFailed with what it says is wrong.

    `env`: instead of the config's, with the database's URL; `options`: of the probe.
    """
    database = settings.database
    url = (await opened(settings)).url
    ini, cwd = database.alembic_ini, folder_of(settings)
    argv = [str(database.python), str(PROBE)]
    if tree is not None:
        exported = _moved(ini, tree)
        ini = exported if exported.is_file() else ini  # an ini that is not in git still names the folders
        cwd = folder if (folder := _moved(cwd, tree)).is_dir() else cwd
        for place in dict.fromkeys((tree.checkout, tree.checkout.resolve())):
            argv += ["--relocate", str(place), str(tree.exported)]
    argv += ["--ini", str(ini), *options]
    argv += ["--", command, *([target] if target else [])]  # "-1" is a target, not an option
    env = {
        **(env or {**database.environment, "DATABASE_URL": url}),
        "PYTHONDONTWRITEBYTECODE": "1",  # looking at a checkout must not make it dirty
    }
    done = await execute(argv, cwd=cwd, env=env, check=False, capture=True, quiet=True)
    try:
        answer = json.loads(done.text.strip().rpartition("\n")[2])
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise AlembicFailed(
            "no-answer",
            f"{database.python} ended with {done.exit_code} and gave no answer about the migrations",
            "database.python must be the interpreter of the release. What it wrote is in the log.",
        )
    if "error" in answer:
        answer = _clean(answer)
        raise AlembicFailed(str(answer["error"]), str(answer["what"]), str(answer["hint"]))
    return answer


def _moved(path: Path, tree: Tree) -> Path:
    """Where `path` is in the exported tree, if it lies in the checkout at all."""
    for base in (tree.checkout, tree.checkout.resolve()):
        if path.is_relative_to(base):
            return tree.exported / path.relative_to(base)
    return path


def _clean(value: Any) -> Any:
    """`value` without control sequences: messages and SQL are the release's text, not ours."""
    if isinstance(value, str):
        return sanitise(value)
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list) else value
