"""What a statement of SQL does to data, and to the release that runs now: parsed, and safe only if known to be.

Allow-list: what is not known to keep every row and value, and to be invisible to code from before, is not called
safe. The rules are those of the linters of this field (squawk, strong_migrations, Atlas, django-migration-linter).
"""

import logging
import re
from collections.abc import Iterator
from typing import Any, Final

import sqlglot
from sqlglot import exp

from debvisor_tui.model.evidence import Operation

#: alembic's names of dialects that sqlglot knows by another.
DIALECTS: Final = {"postgresql": "postgres", "mariadb": "mysql", "mssql": "tsql"}

LONGEST: Final = 400  # characters of a statement that are shown

#: Statements that sqlglot does not parse and that touch neither data nor schema, by their first words.
_HARMLESS: Final = re.compile(
    r"(?i)(VACUUM|ANALYZE|REINDEX|GRANT|REVOKE|SET|RESET|SHOW|LOCK|UNLOCK|NOTIFY|LISTEN|COMMENT|EXPLAIN|CHECKPOINT"
    r"|SAVEPOINT|RELEASE|BEGIN|START|COMMIT|END|ALTER\s+TYPE\s+\S+\s+ADD\s+VALUE|ALTER\s+SEQUENCE"
    r"|ALTER\s+INDEX\s+\S+\s+RENAME|ALTER\s+TABLE\s+\S+\s+VALIDATE\s+CONSTRAINT)\b"
)
#: Functions that sqlglot does not know, and that change no row.
_READERS: Final = frozenset(
    {
        *("setval", "nextval", "set_config", "current_setting", "pg_get_serial_sequence", "to_regclass"),
        *("pg_advisory_lock", "pg_advisory_xact_lock", "pg_advisory_unlock", "last_insert_rowid", "changes", "hex"),
    }
)
_REPLACE: Final = re.compile(r"(?i)(?:INSERT\s+OR\s+)?REPLACE\s+(?:INTO\s+)?[`\"\[]?([\w.]+)")

logging.getLogger("sqlglot").setLevel(logging.ERROR)  # what it cannot parse is unknown here, and no news


def read_sql(sql: str, dialect: str, added: set[str]) -> list[Operation]:
    """An operation for each statement; `added`: the tables and columns that the revision itself has made, which is
    kept up to date. `dialect`: alembic's name of it."""
    name = DIALECTS.get(dialect, dialect)
    try:
        trees = sqlglot.parse(sql, dialect=name if name in sqlglot.Dialects.__members__.values() else None)
    except (sqlglot.errors.SqlglotError, RecursionError):
        return [_unknown(sql)]
    found: list[Operation] = []
    for tree in trees:
        if tree is None or isinstance(tree, (exp.Semicolon, exp.EndStatement)):
            continue
        text = sql if len(trees) == 1 else tree.sql(comments=False)
        found += _Statement(text, added).read(tree)
    return found


#: What may be made without a word.
_MADE: Final = {"VIEW", "MATERIALIZED VIEW", "FUNCTION", "PROCEDURE", "TYPE", "SEQUENCE", "SCHEMA", "EXTENSION"}


def _unknown(text: str) -> Operation:
    return Operation(_shown(text), destructive=True, unknown=True)


def _shown(text: str) -> str:
    return "SQL: " + " ".join(re.sub(r"--[^\n]*|/\*.*?\*/", " ", text, flags=re.DOTALL).split())[:LONGEST]


class _Statement:
    def __init__(self, text: str, added: set[str]) -> None:
        self._text, self._added = _shown(text), added

    def read(self, tree: exp.Expr) -> list[Operation]:
        return list(self._read(tree)) or [Operation(self._text)]

    def _takes(self, name: str, why: str = "") -> Iterator[Operation]:
        if name not in self._added and name.partition(".")[0] not in self._added:
            yield Operation(self._text + (f" ({why})" if why else ""), destructive=True, drops=name)

    def _breaks(self, table: str, why: str) -> Iterator[Operation]:
        if table not in self._added:
            yield Operation(f"{self._text} ({why})", destructive=True)

    def _read(self, tree: exp.Expr) -> Iterator[Operation]:
        for inner in tree.find_all(exp.Delete, exp.Update, exp.Insert, exp.Merge):  # also in WITH … AS (DELETE …)
            if not isinstance(inner.parent, exp.When):
                yield from self._changes_rows(inner)
        match tree:
            case exp.Delete() | exp.Update() | exp.Insert() | exp.Merge():
                pass
            case exp.Select() | exp.SetOperation() | exp.Values():
                for called in tree.find_all(exp.Anonymous, exp.Command):
                    if called.name.lower() not in _READERS:
                        yield Operation(f"{self._text} (what {called.name} does is not known)", True, unknown=True)
                        return
            case exp.TruncateTable():
                for table in tree.expressions:
                    yield from self._takes(_name(table))
            case exp.Drop():
                yield from self._drop(tree)
            case exp.Create():
                yield from self._create(tree)
            case exp.Alter():
                yield from self._alter(tree)
            case exp.Command():
                yield from self._command()
            case (
                exp.Pragma()
                | exp.Set()
                | exp.Transaction()
                | exp.Commit()
                | exp.Rollback()
                | exp.Comment()
                | exp.Use()
            ):
                pass
            case exp.Analyze() | exp.Grant() | exp.Show() | exp.Describe():
                pass
            case _:
                yield Operation(self._text, True, unknown=True)

    def _command(self) -> Iterator[Operation]:
        words = self._text.removeprefix("SQL: ")
        if found := _REPLACE.match(words):
            yield from self._takes(found[1], "overwrites rows")
        elif not _HARMLESS.match(words):
            yield Operation(self._text, True, unknown=True)

    def _changes_rows(self, tree: exp.Expr) -> Iterator[Operation]:
        match tree:
            case exp.Delete():
                for table in tree.args.get("tables") or [tree.this]:
                    yield from self._takes(_name(table))
            case exp.Update():
                yield from self._update(tree)
            case exp.Insert():
                conflict = tree.args.get("conflict")
                if (conflict is not None and conflict.expressions) or tree.args.get("alternative") == "REPLACE":
                    yield from self._takes(_name(tree.this), "overwrites rows")
            case exp.Merge():
                if any(
                    when.find(exp.Update, exp.Delete) or "DELETE" in when.sql() for when in tree.find_all(exp.When)
                ):
                    yield from self._takes(_name(tree.this), "overwrites rows")

    def _update(self, tree: exp.Update) -> Iterator[Operation]:
        table = _name(tree.this)
        where = tree.args.get("where")
        columns = [one.this.name for one in tree.expressions if isinstance(one, exp.EQ)]
        tests = [where.this] if where is not None else []
        if tests and isinstance(tests[0], exp.And):
            tests = list(tests[0].flatten())
        # Where it is NULL nothing is overwritten.
        filled = {t.this.name for t in tests if isinstance(t, exp.Is) and isinstance(t.expression, exp.Null)}
        lost = [c for c in columns if c not in filled and f"{table}.{c}" not in self._added]
        every = "overwrites values" if where is not None else "overwrites every row"
        for column in lost:
            yield from self._takes(f"{table}.{column}", every)
        if not columns:
            yield from self._takes(table, every)

    def _drop(self, tree: exp.Drop) -> Iterator[Operation]:
        kind = str(tree.args.get("kind") or "").upper()
        names = [_name(table) for table in tree.args.get("tables") or ([tree.this] if tree.this else [])]
        cascade = bool(tree.args.get("cascade"))
        if kind in {"TABLE", "SCHEMA", "DATABASE", "FOREIGN TABLE"}:
            for name in names:
                yield from self._takes(name)
            if cascade:
                yield Operation(f"{self._text} (with all that depends on it)", True, unknown=True)
        elif cascade:
            yield Operation(f"{self._text} (with all that depends on it)", True, unknown=True)
        elif kind != "INDEX":
            yield Operation(f"{self._text} (the code from before may use it)", True)

    def _create(self, tree: exp.Create) -> Iterator[Operation]:
        kind = str(tree.args.get("kind") or "").upper()
        made = tree.this
        if kind == "TABLE":
            name = _name(made.this if isinstance(made, exp.Schema) else made)
            if tree.args.get("replace"):
                yield from self._takes(name, "replaces the table")
            self._added.add(name)
        elif kind == "INDEX":
            table = _name(made.args.get("table")) if made.args.get("table") else ""
            if tree.args.get("unique"):
                yield from self._breaks(table, "what the code from before writes may be refused")
        elif kind in {"TRIGGER", "RULE", "POLICY"}:
            yield Operation(f"{self._text} (acts on what the code from before writes)", True)
        elif kind not in {
            "VIEW",
            "MATERIALIZED VIEW",
            "FUNCTION",
            "PROCEDURE",
            "TYPE",
            "SEQUENCE",
            "SCHEMA",
            "EXTENSION",
        }:
            yield Operation(self._text, True, unknown=True)

    def _alter(self, tree: exp.Alter) -> Iterator[Operation]:
        if str(tree.args.get("kind") or "").upper() not in {"TABLE", "COLUMN"}:
            yield Operation(self._text, True, unknown=True)
            return
        table = _name(tree.this)
        for action in tree.args.get("actions") or [None]:
            yield from self._action(table, action)

    def _action(self, table: str, action: Any) -> Iterator[Operation]:
        match action:
            case exp.Drop():
                kind = str(action.args.get("kind") or "").upper()
                if kind in {"CONSTRAINT", "INDEX", "KEY", "PRIMARY KEY", "FOREIGN KEY", "CHECK"}:
                    return
                for column in action.args.get("tables") or [action.this]:
                    yield from self._takes(f"{table}.{column.name}")
            case exp.DropPartition():
                yield from self._takes(table, "with what the partition holds")
            case exp.ColumnDef():
                yield from self._add_column(table, action)
            case exp.AlterColumn():
                yield from self._alter_column(table, action)
            case exp.ModifyColumn():
                definition = action.this
                old = action.args.get("rename_from")
                name = old.name if old is not None else definition.name
                if old is not None and old.name != definition.name:
                    yield from self._breaks(table, f"{table}.{old.name} has another name then")
                yield from self._takes(f"{table}.{name}", "values may not fit")
            case exp.RenameColumn():
                yield from self._breaks(table, "the code from before does not find it")
                self._added.add(f"{table}.{action.args['to'].name}")
            case exp.AlterRename():
                yield from self._breaks(table, "the code from before does not find it")
            case exp.AddConstraint():
                yield from self._breaks(table, "what the code from before writes may be refused")
            case _:
                yield Operation(self._text, True, unknown=True)

    def _add_column(self, table: str, column: exp.ColumnDef) -> Iterator[Operation]:
        kinds = [constraint.kind for constraint in column.constraints]
        given = any(
            isinstance(k, (exp.DefaultColumnConstraint, exp.GeneratedAsIdentityColumnConstraint)) for k in kinds
        )
        given = given or any(isinstance(k, exp.ComputedColumnConstraint) for k in kinds)
        required = any(isinstance(k, exp.NotNullColumnConstraint) and not k.args.get("allow_null") for k in kinds)
        self._added.add(f"{table}.{column.name}")
        if required and not given:
            yield from self._breaks(table, "the code from before cannot insert without it")

    def _alter_column(self, table: str, action: exp.AlterColumn) -> Iterator[Operation]:
        if action.args.get("dtype") is not None:
            yield from self._takes(f"{table}.{action.name}", "values may not fit")
        elif action.args.get("allow_null") is False:
            yield from self._breaks(table, "the code from before may write NULL")


def _name(table: Any) -> str:
    """The name of a table without its alias, with its schema if that is given."""
    if isinstance(table, exp.Schema):
        table = table.this
    if isinstance(table, exp.Table):
        return ".".join(part.name for part in table.parts)
    return str(getattr(table, "name", "") or "")
