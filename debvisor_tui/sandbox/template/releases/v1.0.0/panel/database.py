"""Connections to the panel's database: one a request, so that a restored or migrated file is seen at once."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BUSY_TIMEOUT = 5.0  # seconds


@contextmanager
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that commits on success. A missing file is an error, not a new database."""
    opened = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=BUSY_TIMEOUT)
    try:
        opened.row_factory = sqlite3.Row
        with opened:
            yield opened
    finally:
        opened.close()
