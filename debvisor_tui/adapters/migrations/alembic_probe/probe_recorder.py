"""What a migration would do, told without running it: its operations as data, its SQL, its way down.

Part of the probe that runs in the release's own interpreter: the standard library and alembic alone.
"""

from __future__ import annotations

import os
import re
import signal
import traceback
from contextlib import contextmanager, nullcontext
from io import StringIO
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional  # noqa: UP035 - the release may run Python 3.8

if TYPE_CHECKING or __package__:
    from debvisor_tui.adapters.migrations.alembic_probe.probe_closed import CannotTell, Closed
else:  # run as a folder: python puts it first on sys.path
    from probe_closed import CannotTell

Json = Dict[str, Any]  # noqa: UP006

LONGEST = 5.0  # seconds


def operation(
    text: str, destructive: bool = False, drops: str = "", unknown: bool = False, adds: str = "", sql: str = ""
) -> Json:
    """`unknown`: whether it destroys anything cannot be told, so it counts as destructive. `adds`: the table or
    column that it makes. `sql`: statements whose meaning is for the asker to find out (../sql.py)."""
    shown = " ".join(text.split())[:400]
    found = {"text": shown, "destructive": destructive or unknown, "drops": drops, "unknown": unknown}
    return {**found, "adds": adds, "sql": sql}


class Recorder:
    """Stands in for alembic's Operations.invoke: keeps what was asked for, and its SQL as far as it can be told."""

    def __init__(self, dialect: str) -> None:
        from alembic.runtime.migration import MigrationContext

        self.operations: List[Json] = []  # noqa: UP006
        self.added: set[str] = set()  # tables and columns that this very revision made: nothing in them to lose
        self.unseen = ""  # the first thing that could not be told; a migration may take the exception and go on
        self.buffer = StringIO()
        self.context = MigrationContext.configure(
            dialect_name=dialect, opts={"as_sql": True, "output_buffer": self.buffer}
        )

    @property
    def sql(self) -> str:
        return self.buffer.getvalue().strip()[:100_000]

    def _no_database(self, *_: Any, **__: Any) -> Any:
        what = "it asks the database itself (get_bind), so its effect cannot be told without running it"
        self.unseen = self.unseen or what
        raise CannotTell(what)

    def run(self, function: Any) -> None:
        """Call a migration's upgrade or downgrade without a database; whatever it raises comes through.

        CannotTell also for what it asked for and went on without: what it then did is not what it will do.
        """
        from alembic.operations import Operations

        with _installed(Operations(self.context)) as op:
            real = op.invoke
            inside: List[Any] = []  # noqa: UP006
            execute = self.context.impl._exec

            def exec_(construct: Any, *args: Any, **kwargs: Any) -> Any:
                if not inside:  # by op.get_context(), past the operations
                    self.operations += self._execute(construct)
                return execute(construct, *args, **kwargs)

            _patch(self.context.impl, _exec=exec_)

            def get_context() -> _Context:
                return _Context(self.context, self._no_database)

            def invoke(asked: Any) -> Any:
                self.operations += self.describe(asked)
                inside.append(asked)
                try:
                    return real(asked)
                except Exception as error:  # only the preview is lost, not what was recorded
                    self.buffer.write(f"-- not shown: {type(asked).__name__}: {first_line(error)}\n\n")
                    return None
                finally:
                    inside.pop()

            @contextmanager
            def batch_alter_table(table_name: str, schema: Optional[str] = None, **_: Any) -> Iterator[Any]:  # noqa: UP045
                from alembic.operations.base import BatchOperations

                class Batch:
                    """What a batch operation asks of its table."""

                    def __init__(self) -> None:
                        self.table_name, self.schema = table_name, schema
                        self.operations = op

                batch = BatchOperations(self.context, impl=Batch())  # type: ignore[arg-type]
                self.buffer.write(f"-- in batch on {table_name}: SQLite may copy the table\n")
                _patch(batch, invoke=invoke, get_bind=self._no_database, get_context=get_context)
                yield batch

            _patch(
                op,
                invoke=invoke,
                batch_alter_table=batch_alter_table,
                get_bind=self._no_database,
                run_async=self._no_database,
                get_context=get_context,
            )
            function()
        if self.unseen:
            raise CannotTell(self.unseen)

    def describe(self, asked: Any) -> List[Json]:  # noqa: UP006
        """`asked` (an alembic operation) in words, and whether it takes something away."""
        name = type(asked).__name__
        table = getattr(asked, "table_name", None) or ""
        if isinstance(table, str) and getattr(asked, "schema", None):
            table = f"{asked.schema}.{table}"
        if name == "CreateTableOp":
            self.added.add(table)
            columns = sum(1 for c in asked.columns if type(c).__name__ == "Column")
            return [operation(f"create table {table} ({columns} columns)", adds=table)]
        if name == "DropTableOp":
            return [operation(f"drop table {table}", table not in self.added, table)]
        if name == "AddColumnOp":
            return [self._add_column(table, asked.column)]
        if name == "DropColumnOp":
            place = f"{table}.{asked.column_name}"
            return [operation(f"drop column {place}", place not in self.added, place)]
        if name == "AlterColumnOp":
            return self._alter_column(table, asked)
        if name == "RenameTableOp":
            new = asked.new_table_name
            return [operation(f"rename table {table} to {new} (the code from before does not find it)", True)]
        if name == "ExecuteSQLOp":
            return self._execute(asked.sqltext)
        if name == "BulkInsertOp":
            return [operation(f"insert {len(asked.rows)} rows into {asked.table.name}")]
        index = getattr(asked, "index_name", None) or getattr(asked, "constraint_name", None) or ""
        if re.fullmatch(r"(Create|Drop)\w*(Index|Constraint|Key|Comment)Op", name):
            words = re.sub(r"(?<!^)(?=[A-Z])", " ", name[:-2]).lower()
            on = table or getattr(asked, "source_table", "")
            text = f"{words} {index or ''}" + (f" on {on}" if on else "")
            rule = "Constraint" in name or "ForeignKey" in name or "PrimaryKey" in name
            if name.startswith("Create") and (rule or getattr(asked, "unique", False)) and on not in self.added:
                return [operation(f"{text} (what the code from before writes may be refused)", True)]
            return [operation(text)]
        return [operation(f"{name}: not known to this program", unknown=True)]

    def _add_column(self, table: str, column: Any) -> Json:
        place = f"{table}.{column.name}"
        self.added.add(place)
        text = f"add column {place} {column.type!r}"
        if column.nullable or column.server_default is not None or column.computed or column.identity:
            return operation(text, adds=place)
        if table in self.added:
            return operation(f"{text} not null", adds=place)
        return operation(f"{text} not null (the code from before cannot insert without it)", True, adds=place)

    def _alter_column(self, table: str, asked: Any) -> List[Json]:  # noqa: UP006
        place = f"{table}.{asked.column_name}"
        found = []
        if asked.modify_name:
            text = f"rename column {place} to {asked.modify_name} (the code from before does not find it)"
            found.append(operation(text, True))
        if asked.modify_type is not None:
            narrows = place not in self.added and _narrows(asked.existing_type, asked.modify_type)
            was = f" from {asked.existing_type!r}" if asked.existing_type is not None else ""
            text = f"change the type of {place}{was} to {asked.modify_type!r}"
            text += " (values may not fit)" if narrows else ""
            found.append(operation(text, narrows, place if narrows else ""))
        if asked.modify_nullable is not None:
            refuses = place not in self.added and table not in self.added
            found.append(
                operation(f"allow NULL in {place}")
                if asked.modify_nullable
                else operation(f"forbid NULL in {place} (the code from before may write one)", refuses)
            )
        return found or [operation(f"alter column {place}")]

    def _execute(self, sql: Any) -> List[Json]:  # noqa: UP006
        if not isinstance(sql, str):
            try:
                sql = str(sql.compile(dialect=self.context.dialect))
            except Exception as error:
                return [operation(f"SQL that cannot be read: {first_line(error)}", unknown=True)]
        return [operation(f"SQL: {sql}", sql=sql[:100_000])] if sql.strip() else []


def _patch(thing: Any, **methods: Any) -> None:
    """Replace on the instance: alembic's proxies would bypass a subclass."""
    for name, method in methods.items():
        setattr(thing, name, method)


@contextmanager
def _installed(op: Any) -> Iterator[Any]:
    # Operations.context does not remove its proxy when the body raises, and a migration may.
    op._install_proxy()
    try:
        yield op
    finally:
        op._remove_proxy()


class _Context:
    """The migration context without its connection, which would swallow queries in silence."""

    def __init__(self, real: Any, no_database: Any) -> None:
        self._real = real
        self._no_database = no_database

    def __getattr__(self, name: str) -> Any:
        return self._no_database() if name in {"bind", "connection"} else getattr(self._real, name)


def _narrows(old: Any, new: Any) -> bool:
    """May values of type `old` not fit into `new`? When in doubt, yes."""
    import sqlalchemy as sa

    old, new = (kind() if isinstance(kind, type) else kind for kind in (old, new))
    if old is None:
        return not (_is_text(new) and new.length is None)
    if repr(old) == repr(new):
        return False
    if isinstance(new, sa.Enum):
        return not isinstance(old, sa.Enum) or not set(old.enums) <= set(new.enums)
    if _is_text(new):
        return new.length is not None and _longest(old) > new.length
    if isinstance(old, sa.Boolean):
        return not isinstance(new, (sa.Boolean, sa.Integer, sa.Numeric))
    if isinstance(old, sa.Integer) and isinstance(new, sa.Integer):
        return _width(new) < _width(old)
    if isinstance(new, sa.Float):
        bits = 53 if new.precision is None or type(new).__name__.startswith(("Double", "DOUBLE")) else new.precision
        if isinstance(old, sa.Integer):
            return 8 * _width(old) > bits
        return not isinstance(old, sa.Float) or (old.precision or 53) > bits
    if isinstance(new, sa.Numeric):
        if new.precision is None:
            return False
        room, scale = new.precision - (new.scale or 0), new.scale or 0
        if isinstance(old, sa.Integer):
            return room < {2: 5, 4: 10, 8: 19}[_width(old)]
        if isinstance(old, sa.Numeric) and not isinstance(old, sa.Float) and old.precision is not None:
            return room < old.precision - (old.scale or 0) or scale < (old.scale or 0)
        return True
    if isinstance(new, sa.LargeBinary) and isinstance(old, sa.LargeBinary):
        return new.length is not None and (old.length is None or new.length < old.length)
    if isinstance(old, sa.Date) and not isinstance(old, sa.DateTime):
        return not isinstance(new, sa.DateTime)
    return True


def _is_text(kind: Any) -> bool:
    import sqlalchemy as sa

    return isinstance(kind, sa.String) and not isinstance(kind, sa.Enum)


def _longest(kind: Any) -> float:
    """Characters that a value of `kind` may need as text."""
    import sqlalchemy as sa

    if isinstance(kind, sa.Enum):
        return max(map(len, kind.enums), default=0)
    if isinstance(kind, sa.Integer):
        return {2: 6, 4: 11, 8: 20}[_width(kind)]
    length = getattr(kind, "length", None)
    return length if _is_text(kind) and length is not None else float("inf")


def _width(integer: Any) -> int:
    import sqlalchemy as sa

    return 8 if isinstance(integer, sa.BigInteger) else 2 if isinstance(integer, sa.SmallInteger) else 4


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """A migration's Python runs for real while its operations are recorded: one that waits must not hold us."""

    def too_long(*_: Any) -> None:
        raise CannotTell(f"it works for more than {seconds:.0f} s outside the database")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def describe(script: Any, dialect: str, closed: Optional[Closed] = None) -> Json:  # noqa: UP045
    """One revision (an alembic Script) as the Migration of model/evidence.py.

    `closed`: what keeps the host from its code. What that code was refused as it was imported counts as unknown, too.
    """
    down = script.down_revision
    answer: Json = {
        "revision": script.revision,
        "message": script.doc or "",
        "down_revision": ", ".join(down) if isinstance(down, (tuple, list)) else down,
        "unknown": "",
        "irreversible": "",
    }
    up = Recorder(dialect)
    try:
        with _at_most(LONGEST), _recording(closed):
            up.run(script.module.upgrade)
    except (Exception, SystemExit, CannotTell) as error:
        answer["unknown"] = first_line(error)
    if closed is not None:  # what it was refused as it was imported
        answer["unknown"] = answer["unknown"] or closed.asked_by(script.module.__file__)
    answer["operations"], answer["sql"] = up.operations, up.sql
    back = Recorder(dialect)
    try:
        with _at_most(LONGEST), _recording(closed):
            back.run(script.module.downgrade)
        if not back.operations and (up.operations or answer["unknown"]):
            answer["irreversible"] = "its downgrade does nothing"
    except (Exception, SystemExit, CannotTell) as error:
        if not hasattr(script.module, "downgrade"):
            answer["irreversible"] = "it has no downgrade"
        elif _is_refusal(error, script.module.__file__):
            said = first_line(error) if str(error) else type(error).__name__
            answer["irreversible"] = f"its downgrade refuses: {said}"
        else:
            # Named so that a plan which lists what the way down loses says that this cannot be told.
            lost = f"whatever {script.revision} drops on its way down"
            back.operations.append(operation(first_line(error), True, lost, unknown=True))
    answer["down"] = back.operations
    return answer


def _recording(closed: Optional[Closed]) -> Any:  # noqa: UP045
    return closed.recording() if closed is not None else nullcontext()


def _is_refusal(error: BaseException, file: str) -> bool:
    """Did the migration itself raise `error` on purpose, rather than stumble over the missing database?"""
    if isinstance(error, NotImplementedError):
        return True
    if isinstance(error, (CannotTell, AttributeError, TypeError)):
        return False
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and os.path.abspath(frames[-1].filename) == os.path.abspath(file)


def first_line(error: BaseException) -> str:
    text = str(getattr(error, "orig", None) or error).strip()
    line = text.splitlines()[0] if text else ""
    return (line if isinstance(error, CannotTell) else f"{type(error).__name__}: {line}".rstrip(": "))[:400]
