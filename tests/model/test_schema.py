"""What is lost, and what is other, between two looks at a database."""

import sqlite3
from contextlib import closing

import pytest

from debvisor_tui.adapters.databases.sqlite import schema as sqlite_schema
from debvisor_tui.adapters.databases.sqlite.schema import measure, read_schema
from debvisor_tui.model.compatibility import cuts, is_narrower, narrowings
from debvisor_tui.model.schema import Schema, differences, losses

BASE = """
CREATE TABLE node (id INTEGER PRIMARY KEY, a TEXT, b INTEGER, c INTEGER);
INSERT INTO node VALUES (1, 'x', 1, 1), (2, 'y', 1, 1), (3, NULL, 1, 1);
CREATE TABLE log (line TEXT);
INSERT INTO log VALUES ('one'), ('one'), ('two');
"""

OTHERS = "INSERT INTO node VALUES (11, 'x', 1, 1), (12, 'y', 1, 1), (13, NULL, 1, 1)"
#: The table with another key column, and other types.
REBUILT = (
    "CREATE TABLE n ({} PRIMARY KEY, a TEXT, b FLOAT, c INTEGER); INSERT INTO n SELECT {} FROM node; "
    "DROP TABLE node; ALTER TABLE n RENAME TO node"
)


def _after(sql: str, base: str = BASE) -> tuple[list[str], list[str], list[str], Schema]:
    """The losses, differences and narrowings that `sql` makes, in words; the schema then."""
    db = sqlite3.connect(":memory:")
    db.executescript(base)
    before, held = read_schema(db), measure(db)
    db.executescript(sql)
    after = read_schema(db)
    lost = [str(loss) for loss in losses(held, measure(db))]
    return lost, [str(d) for d in differences(before, after)], list(narrowings(before, after)), after


@pytest.mark.parametrize(
    ("sql", "lost"),
    [
        ("UPDATE node SET a = upper(a)", ["node.a: all 2 values overwritten"]),
        ("UPDATE node SET a = NULL WHERE id = 1", ["node.a: 1 of 2 values gone"]),
        ("UPDATE node SET a = 'z' WHERE a IS NULL", []),
        ("DELETE FROM node WHERE id = 3", ["node: 1 of 3 rows gone"]),
        (f"DELETE FROM node; {OTHERS}", ["node: all 3 rows gone"]),
        ("UPDATE log SET line = 'three' WHERE line = 'two'", ["log.line: 1 of 3 values overwritten"]),
        ("DELETE FROM log WHERE line = 'two'", ["log: 1 of 3 rows gone"]),
        ("DROP TABLE log", ["log: all 3 rows gone"]),
        ("ALTER TABLE log RENAME TO journal", []),
        ("ALTER TABLE node RENAME COLUMN a TO name", []),
        ("ALTER TABLE node DROP COLUMN c", ["node.c: all 3 values gone"]),  # though b holds the same
        (REBUILT.format("id TEXT", "id, 'w', b, c"), ["node.a: all 2 values overwritten"]),
        (REBUILT.format("i INTEGER", "id, a, b, c"), []),
    ],
)
def test_what_is_gone_or_overwritten_is_counted(sql: str, lost: list[str]) -> None:
    assert _after(sql)[0] == lost


def test_of_too_many_values_rows_and_counts_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_schema, "CELLS", 1)
    assert _after("DELETE FROM node WHERE id = 3")[0] == ["node: 1 of 3 rows gone"]
    assert _after("UPDATE node SET a = NULL WHERE id = 1")[0] == ["node.a: 1 of 2 values gone"]
    assert _after("ALTER TABLE node RENAME TO host")[0] == []
    assert _after("ALTER TABLE node RENAME COLUMN a TO name")[0] == []


@pytest.mark.parametrize(
    ("sql", "rules"),
    [
        ("CREATE UNIQUE INDEX u ON node (A)", ["node has got unique index u (a)"]),
        ("CREATE UNIQUE INDEX u ON node (lower(a))", ["node has got unique index u (expression)"]),
        ("CREATE INDEX i ON node (a)", []),
        ("ALTER TABLE node ADD COLUMN d TEXT CHECK (d > 1)", []),
        ("ALTER TABLE node ADD COLUMN d TEXT NOT NULL DEFAULT ''", []),
    ],
)
def test_what_may_refuse_old_codes_rows_is_named(sql: str, rules: list[str]) -> None:
    assert _after(sql)[2] == rules


def test_virtual_tables_and_what_they_keep_are_left_alone() -> None:
    base = BASE + "CREATE VIRTUAL TABLE f USING fts5(t); INSERT INTO f VALUES ('word');"
    lost, changed, _, schema = _after("INSERT INTO f VALUES ('more words')", base)
    assert (lost, changed) == ([], [])
    assert sorted(schema.tables) == ["log", "node"]


def test_a_schema_survives_the_journal() -> None:
    extra = "CREATE VIEW v AS SELECT a FROM node; CREATE TRIGGER t AFTER INSERT ON log BEGIN SELECT 1; END;"
    schema = _after("CREATE UNIQUE INDEX u ON node (a) WHERE b > 0", BASE + extra)[3]
    assert Schema.from_json(schema.to_json()) == schema
    assert differences(schema, schema) == ()
    assert any("where b > 0" in text.lower() for text in schema.tables["node"].more)


@pytest.mark.parametrize(
    ("was", "now", "narrower"),
    [
        ("VARCHAR(20)", "VARCHAR(30)", False),
        ("VARCHAR(20) not null", "TEXT", False),
        ("TEXT", "VARCHAR(20)", True),
        ("VARCHAR(30) default 'x'", "VARCHAR(20) default 'x'", True),
        ("INTEGER key 1", "BIGINT key 1", False),
        ("BIGINT", "INTEGER", True),
        ("INT", "INTEGER", False),
        ("TIMESTAMP", "DATETIME not null", False),
        ("NUMERIC(10, 2)", "NUMERIC(12, 2)", False),
        ("NUMERIC(10, 4)", "NUMERIC(10, 2)", True),
        ("NUMERIC(10, 2)", "NUMERIC(10, 4)", True),
        ("NUMERIC(10, 2)", "NUMERIC(12)", True),
        ("NUMERIC(10, 2)", "FLOAT", True),
        ("DOUBLE", "REAL", True),
        ("TEXT", "CHAR", True),
        ("LONGTEXT", "TINYTEXT", True),
        ("ENUM('a', 'b')", "ENUM('a')", True),
        ("TEXT default 'a'", "TEXT", True),
        ("TEXT default 'a'", "TEXT default 'b'", True),
        ("INTEGER", "INTEGER generated", True),
        ("INTEGER", "TEXT", True),
        ("JSON", "TEXT", True),
        ("WHATEVER", "WHATEVER default 1", False),
    ],
)
def test_a_type_is_narrower_if_it_does_not_hold_all_that_the_other_did(was: str, now: str, narrower: bool) -> None:
    assert is_narrower(was, now) is narrower


KNOWN = "CREATE TABLE t (id INTEGER PRIMARY KEY, email TEXT, UNIQUE (email))"
WITH = "CREATE TABLE t (id INTEGER PRIMARY KEY, email TEXT, slug TEXT {slug}, UNIQUE (email){more})"


@pytest.mark.parametrize(
    ("before", "after", "cut", "narrowed"),
    [
        (KNOWN, "CREATE TABLE t (id INTEGER PRIMARY KEY, email TEXT)", ["t has lost unique (email)"], []),
        (
            WITH.format(slug="NOT NULL DEFAULT ''", more=""),
            WITH.format(slug="NOT NULL DEFAULT ''", more=", UNIQUE (slug)"),
            [],
            ["t has got unique (slug)"],  # the second row of who does not give it is refused
        ),
        (WITH.format(slug="", more=""), WITH.format(slug="", more=", UNIQUE (slug)"), [], []),
        (WITH.format(slug="", more=""), WITH.format(slug="NOT NULL", more=""), [], ["t.slug must be given"]),
        (WITH.format(slug="", more=""), KNOWN, [], []),
    ],
)
def test_what_code_runs_into_is_judged_by_the_schema_that_it_was_written_for(
    before: str, after: str, cut: list[str], narrowed: list[str]
) -> None:
    known, was, now = (_schema(sql) for sql in (KNOWN, before, after))
    assert list(cuts(was, now, known)) == cut
    assert list(narrowings(was, now, known)) == narrowed


def _schema(sql: str) -> Schema:
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(sql)
        return read_schema(db)
