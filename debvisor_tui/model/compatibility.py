"""What code that was written for one schema may run into on another: what is gone, and what is asked of it now."""

import re
from collections.abc import Iterator
from typing import Final

from debvisor_tui.model.schema import Difference, Schema, differences


def cuts(before: Schema, after: Schema, known: Schema) -> tuple[str, ...]:
    """What of `known`, the schema that the code was written for, is gone since `before`, or holds less."""
    return tuple(str(change) for change in differences(before, after) if _is_known(change, known) and _cuts(change))


def narrowings(before: Schema, after: Schema, known: Schema | None = None) -> tuple[str, ...]:
    """What `after` asks of who writes to a table of `known`, and `before` did not: it may refuse old code's rows."""
    return tuple(_narrowings(before, after, known or before))


def _is_known(change: Difference, known: Schema) -> bool:
    """Whether it is about something of `known`."""
    table, _, column = change.name.partition(".")
    if table in known.more:
        return True
    return table in known.tables and (not column or column in known.tables[table].columns)


def _cuts(change: Difference) -> bool:
    if change.gone or change.text == "is another":  # a view of another making
        return True
    found = re.fullmatch(r"was (.*) and is (.*)", change.text)
    return found is not None and is_narrower(found[1], found[2])


def _narrowings(before: Schema, after: Schema, known: Schema) -> Iterator[str]:
    for change in differences(before, after):
        table, _, column = change.name.partition(".")
        if table not in known.tables or table not in before.tables or table not in after.tables:
            continue
        if not column:
            text = change.text.partition(" to ")[0].lower()  # of a foreign key: its own side
            words = set(re.findall(r"\w+", text))
            old = {name.lower() for name in known.tables[table].columns}
            of_old_columns = bool(words & old) or bool(words & {"trigger", "expression"})
            if change.text.startswith(tuple(f"has got {word}" for word in _REFUSING)) and of_old_columns:
                yield str(change)
            continue
        was = before.tables[table].columns.get(column, "")
        now = after.tables[table].columns.get(column, "")
        if _must_be_given(now) and not _must_be_given(was):
            yield f"{change.name} must be given"
        elif was and column in known.tables[table].columns and _key(was) != _key(now):
            yield str(change)


_REFUSING = ("unique ", "foreign key ", "check ", "trigger ")


def _must_be_given(definition: str) -> bool:
    return "not null" in definition and "default" not in definition and "key" not in definition


def _key(definition: str) -> str:
    return definition.partition(" key ")[2]


#: Names of types that hold the same kind of value, in any of the databases; of whole numbers the smallest first.
_FAMILIES: Final = (
    ("CHAR", "VARCHAR", "CHARACTER VARYING", "NVARCHAR", "NCHAR", "STRING", "TINYTEXT", "TEXT", "CLOB", "LONGTEXT"),
    ("TINYINT", "SMALLINT", "MEDIUMINT", "INT", "INTEGER", "BIGINT"),
    ("REAL", "FLOAT", "DOUBLE", "DOUBLE PRECISION", "NUMERIC", "DECIMAL"),
    ("DATETIME", "TIMESTAMP", "TIMESTAMP WITHOUT TIME ZONE"),
    ("BOOL", "BOOLEAN"),
    ("BLOB", "BYTEA", "LONGBLOB"),
)
_WHOLE: Final = _FAMILIES[1]
_ENDS: Final = re.compile(r" (?:not null|default .*|key \d+|generated)(?: |$)")


def is_narrower(was: str, now: str) -> bool:
    """Whether the column `now` cannot hold all that `was` could, or holds it as something else.

    Both are definitions as of :class:`.schema.Table`; what cannot be compared is narrower.
    """
    (old, old_size), (new, new_size) = _type(was), _type(now)
    if old != new:
        family = next((names for names in _FAMILIES if old in names), ())
        if new not in family:
            return True
        if family is _WHOLE and _WHOLE.index(new) < _WHOLE.index(old):
            return not {old, new} <= {"INT", "INTEGER"}
    if not new_size:
        return False
    return not old_size or any(new < old for old, new in zip(old_size, new_size, strict=False))


def _type(definition: str) -> tuple[str, tuple[int, ...]]:
    """Its name, and the numbers in its brackets."""
    name, _, size = _ENDS.split(f"{definition} ", maxsplit=1)[0].strip().partition("(")
    return name.strip().upper(), tuple(map(int, re.findall(r"\d+", size)))


def harmless(wanted: Schema, found: Schema) -> frozenset[str]:
    """The differences that code which was written for `wanted` does not notice on `found`: what is new there and need
    not be given, a column that holds more than it did or may be NULL."""
    asked = set(narrowings(wanted, found))
    return frozenset(
        str(change)
        for change in differences(wanted, found)
        if not _cuts(change)
        and not change.text.startswith(("has lost ", "has got "))
        and not {str(change), f"{change.name} must be given"} & asked
    )
