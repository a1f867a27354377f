"""The schema of an SQLite database, and how much it holds, as :mod:`debvisor_tui.model.schema` has them."""

import re
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from debvisor_tui.model.schema import Schema, Table, TableContents

CELLS: Final = 300_000  # of a table (30 MB); in larger ones rows and values are counted, and not compared
_NAMES: Final = "SELECT name, sql FROM sqlite_master WHERE type = ? AND substr(name, 1, 7) <> 'sqlite_' ORDER BY name"


def read_schema(db: sqlite3.Connection) -> Schema:
    """All but alembic's own table."""
    tables = {name: _table(db, name, sql or "") for name, sql in _tables(db)}
    more = {name: _flat(sql) for name, sql in db.execute(_NAMES, ("view",))}
    return Schema(tables, more)


def measure(
    db: sqlite3.Connection, only: Collection[str] | None = None, most: int = CELLS
) -> dict[str, TableContents]:
    """What each table holds; `only` those named. `most`: the cells in all whose values may be kept to compare."""
    found: dict[str, TableContents] = {}
    for name, _ in _tables(db):
        if only is None or name in only:
            found[name] = _contents(db, name, min(most, CELLS))
            most -= found[name].cells if found[name].prints is not None else 0
    return found


def _tables(db: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """Without alembic's own, and without virtual tables and what these keep for themselves: what is in them is made
    of other tables, or by a module that is not here."""
    kinds = {row[1]: row[2] for row in db.execute("PRAGMA table_list")}  # nothing before SQLite 3.37
    for name, sql in db.execute(_NAMES, ("table",)).fetchall():
        if kinds.get(name, "table") in {"virtual", "shadow"} or re.match(r"(?i)\s*create\s+virtual", sql or ""):
            continue
        if [column[1] for column in _columns(db, name)] != ["version_num"]:
            yield name, sql


def _columns(db: sqlite3.Connection, table: str) -> list[tuple[Any, ...]]:
    """(number, name, type, not null, default, place in the primary key, hidden) of each, generated ones too."""
    return [row for row in db.execute(f"PRAGMA table_xinfo({quoted(table)})") if row[6] != 1]


def _table(db: sqlite3.Connection, name: str, sql: str) -> Table:
    columns = {}
    for _, column, kind, not_null, default, key, hidden in _columns(db, name):
        words = [_flat(kind).upper() or "ANY"]
        words += ["not null"] if not_null else []
        words += [f"default {default}"] if default is not None else []
        words += [f"key {key}"] if key else []
        words += ["generated"] if hidden else []
        columns[column] = " ".join(words)
    return Table(columns, frozenset(_more(db, name, sql)))


def _more(db: sqlite3.Connection, table: str, sql: str) -> Iterator[str]:
    for _, index, unique, origin, partial in db.execute(f"PRAGMA index_list({quoted(table)})").fetchall():
        if origin == "c":
            (text,) = db.execute("SELECT sql FROM sqlite_master WHERE name = ?", (index,)).fetchone()
            where = re.search(r"(?is)\bwhere\b.*", text) if partial else None
            only = f" {_flat(where[0])}" if where else ""
            yield f"{'unique ' if unique else ''}index {index} ({_indexed(db, index)}){only}"
        elif origin == "u":
            yield f"unique ({_indexed(db, index)})"
    references: dict[int, list[tuple[Any, ...]]] = {}
    for row in db.execute(f"PRAGMA foreign_key_list({quoted(table)})"):
        references.setdefault(row[0], []).append(row)
    for rows in references.values():
        rows.sort(key=lambda row: row[1])
        to = ", ".join(str(row[4]) for row in rows if row[4] is not None)
        _, _, other, _, _, update, delete, _ = rows[0]
        pairs = (("delete", delete), ("update", update))
        acts = "".join(f" on {on} {act.lower()}" for on, act in pairs if act != "NO ACTION")
        yield f"foreign key ({', '.join(row[3] for row in rows)}) to {other} ({to}){acts}"
    for text in _checks(sql):
        yield f"check {text}"
    if re.search(r"(?i)\bautoincrement\b", sql):
        yield "autoincrement"
    triggers = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?"
    for name, text in db.execute(triggers, (table,)):
        yield f"trigger {name}: {_flat(text)}"


def _indexed(db: sqlite3.Connection, index: str) -> str:
    return ", ".join(str(row[2] or "expression") for row in db.execute(f"PRAGMA index_info({quoted(index)})"))


def _checks(sql: str) -> Iterator[str]:
    """What stands in the brackets of each CHECK of a CREATE TABLE."""
    for found in re.finditer(r"(?i)\bcheck\s*\(", sql):
        depth, end, quote = 1, found.end(), ""
        while depth and end < len(sql):
            char = sql[end]
            if quote:
                quote = "" if char == quote else quote
            elif char in "'\"`":
                quote = char
            else:
                depth += (char == "(") - (char == ")")
            end += 1
        yield _flat(sql[found.end() - 1 : end])


def _contents(db: sqlite3.Connection, table: str, most: int) -> TableContents:
    columns = _columns(db, table)
    names = [column[1] for column in columns]
    counts = ", ".join(["count(*)", *(f"count({quoted(name)})" for name in names)])
    rows, *held = db.execute(f"SELECT {counts} FROM {quoted(table)}").fetchone()  # noqa: S608 - quoted
    values = dict(zip(names, held, strict=True))
    key = tuple(name for _, name in sorted((c[5], c[1]) for c in columns if c[5]))
    if rows * len(names) > most:
        return TableContents(rows, values, None, key)
    return TableContents(rows, values, _prints(db, table, names, key), key)


def _prints(
    db: sqlite3.Connection, table: str, names: list[str], key: tuple[str, ...]
) -> Mapping[str, Mapping[Any, int]]:
    places = [names.index(name) for name in key]
    keyed: list[dict[Any, int]] = [{} for _ in names]
    counted: list[Counter[int]] = [Counter() for _ in names]
    chosen = ", ".join(map(quoted, names))
    for row in db.execute(f"SELECT {chosen} FROM {quoted(table)}"):  # noqa: S608 - quoted
        of = tuple(map(_print, (row[place] for place in places)))
        for number, value in enumerate(row):
            if value is None:
                continue
            if places:
                keyed[number][of] = _print(value)
            else:
                counted[number][_print(value)] += 1
    return dict(zip(names, keyed if places else counted, strict=True))


def _print(value: Any) -> int:
    """The same for what is the same to people: 5, 5.0 and "5" are, whatever type the column has now."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return hash(value if isinstance(value, (bytes, str)) else str(value))


def _flat(text: str) -> str:
    return " ".join(text.split())


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
