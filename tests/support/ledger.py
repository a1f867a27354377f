"""What was once committed to a journal, or told to a client, must stay: kept here, and held against it later."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

#: Tables whose rows are only ever added, and what of a row may never change.
LASTING = {
    "log_line": "attempt_id, number, at, stream, text",
    "event": "run_id, at, kind, step, data",
    "evidence": "run_id, step, name, text, value",
    "decision": "run_id, step, at, who, answer, reason",
    "sample": "attempt_id, at, requests, errors",
    "run": "kind, from_version, to_version, operator, started_at",
    "attempt": "run_id, step, number, started_at",
    "change": "run_id, step, kind, subject, before, at",
}


class Ledger:
    """`losses`: what was there once and is not any more, in words."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._known: dict[str, dict[int, tuple[object, ...]]] = {}
        self.rows = 0
        self.losses: list[str] = []

    def look(self) -> None:
        """Hold all that was known against the journal as it is now, and know what is new."""
        if not self._journal.exists():
            if self._known:
                self.losses.append("the journal")
            return
        with closing(sqlite3.connect(f"file:{self._journal}?mode=ro", uri=True, timeout=10)) as database:
            for table, columns in LASTING.items():
                try:
                    rows = database.execute(f"SELECT rowid, {columns} FROM {table}").fetchall()
                except sqlite3.OperationalError:  # no such table: the runner was killed before it had made them
                    rows = []
                now = {row[0]: row[1:] for row in rows}
                for key, row in self._known.get(table, {}).items():
                    if now.get(key) != row:
                        self.losses.append(f"{table} {key}: {row} is {now.get(key)} now")
                self._known[table] = now
        self.rows = sum(map(len, self._known.values()))

    def told(self, seq: int, lines: Mapping[int, int]) -> None:
        """A client has heard of event `seq`, and of so many lines of each attempt: all must be in the journal."""
        if seq > max(self._known.get("event", {}), default=0):
            self.losses.append(f"event {seq} was told and is not in the journal")
        there: dict[object, set[object]] = {}
        for attempt, number, *_ in self._known.get("log_line", {}).values():
            there.setdefault(attempt, set()).add(number)
        for attempt, count in lines.items():
            if missing := set(range(1, count + 1)) - there.get(attempt, set()):
                self.losses.append(f"lines {missing} of attempt {attempt} were told and are not in the journal")
