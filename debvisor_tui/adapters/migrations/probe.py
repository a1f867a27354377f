"""Runs the probe (`alembic_probe/`) beside a release's code, and hears what it tells."""

import contextlib
import json
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from debvisor_tui.adapters.databases import opened
from debvisor_tui.adapters.databases.protocol import Database, Snapshot
from debvisor_tui.adapters.migrations.protocol import CodeRunner
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.text import sanitise
from debvisor_tui.system.execute import Executor
from debvisor_tui.system.scratch import scratch

PROBE: Final = Path(__file__).parent / "alembic_probe"

#: Gets {"event": "started" | "applied", "revision", "message", "number", "of", "seconds"?} as it happens.
OnEvent = Callable[[Mapping[str, Any]], None]
#: Gets an event; the probe goes on when it is done with it.
Hear = Callable[[Mapping[str, Any]], Awaitable[None]]


class AlembicFailed(WorkFailed):
    """`kind`: heads, unknown-revision, unknown-target, locked, no-database, other-database, migration-failed, …"""

    def __init__(self, kind: str, what: str, hint: str = "") -> None:
        super().__init__(what, hint)
        self.kind = kind


async def existing(settings: Settings) -> Database:
    """The target's database; AlembicFailed if it is not there."""
    database = await opened(settings)
    if not await database.exists():
        raise AlembicFailed(
            "no-database",
            f"There is no database at {database.url.partition('://')[2].removeprefix('/')}",
            "Is database.url right? Nothing was made in its place.",
        )
    return database


@contextlib.contextmanager
def room(parent: Path | None = None) -> Iterator[Path]:
    """A folder for a copy, in `parent` or among the temporary ones; WorkFailed if there is no room for it."""
    try:
        made = scratch("look", parent)
        folder = made.__enter__()
    except OSError as error:
        raise WorkFailed(
            f"There is no room for a copy of the database to look at: {error.strerror}.", "See: df -h /tmp"
        ) from error
    with contextlib.ExitStack() as stack:
        stack.push(made)
        yield folder


class Probe:
    """The probe beside `code`. What it says is wrong is raised as AlembicFailed."""

    def __init__(self, settings: Settings, code: CodeRunner) -> None:
        self._settings, self._code = settings, code

    async def move(
        self,
        execute: Executor,
        command: Sequence[str],
        url: str,
        options: Sequence[str] = (),
        on_event: OnEvent | None = None,
    ) -> dict[str, Any]:
        """Upgrade or downgrade the database at `url`."""
        failed: list[Exception] = []

        async def hear(event: Mapping[str, Any]) -> None:
            if on_event is not None and not failed:
                try:
                    on_event(event)
                except Exception as error:
                    failed.append(error)  # a listener that fails does not end a migration that is under way

        env = {**self._settings.database.environment, "DATABASE_URL": url}
        answer = await self._ask(execute, command, env, options, hear)
        if failed:
            raise failed[0]
        return answer

    async def look(
        self, execute: Executor, command: str, live: Database, copy: Snapshot, hear: Hear | None = None
    ) -> dict[str, Any]:
        """Ask about `copy`, which is all of the database `live` that the release's code is given."""
        database = self._settings.database
        given = database.url.resolve("database.url").reveal()
        names = {given: copy.url, live.url: copy.url, str(copy.live): str(copy.path)}
        env = {
            name: _renamed(value, names)
            for name, value in {**os.environ, **database.environment}.items()
            if name in database.environment or any(old in value for old in names)
        }
        env = {**env, "DATABASE_URL": copy.url, "TMPDIR": str(copy.path.parent)}
        return await self._ask(execute, (command,), env, ("--look", str(copy.live)), hear)

    async def _ask(
        self,
        execute: Executor,
        command: Sequence[str],
        env: Mapping[str, str],
        options: Sequence[str],
        hear: Hear | None,
    ) -> dict[str, Any]:
        answer: dict[str, Any] | None = None

        async def converse(line: str) -> bytes:
            nonlocal answer
            try:
                found = json.loads(line)
            except ValueError:
                return b""
            if not isinstance(found, dict):
                return b""
            if "event" not in found:
                answer = _clean(found)
                return b""
            if hear is not None:
                await hear(_clean(found))
            return b"\n"

        code = self._code
        args = ["--ini", str(code.find(self._settings.database.alembic_ini))]
        for old, new in code.moved:
            args += ["--moved", str(old), str(new)]
        for folder in code.folders:
            args += ["--tree", str(folder)]
        args += [*options, "--", *command]  # "-1" is a target, not an option
        done = await code.python(execute, PROBE, args, env, converse)
        if answer is None:
            raise AlembicFailed(
                "no-answer",
                f"{code.interpreter} ended with {done.exit_code} and gave no answer about the migrations",
                "database.python must be the interpreter of the release. What it wrote is in the log.",
            )
        if "error" in answer:
            raise AlembicFailed(str(answer["error"]), str(answer["what"]), str(answer["hint"]))
        return answer


def _renamed(value: str, names: Mapping[str, str]) -> str:
    for old, new in names.items():
        value = value.replace(old, new)
    return value


def _clean(value: Any) -> Any:
    """`value` without control sequences: messages and SQL are the release's text, not ours."""
    if isinstance(value, str):
        return sanitise(value)
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list) else value
