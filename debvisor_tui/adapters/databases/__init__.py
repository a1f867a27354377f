"""The production database: its kinds, and which of them a URL means."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, cast

from debvisor_tui.adapters.registry import load
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.errors import UsageError

if TYPE_CHECKING:
    from debvisor_tui.adapters.databases.protocol import Database

#: By the URL's scheme.
DATABASES: dict[str, str] = {"sqlite": "debvisor_tui.adapters.databases.sqlite.database:SQLite"}


def open_database(url: str, cwd: Path) -> "Database":
    """The database at `url`, an SQLAlchemy URL; relative paths are relative to `cwd`. UsageError if not supported."""
    scheme = url.split(":", 1)[0].split("+", 1)[0] if "://" in url else ""
    if not scheme:
        raise UsageError(
            "database.url: expected an SQLAlchemy URL", 'Supported now: "sqlite:////absolute/path/to/panel.db".'
        )
    if scheme not in DATABASES:
        raise UsageError(
            f"database.url: {scheme!r} is not a kind of database that this version can ship",
            f"Supported: {', '.join(sorted(DATABASES))}, such as sqlite:////absolute/path/to/panel.db",
        )
    return cast("Database", load(DATABASES[scheme])(url, cwd))


def open_target(settings: Settings) -> "Database":
    """The target's database; UsageError if its URL cannot be had or is of a kind that is not supported.

    Its URL may be a command's to tell: on an event loop see :func:`opened`.
    """
    return open_database(settings.database.url.resolve("database.url").reveal(), folder_of(settings))


async def opened(settings: Settings) -> "Database":
    return await asyncio.to_thread(open_target, settings)


def folder_of(settings: Settings) -> Path:
    """Where alembic runs, and what relative paths of the URL are relative to."""
    return settings.database.cwd or settings.database.alembic_ini.parent
