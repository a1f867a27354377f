"""What code that was written for one schema may run into on another: what is gone, and what is asked of it now."""

import re
from collections.abc import Iterator
from typing import Final

from debvisor_tui.model.schema import Difference, Schema, Table, differences


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
    if change.text.startswith(tuple(f"has lost {word}" for word in _REFUSING)):
        return True  # what it did for the code: refuse doubles for ON CONFLICT, delete what hangs on a row
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
            if change.text.startswith(tuple(f"has got {word}" for word in _REFUSING)) and not _is_of_new_columns(
                words, known.tables[table], after.tables[table]
            ):
                yield str(change)
            continue
        was = before.tables[table].columns.get(column, "")
        now = after.tables[table].columns.get(column, "")
        if _must_be_given(now) and not _must_be_given(was):
            yield f"{change.name} must be given"
        elif was and column in known.tables[table].columns and _key(was) != _key(now):
            yield str(change)


def _is_of_new_columns(words: set[str], known: Table, now: Table) -> bool:
    """Whether a rule of these `words` is only about columns that the code does not know, and leaves NULL."""
    if words & ({name.lower() for name in known.columns} | {"trigger", "expression"}):
        return False
    new = {name.lower(): of for name, of in now.columns.items()}
    return all("not null" not in new[word] and "default" not in new[word] for word in words & set(new))


_REFUSING = ("unique ", "foreign key ", "check ", "trigger ")


def _must_be_given(definition: str) -> bool:
    return "not null" in definition and "default" not in definition and "key" not in definition


def _key(definition: str) -> str:
    return definition.partition(" key ")[2]


#: Names of types that hold the same kind of value, in any of the databases, and how much; from one family to another,
#: or to less, nobody knows what becomes of the values.
_FAMILIES: Final = (
    {"CHAR": 0, "NCHAR": 0, "VARCHAR": 1, "CHARACTER VARYING": 1, "NVARCHAR": 1, "STRING": 1}
    | {"TINYTEXT": 1, "TEXT": 2, "CLOB": 2, "MEDIUMTEXT": 3, "LONGTEXT": 4},
    {"TINYINT": 0, "SMALLINT": 1, "MEDIUMINT": 2, "INT": 3, "INTEGER": 3, "BIGINT": 4},
    {"REAL": 0, "FLOAT": 1, "DOUBLE": 2, "DOUBLE PRECISION": 2},
    {"NUMERIC": 0, "DECIMAL": 0},
    {"DATETIME": 0, "TIMESTAMP": 0, "TIMESTAMP WITHOUT TIME ZONE": 0},
    {"BOOL": 0, "BOOLEAN": 0},
    {"BLOB": 0, "BYTEA": 0, "LONGBLOB": 1},
)
_TEXT, _EXACT = _FAMILIES[0], _FAMILIES[3]
_ENDS: Final = re.compile(r" (?:not null|default .*|key \d+|generated)(?: |$)")


def is_narrower(was: str, now: str) -> bool:
    """Whether the column `now` cannot take all that `was` could, or gives it as something else.

    Both are definitions as of :class:`.schema.Table`; what cannot be compared is narrower. Whether it may be NULL is
    not asked here.
    """
    if _default(was) not in {"", _default(now)} or ("generated" in now.split() and "generated" not in was.split()):
        return True
    (old, old_size), (new, new_size) = _type(was), _type(now)
    family = next((names for names in _FAMILIES if old in names), {old: 0})
    if new not in family or family[new] < family[old]:
        return True
    if old_size == new_size or (family is _TEXT and not new_size):
        return False
    sizes = [[int(number) for number in size.split(",") if number.strip().isdigit()] for size in (old_size, new_size)]
    if not sizes[0] or len(sizes[0]) != len(sizes[1]) or ("'" in old_size + new_size):
        return True
    if family is _EXACT and len(sizes[0]) == 2:  # digits before the point, and behind it
        sizes = [[whole - behind, behind] for whole, behind in sizes]
    return any(now < then for then, now in zip(*sizes, strict=True))


def _type(definition: str) -> tuple[str, str]:
    """Its name, and what stands in its brackets."""
    name, _, size = _ENDS.split(f"{definition} ", maxsplit=1)[0].strip().partition("(")
    return name.strip().upper(), size.rpartition(")")[0].strip()


def _default(definition: str) -> str:
    found = re.search(r" default (.*?)(?: key \d+| generated|$)", definition)
    return found[1].strip("()") if found else ""


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
