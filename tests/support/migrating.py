"""A small release with real alembic migrations, a real git history and a real database."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from debvisor_tui.adapters.migrations.alembic import pending
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.changes import Change
from debvisor_tui.model.evidence import Evidence
from debvisor_tui.model.gates import Answer, Gate
from debvisor_tui.model.people import Person
from debvisor_tui.model.playbook import RunKind
from debvisor_tui.tasks.base import Job, Reply
from debvisor_tui.tasks.cli_context import StandaloneContext

T = TypeVar("T")

#: Noisy, without transactions, and with a log configuration that silences everybody else: as many are.
ENV = """
from logging.config import fileConfig
from alembic import context
from sqlalchemy import create_engine, pool
print("env.py talks to stdout")
__import__("atexit").register(print, "and after the end")
fileConfig(context.config.config_file_name)
engine = create_engine(context.config.get_main_option("sqlalchemy.url"), poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
"""

INI = """[alembic]
script_location = {folder}/migrations
sqlalchemy.url = sqlite:////nowhere/else.db
[loggers]
keys = root
[handlers]
keys = none
[formatters]
keys =
[logger_root]
level = ERROR
handlers = none
[handler_none]
class = NullHandler
args = ()
"""

NODE = 'op.create_table("node", sa.Column("id", sa.Integer, primary_key=True), sa.Column("notes", sa.Text))'


@dataclass
class Release:
    """`checkout` is a git repository; `settings` are those of a target whose database is `database`."""

    folder: Path
    settings: Settings
    found: list[Evidence] = field(default_factory=list)
    made: list[Change] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    gates: list[Gate] = field(default_factory=list)
    agrees: bool = True
    standing: tuple[tuple[Change, ...], ...] = ()  # of the other releases that stand

    @property
    def checkout(self) -> Path:
        return self.folder / "checkout"

    @property
    def database(self) -> Path:
        return self.folder / "panel.db"

    @property
    def backups(self) -> Path:
        return self.settings.backup.dir

    def git(self, *words: str) -> str:
        argv = ["git", "-C", str(self.checkout), "-c", "user.name=t", "-c", "user.email=t@example.org", *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()

    def migration(self, revision: str, down: str | None, up: str = "pass", back: str | None = "pass") -> None:
        """Add revision `revision`; `up` and `back` are the bodies' one statement (None: no downgrade at all)."""
        text = f'"""make {revision}"""\nimport sqlalchemy as sa\nfrom alembic import op\n'
        text += f"revision = {revision!r}\ndown_revision = {down!r}\ndef upgrade():\n    {up}\n"
        text += f"def downgrade():\n    {back}\n" if back is not None else ""
        (self.checkout / "migrations" / "versions" / f"{revision}.py").write_text(text)

    def tag(self, version: str) -> str:
        """Commit all there is as `version`; its sha."""
        self.git("add", "-A")
        self.git("commit", "-qm", version, "--allow-empty")
        self.git("tag", version)
        return self.git("rev-parse", "HEAD")

    def job(self, version: str, facts: Mapping[str, Any] | None = None) -> Job:
        commit = self.git("rev-parse", f"{version}^{{commit}}")
        kind = RunKind.RELEASE if facts is None else RunKind.ROLLBACK
        return Job(kind, Artifact("v1.0.0"), Artifact(version, {"commit": commit}), Person("anna"), facts=facts or {})

    def shown(self, version: str) -> Job:
        """The job of `version`, which is in place, as if the migration check had shown its migrations."""
        job = self.job(version)
        value = {**run(pending(self.settings)).to_json(), "artifact": job.new.exact}
        self.found.append(Evidence("migration-check", "migrations", "", value, 0.0))
        return job

    def context(self, step: str, job: Job) -> StandaloneContext:
        """A step of one and the same run: what earlier steps have established is there."""

        async def ask(gate: Gate) -> Reply:
            self.gates.append(gate)
            return Reply(Answer.ACKNOWLEDGE if self.agrees else Answer.DECLINE, Person("anna"), 0.0)

        context = StandaloneContext(
            self.settings,
            job,
            step,
            say=lambda text, _: self.lines.append(text),
            ask=ask,
            standing=lambda: self.standing,
        )
        context.found, context.made = self.found, self.made
        return context

    def value(self, name: str) -> Mapping[str, Any]:
        """The last evidence of that name."""
        return next(e.value for e in reversed(self.found) if e.name == name)

    def rows(self, sql: str, *more: str) -> list[tuple[Any, ...]]:
        """What `sql` gives; `more` statements are run after it, and all of it committed."""
        with closing(sqlite3.connect(self.database)) as db, db:
            found = db.execute(sql).fetchall()
            for statement in more:
                db.execute(statement)
            return found

    def without_log(self) -> "Release":
        self.found.clear()
        self.made.clear()
        return self


def make_release(folder: Path, **settings: Any) -> Release:
    """v1.0.0: one migration, applied, with two nodes of which one has notes; nothing is pending."""
    checkout = folder / "checkout"
    (checkout / "migrations" / "versions").mkdir(parents=True)
    (checkout / "migrations" / "env.py").write_text(ENV)
    (checkout / "alembic.ini").write_text(INI.format(folder=checkout))
    release = Release(folder, make_settings(folder, **settings))
    subprocess.run(["git", "init", "-qb", "main", str(checkout)], check=True)
    release.migration("a1", None, NODE, 'op.drop_table("node")')
    release.tag("v1.0.0")
    release.rows(
        "CREATE TABLE node (id INTEGER PRIMARY KEY, notes TEXT)",
        "INSERT INTO node (notes) VALUES ('rack 4'), (NULL)",
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
        "INSERT INTO alembic_version VALUES ('a1')",
    )
    return release


def make_settings(folder: Path, **more: Any) -> Settings:
    web = "http://127.0.0.1:9"
    parts: dict[str, Any] = {
        "name": "test",
        "platform": {"kind": "process", "restart": ["true"], "pid_file": str(folder / "pid")},
        "source": {"kind": "git", "checkout": str(folder / "checkout")},
        "database": {
            "url": f"sqlite:///{folder}/panel.db",
            "alembic_ini": str(folder / "checkout" / "alembic.ini"),
            "python": sys.executable,
        },
        "backup": {"dir": str(folder / "backups")},
        "health": {"live": f"{web}/live", "ready": f"{web}/ready"},
        "smoke": {
            "login_url": f"{web}/login",
            "username": "u",
            "password": "secret",
            "dashboard_url": web,
            "dashboard_contains": "x",
        },
        "monitor": {"metrics": f"{web}/metrics"},
    }
    for name, values in more.items():
        parts[name] = {**parts.get(name, {}), **values}
    return Settings.model_validate(parts)


def run(work: Awaitable[T]) -> T:
    """`work`, to its end; a test that hangs is a test that fails."""

    async def bounded() -> T:
        async with asyncio.timeout(60):
            return await work

    return asyncio.run(bounded())


async def until(holds: Callable[[], bool], limit: float = 20.0) -> None:
    async with asyncio.timeout(limit):
        while not holds():  # noqa: ASYNC110 - the world has no event to wait for
            await asyncio.sleep(0.01)
