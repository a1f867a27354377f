"""Does the release that runs now work on the schema that the next one makes? Its own tables are asked of the copy.

Part of the probe that runs in the release's own interpreter: the standard library, sqlalchemy and alembic alone. The
tables are those of the `target_metadata` that its env.py gives to alembic: each one's columns are selected, and a
generated row is inserted and rolled back; once before the copy is upgraded, and once after. Only what went before
and does not go any more is told.
"""

from __future__ import annotations

import datetime
import decimal
import uuid
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Tuple  # noqa: UP035 - it may run Python 3.8

if TYPE_CHECKING or __package__:
    from debvisor_tui.adapters.migrations.alembic_probe.probe_recorder import first_line
    from debvisor_tui.adapters.migrations.alembic_probe.probe_release import Release, quietly
else:  # run as a folder: python puts it first on sys.path
    from probe_recorder import first_line
    from probe_release import Release, quietly

Json = Dict[str, Any]  # noqa: UP006
Tell = Callable[[Json], None]  # and waits for the answer
Found = Dict[Tuple[str, str], str]  # noqa: UP006 - (table, what was done): what went wrong, or ""


def fit(release: Release, tell: Tell) -> Json:
    """{"tables": how many it maps, "written": in how many of them a row could be tried, "breaks": [{"table", "what":
    "read" | "write", "why"}], "keeps": what it keeps to by itself}; no tables if env.py gives no metadata."""
    keeps: List[str] = []  # noqa: UP006
    before = _ask(release, keeps)
    tell({"event": "asked"})  # answered when the copy is upgraded
    after = _ask(release, []) if before else {}
    worse = [key for key, why in before.items() if not why and after.get(key)]
    gone = {table for table, what in worse if what == "read"}
    breaks = [
        {"table": table, "what": what, "why": after[(table, what)]}
        for table, what in worse
        if what == "read" or table not in gone  # what cannot be read is not told again as what cannot be written
    ]
    written = sum(what == "write" and not why for (_, what), why in before.items())
    return {"tables": len(before) // 2, "written": written, "breaks": breaks, "keeps": keeps}


def _ask(release: Release, keeps: List[str]) -> Found:  # noqa: UP006
    """Everything that the mapped tables are asked, and what came of it."""
    found: Found = {}
    tables: List[Any] = []  # noqa: UP006
    engines: List[Any] = []  # noqa: UP006

    def ask_all(engine: Any) -> None:
        for table in tables:
            for what, ask in (("read", _read), ("write", _write)):
                found[(str(table.fullname), what)] = _tried(engine, ask, table)

    def work(rev: Any, context: Any) -> Any:
        given = context.opts.get("target_metadata")
        for metadata in given if isinstance(given, (list, tuple)) else [given]:
            tables.extend(getattr(metadata, "sorted_tables", ()))
        engine = context.connection.engine
        if getattr(engine.dialect, "is_async", False):
            ask_all(engine)  # only in here can it be used as others are
        else:
            engines.append(engine)  # env.py's own transaction may hold what we would ask for
        return []

    closed = release.closed
    assert closed is not None  # noqa: S101 - it is only run with --look
    with closed.trying(), quietly():
        release.run_env(work, dont_mutate=True)
        for engine in engines[:1]:
            ask_all(engine)
            engine.dispose()
    for table in tables:
        keeps.extend(_keeps(table))
    return found


def _tried(engine: Any, ask: Any, table: Any) -> str:
    """On a connection of its own, as the release makes them, whose work is undone."""
    with engine.connect() as connection:
        begun = connection.begin()
        try:
            ask(connection, table)
        except Exception as error:
            return first_line(error)
        finally:
            begun.rollback()
    return ""


def _read(connection: Any, table: Any) -> None:
    connection.execute(table.select().limit(1)).fetchall()


def _keeps(table: Any) -> List[str]:  # noqa: UP006
    """The rules that the release knows of, and so keeps to: a constraint that says the same is no surprise to it."""
    rules = [f"{table.fullname}.{column.name} must be given" for column in table.columns if not column.nullable]
    for rule in [*table.constraints, *table.indexes]:
        columns = ", ".join(column.name for column in getattr(rule, "columns", ()))
        kind = type(rule).__name__
        if kind == "UniqueConstraint" or (kind == "Index" and rule.unique):
            rules.append(f"{table.fullname} unique ({columns})")
        if kind == "ForeignKeyConstraint":
            rules.append(f"{table.fullname} foreign key ({columns})")
    return rules


class NotTried(Exception):
    """No row could be made up for it; as nothing is said of it before, nothing is said after."""


def _write(connection: Any, table: Any) -> None:
    values = {}
    for column in table.columns:
        given = column.default is not None or column.server_default is not None or column.nullable
        numbered = column.primary_key and column.autoincrement in (True, "auto") and _is_a_number(column)
        if (given and not column.foreign_keys) or numbered or getattr(column, "computed", None) is not None:
            continue
        if column.foreign_keys:
            value = _referenced(connection, column)
            if value is None and column.nullable:
                continue
            values[column.key] = value
        else:
            values[column.key] = _made_up(column)
    connection.execute(table.insert().values(**values) if values else table.insert())


def _is_a_number(column: Any) -> bool:
    import sqlalchemy as sa

    return isinstance(column.type, sa.Integer)


def _referenced(connection: Any, column: Any) -> Any:
    target = next(iter(column.foreign_keys)).column
    row = connection.execute(target.table.select().with_only_columns(*_arguments(target)).limit(1)).fetchone()
    if row is None and not column.nullable:
        raise NotTried(f"{target.table.name} is empty")
    return None if row is None else row[0]


def _arguments(column: Any) -> List[Any]:  # noqa: UP006
    """Of with_only_columns(): since 1.4 the columns themselves, before that a list of them."""
    import sqlalchemy as sa

    return [[column]] if sa.__version__.startswith("1.3.") else [column]


def _made_up(column: Any) -> Any:
    import sqlalchemy as sa

    kind = column.type
    if isinstance(kind, sa.Enum):
        return kind.enums[0] if kind.enums else None
    if isinstance(kind, sa.types.TypeDecorator):
        kind = kind.impl if not isinstance(kind.impl, type) else kind.impl()
    made: List[Tuple[Any, Any]] = [  # noqa: UP006
        (sa.Boolean, False),
        (sa.SmallInteger, 31_001),
        (sa.Integer, 2_000_000_011),
        (sa.Float, 0.5),
        (sa.Numeric, decimal.Decimal("0.5")),
        (sa.DateTime, datetime.datetime(2001, 2, 3, 4, 5, 6)),
        (sa.Date, datetime.date(2001, 2, 3)),
        (sa.Time, datetime.time(4, 5, 6)),
        (sa.LargeBinary, b"\0"),
        (sa.JSON, {}),
        (sa.String, f"debvisor-trial-{uuid.uuid4().hex}"),
    ]
    for cls, value in made:
        if isinstance(kind, cls):
            length = getattr(kind, "length", None)
            return value[-length:] if isinstance(value, str) and length else value
    if type(kind).__name__ in ("Uuid", "UUID"):
        return uuid.uuid4()
    raise NotTried(f"no value is known for {column.name} {kind!r}")
