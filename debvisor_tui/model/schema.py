"""What any kind of database holds, as plain values: its schema, how much is in it, and how two of them differ."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Table:
    """`columns`: the definition of each, as "VARCHAR(50) not null default 'x'"; `more`: the definitions of its
    constraints, indexes and triggers, in words or SQL that is the same where they are."""

    columns: Mapping[str, str]
    more: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Schema:
    """`tables` by name; `more`: views and what else stands for itself, by name."""

    tables: Mapping[str, Table] = field(default_factory=dict)
    more: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        tables = {name: {"columns": dict(t.columns), "more": sorted(t.more)} for name, t in self.tables.items()}
        return {"tables": tables, "more": dict(self.more)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        tables = {name: Table(t["columns"], frozenset(t["more"])) for name, t in data["tables"].items()}
        return cls(tables, data["more"])


@dataclass(frozen=True, slots=True)
class Difference:
    """`name`: a "table" or "table.column"; `text`: what is other about it, for people."""

    name: str
    text: str
    gone: bool = False
    new: bool = False

    def __str__(self) -> str:
        return f"{self.name} {self.text}"

    @property
    def table(self) -> str:
        return self.name.partition(".")[0]


def differences(before: Schema, after: Schema) -> tuple[Difference, ...]:
    """What became of `before`, table by table."""
    return tuple(_differences(before, after))


def _differences(before: Schema, after: Schema) -> Iterator[Difference]:
    for name in sorted({*before.tables, *after.tables}):
        old, new = before.tables.get(name), after.tables.get(name)
        if new is None:
            yield Difference(name, "is gone", gone=True)
        elif old is None:
            yield Difference(name, "is new", new=True)
        elif old != new:
            yield from _of_table(name, old, new)
    for name in sorted({*before.more, *after.more}):
        if before.more.get(name) != after.more.get(name):
            gone, new_ = name not in after.more, name not in before.more
            yield Difference(name, "is gone" if gone else "is new" if new_ else "is another", gone, new_)


def _of_table(name: str, old: Table, new: Table) -> Iterator[Difference]:
    for column in (*old.columns, *(c for c in new.columns if c not in old.columns)):
        was, now = old.columns.get(column), new.columns.get(column)
        place = f"{name}.{column}"
        if now is None:
            yield Difference(place, "is gone", gone=True)
        elif was is None:
            yield Difference(place, "is new", new=True)
        elif was != now:
            yield Difference(place, f"was {was} and is {now}")
    for lost in sorted(old.more - new.more):
        yield Difference(name, f"has lost {lost}")
    for won in sorted(new.more - old.more):
        yield Difference(name, f"has got {won}")


@dataclass(frozen=True, slots=True)
class TableContents:
    """How much a table holds. `values`: those that are not NULL, by column. `prints`: what each column holds, as
    numbers that are equal where values are, so that overwritten ones are found; None where there were too many.

    A `print` is {key: number} by the table's primary key, or {number: how often} where it has none (`keyed`).
    """

    rows: int
    values: Mapping[str, int]
    prints: Mapping[str, Mapping[Any, int]] | None = None
    keyed: tuple[str, ...] = ()

    @property
    def cells(self) -> int:
        return self.rows * len(self.values)


#: How much a whole database holds, by table.
Measured = Mapping[str, TableContents]


@dataclass(frozen=True, slots=True)
class Loss:
    """What is not there any more. `name`: a "table" (then `count` rows) or "table.column" (then values).

    `of`: how many there were. `overwritten`: values of rows that stay were replaced by others.
    """

    name: str
    count: int
    of: int
    overwritten: bool = False

    def __str__(self) -> str:
        verb = "overwritten" if self.overwritten else "gone"
        of = f"all {self.of}" if self.count == self.of > 1 else f"{self.count} of {self.of}"
        return f"{self.name}: {of} {'rows' if '.' not in self.name else 'values'} {verb}"


def losses(before: Measured, after: Measured) -> tuple[Loss, ...]:
    """What of `before` is gone or overwritten. What was empty is no loss, nor what stands under another name now."""
    return tuple(_losses(before, after))


def _losses(before: Measured, after: Measured) -> Iterator[Loss]:
    for name, old in sorted(before.items()):
        new = after.get(name)
        if new is None:
            others = [table for other, table in after.items() if other not in before]
            if old.rows and not any(_holds(old, table) for table in others):
                yield Loss(name, old.rows, old.rows)
            continue
        gone = _rows_gone(old, new)
        if gone:
            yield Loss(name, gone, old.rows)
        for column, held in old.values.items():
            place = f"{name}.{column}"
            if not held:
                continue
            if column not in new.values:
                if not _moved(column, old, new):
                    yield Loss(place, held, held)
                continue
            replaced, emptied = _overwritten(column, old, new)
            if replaced:
                yield Loss(place, replaced, held, overwritten=True)
            if emptied:
                yield Loss(place, emptied, held)
            elif not replaced and not gone and (less := held - new.values[column]) > 0:
                yield Loss(place, less, held)


def _rows_gone(old: TableContents, new: TableContents) -> int:
    """Rows that are not there any more, also where as many others were added."""
    if _same_key(old, new) and old.prints is not None and new.prints is not None:
        was, now = old.prints[old.keyed[0]], new.prints[new.keyed[0]]
        return sum(key not in now for key in was)
    return max(old.rows - new.rows, 0)


def _same_key(old: TableContents, new: TableContents) -> bool:
    return bool(old.keyed) and old.keyed == new.keyed


def _holds(old: TableContents, other: TableContents) -> bool:
    """Is all of `old` in `other`, a table of another name?"""
    if old.prints is None or other.prints is None:  # too many to compare: the same columns with as many values
        return old.rows == other.rows and dict(old.values) == dict(other.values)
    if len(old.keyed) != len(other.keyed):
        return False
    return all(other.prints.get(column) == prints for column, prints in old.prints.items())


def _moved(column: str, old: TableContents, new: TableContents) -> bool:
    """Is what `column` held in a new column of its table now?"""
    fresh = [name for name in new.values if name not in old.values]
    if old.prints is None or new.prints is None:
        return any(new.values[name] == old.values[column] for name in fresh) and old.rows == new.rows
    if len(old.keyed) != len(new.keyed):
        return False
    return any(new.prints[name] == old.prints[column] for name in fresh)


def _overwritten(column: str, old: TableContents, new: TableContents) -> tuple[int, int]:
    """How many values of rows that are still there are others now, and how many are NULL."""
    if old.prints is None or new.prints is None:
        return 0, 0
    was, now = old.prints.get(column, {}), new.prints.get(column, {})
    if _same_key(old, new):
        rows = new.prints[new.keyed[0]]  # a key column is never NULL in a row that is there
        there = [key for key in was if key in rows]
        emptied = sum(key not in now for key in there)
        return sum(now.get(key, was[key]) != was[key] for key in there), emptied
    if new.rows < old.rows:  # without a key nobody can tell which rows those are
        return 0, 0
    had, has = _how_often(old, was), _how_often(new, now)
    missing = sum(max(count - has.get(value, 0), 0) for value, count in had.items())
    emptied = max(old.values[column] - new.values[column], 0)
    return max(missing - emptied, 0), min(missing, emptied)


def _how_often(table: TableContents, prints: Mapping[Any, int]) -> Mapping[Any, int]:
    return Counter(prints.values()) if table.keyed else prints
