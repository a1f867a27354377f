"""The production database: its kinds, and which of them a URL means."""

from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from debvisor_tui.adapters.registry import load
from debvisor_tui.model.errors import UsageError

if TYPE_CHECKING:
    from debvisor_tui.adapters.databases.protocol import Database

#: By the URL's scheme.
DATABASES: Final = {"sqlite": "debvisor_tui.adapters.databases.sqlite:SQLite"}


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
