"""What migrations would do is told without doing it, and what cannot be told counts as destructive."""

import re
import sqlite3
import types
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from migrating import Release, make_release, make_settings, run
from sqlalchemy.engine import make_url

from debvisor_tui.adapters.migrations.alembic import current_revision, history, pending
from debvisor_tui.adapters.migrations.alembic_probe import probe_recorder
from debvisor_tui.adapters.migrations.alembic_probe.probe_recorder import describe
from debvisor_tui.adapters.migrations.alembic_probe.probe_release import place_of
from debvisor_tui.adapters.migrations.reading import read_migration
from debvisor_tui.adapters.migrations.sql import read_sql
from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.evidence import Migration
from debvisor_tui.model.gates import GateKind
from debvisor_tui.tasks.migration_check import MigrationCheckTask


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return make_release(tmp_path)


def _of(up: str, down: str | None = "pass", dialect: str = "sqlite") -> Migration:
    """The migration whose bodies are these statements, as the probe describes it."""
    module: Any = types.ModuleType("m1")
    module.__file__ = "/versions/m1.py"
    code = "import sqlalchemy as sa\nfrom alembic import op\n"
    code += f"def upgrade():\n    {up}\n" + (f"def downgrade():\n    {down}\n" if down is not None else "")
    exec(compile(code, module.__file__, "exec"), module.__dict__)  # noqa: S102 - the text stands above
    script = types.SimpleNamespace(revision="m1", doc="make m1", down_revision="m0", module=module)
    return read_migration(describe(script, dialect), dialect)


BATCH = 'with op.batch_alter_table("node") as b: '


@pytest.mark.parametrize(
    ("statement", "destroys", "drops"),
    [
        ('op.add_column("node", sa.Column("region", sa.Text))', False, ""),
        ('op.add_column("node", sa.Column("x", sa.Text, nullable=False, server_default="a"))', False, ""),
        ('op.add_column("node", sa.Column("x", sa.Text, nullable=False))', True, ""),
        ('op.create_table("t", sa.Column("id", sa.Integer))', False, ""),
        ('op.create_index("ix", "node", ["notes"])', False, ""),
        ('op.drop_index("ix", "node")', False, ""),
        ('op.drop_table("node")', True, "node"),
        ('op.drop_table("node", schema="infra")', True, "infra.node"),
        ('op.drop_column("node", "notes")', True, "node.notes"),
        (BATCH + 'b.drop_column("notes")', True, "node.notes"),
        ('op.rename_table("node", "host")', True, ""),
        (BATCH + 'b.alter_column("notes", new_column_name="remarks")', True, ""),
        (BATCH + 'b.alter_column("notes", type_=sa.Integer())', True, "node.notes"),
        (BATCH + 'b.alter_column("a", existing_type=sa.String(9), type_=sa.String(5))', True, "node.a"),
        (BATCH + 'b.alter_column("a", existing_type=sa.String(5), type_=sa.String(9))', False, ""),
        (BATCH + 'b.alter_column("a", existing_type=sa.Integer(), type_=sa.BigInteger())', False, ""),
        (BATCH + 'b.alter_column("a", existing_type=sa.BigInteger(), type_=sa.Integer())', True, "node.a"),
        (BATCH + 'b.alter_column("a", existing_type=sa.String(5), type_=sa.Text())', False, ""),
        (BATCH + 'b.alter_column("a", nullable=False)', True, ""),
        (BATCH + 'b.alter_column("a", nullable=True)', False, ""),
        (BATCH + 'b.alter_column("a", existing_type=sa.Enum("x"), type_=sa.Enum("x", "y"))', False, ""),
        (BATCH + 'b.alter_column("a", existing_type=sa.Enum("x", "y"), type_=sa.Enum("y"))', True, "node.a"),
        (BATCH + 'b.alter_column("a", existing_type=sa.Enum("x"), type_=sa.String(8))', False, ""),
        (BATCH + 'b.alter_column("a", existing_type=sa.Float(), type_=sa.Float(53))', False, ""),
        (BATCH + 'b.alter_column("a", existing_type=sa.Float(53), type_=sa.Float(24))', True, "node.a"),
        (BATCH + 'b.alter_column("a", existing_type=sa.Integer(), type_=sa.Numeric(5, 2))', True, "node.a"),
        (BATCH + 'b.alter_column("a", existing_type=sa.Integer(), type_=sa.Numeric(12, 2))', False, ""),
        (BATCH + 'b.alter_column("a", existing_type=sa.Numeric(8, 2), type_=sa.Numeric(10, 3))', False, ""),
        (BATCH + 'b.alter_column("a", existing_type=sa.Integer(), type_=sa.String(20))', False, ""),
        (BATCH + 'b.alter_column("a", existing_type=sa.Date(), type_=sa.DateTime())', False, ""),
        (BATCH + 'b.alter_column("a", existing_type=sa.DateTime(), type_=sa.Date())', True, "node.a"),
        ('op.create_index("ix", "node", ["notes"], unique=True)', True, ""),
        ('op.create_unique_constraint("u", "node", ["notes"])', True, ""),
        ('op.create_foreign_key("f", "node", "site", ["a"], ["id"])', True, ""),
        ('op.get_context().execute("DROP TABLE node")', True, "node"),
        ('op.get_context().impl.drop_table(sa.Table("node", sa.MetaData()))', True, "node"),
        ("op.execute(\"UPDATE node SET notes = 'x'\")", True, "node.notes"),
        ("op.execute(\"UPDATE node SET notes = 'x' WHERE notes IS NULL\")", False, ""),
        ('op.execute(sa.text("DELETE FROM node WHERE id > 5"))', True, "node"),
        ('op.execute(sa.delete(sa.table("node")))', True, "node"),
        ('op.execute("/* keep */ drop TABLE if exists node")', True, "node"),
        ('op.execute("ALTER TABLE node DROP COLUMN notes")', True, "node.notes"),
        ('op.execute("TRUNCATE node")', True, "node"),
        ("op.execute(\"INSERT INTO log VALUES ('we DROP TABLE node; later') -- DELETE FROM x\")", False, ""),
        ('op.execute("DROP INDEX ix")', False, ""),
        ('op.execute("DO $$ something $$")', True, ""),
    ],
)
def test_each_operation_is_judged(statement: str, destroys: bool, drops: str) -> None:
    found = _of(statement)
    assert found.unknown == ""
    assert [(op.destructive, op.drops) for op in found.operations] == [(destroys, drops)]
    assert found.destructive is destroys


#: Statement, dialect, and of each operation what it is and takes.
SQL = [
    ("ALTER TABLE t DROP CONSTRAINT c, DROP COLUMN d", "postgresql", [("destroys", "t.d")]),
    ("ALTER TABLE t ALTER COLUMN a DROP DEFAULT, DROP COLUMN b", "postgresql", [("destroys", "t.b")]),
    ("ALTER TABLE t ALTER COLUMN c TYPE integer USING c::integer", "postgresql", [("destroys", "t.c")]),
    ("ALTER TABLE t MODIFY COLUMN c VARCHAR(10)", "mysql", [("destroys", "t.c")]),
    ("ALTER TABLE t CHANGE COLUMN a b INT", "mariadb", [("breaks", ""), ("destroys", "t.a")]),
    ("UPDATE t SET a = NULL WHERE id > 0", "sqlite", [("destroys", "t.a")]),
    ('UPDATE "t" AS x SET a = 1', "sqlite", [("destroys", "t.a")]),
    ("UPDATE t SET a = 1 WHERE a IS NULL AND id > 3", "sqlite", [("", "")]),
    ("UPDATE t SET a = 1 WHERE a IS NULL OR id > 3", "sqlite", [("destroys", "t.a")]),
    ("UPDATE a SET x = b.y FROM b WHERE a.id = b.id", "postgresql", [("destroys", "a.x")]),
    ("MERGE INTO t USING s ON t.i=s.i WHEN MATCHED THEN UPDATE SET a=1", "postgresql", [("destroys", "t")]),
    ("CREATE OR REPLACE TABLE t (id int)", "mysql", [("destroys", "t")]),
    ("ALTER TABLE t CONVERT TO CHARACTER SET latin1", "mysql", [("unknown", "")]),
    ("DROP VIEW v CASCADE", "postgresql", [("unknown", "")]),
    ("SELECT drop_everything()", "postgresql", [("unknown", "")]),
    ("SELECT setval('s', max(id)) FROM t", "postgresql", [("", "")]),
    ("INSERT OR REPLACE INTO a VALUES (1)", "sqlite", [("destroys", "a")]),
    ("INSERT INTO a VALUES (1) ON CONFLICT (id) DO UPDATE SET x = 1", "sqlite", [("destroys", "a")]),
    ("INSERT INTO a VALUES (1) ON CONFLICT DO NOTHING", "sqlite", [("", "")]),
    ("TRUNCATE TABLE a, b", "postgresql", [("destroys", "a"), ("destroys", "b")]),
    ("WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", "postgresql", [("destroys", "t")]),
    ("ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)", "postgresql", [("breaks", "")]),
    ("ALTER TABLE t ALTER COLUMN c SET NOT NULL", "postgresql", [("breaks", "")]),
    ("ALTER TABLE t ADD COLUMN a int NOT NULL", "sqlite", [("breaks", "")]),
    ("ALTER TABLE t ADD COLUMN a int NOT NULL DEFAULT 0", "sqlite", [("", "")]),
    ("ALTER TABLE t RENAME COLUMN a TO b", "sqlite", [("breaks", "")]),
    ("ALTER TYPE e ADD VALUE 'x'", "postgresql", [("", "")]),
    ("ALTER TABLE t SET UNLOGGED", "postgresql", [("unknown", "")]),
    ("COMMENT ON TABLE t IS 'DROP TABLE t'", "postgresql", [("", "")]),
    ("no SQL at all", "sqlite", [("unknown", "")]),
    ("CREATE TABLE n (i int); DROP TABLE o", "sqlite", [("", ""), ("destroys", "o")]),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "dialect", "wanted"), SQL)
def test_raw_sql_is_parsed_and_safe_only_if_known_to_be(
    statement: str, dialect: str, wanted: list[tuple[str, str]]
) -> None:
    assert [(op.effect, op.drops) for op in read_sql(statement, dialect, set())] == wanted


def test_what_a_revision_made_itself_may_be_filled_and_dropped_by_it() -> None:
    fill = 'op.add_column("node", sa.Column("a", sa.Text)); op.execute("UPDATE node SET a = \'x\'")'
    scratch = 'op.create_table("tmp", sa.Column("id", sa.Integer)); op.drop_table("tmp")'
    assert not _of(fill).destructive
    assert not _of(scratch).destructive


@pytest.mark.parametrize(
    "statement",
    [
        "op.get_bind().execute(sa.text('DELETE FROM node'))",
        "sa.inspect(op.get_context().bind)",
        "raise SystemExit(3)",
        "undefined_name",
    ],
)
def test_what_cannot_be_told_counts_as_destructive_both_ways(statement: str) -> None:
    found = _of(statement, "op.get_bind().execute(sa.text('DELETE FROM node'))")
    assert found.unknown
    assert found.destructive
    assert found.irreversible == ""
    # A plan that adds up what going down loses must not come to "nothing".
    assert found.drops_on_the_way_down == ("whatever m1 drops on its way down",)


@pytest.mark.parametrize(
    ("down", "reason"),
    [
        (None, "it has no downgrade"),
        ("pass", "its downgrade does nothing"),
        ("raise NotImplementedError", "its downgrade refuses: NotImplementedError"),
        ('raise RuntimeError("no way back from here")', "its downgrade refuses: RuntimeError: no way back from here"),
        ('op.drop_column("node", "a")', ""),
    ],
)
def test_a_revision_without_a_way_down_says_why(down: str | None, reason: str) -> None:
    assert _of('op.add_column("node", sa.Column("a", sa.Text))', down).irreversible == reason


def test_a_merge_does_nothing_and_needs_no_way_down() -> None:
    found = _of("pass")
    assert (found.irreversible, found.destructive, found.operations) == ("", False, ())


def test_a_migration_that_waits_does_not_hold_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_recorder, "LONGEST", 0.05)
    assert "outside the database" in _of("import time; time.sleep(30)").unknown


def test_the_sql_is_shown_as_far_as_it_can_be() -> None:
    shown = _of(
        'op.create_table("t", sa.Column("id", sa.Integer)); '
        + BATCH.replace("with", "\n    with")
        + 'b.drop_constraint("fk", type_="foreignkey")'
    ).sql
    assert "CREATE TABLE t" in shown
    assert "-- not shown: DropConstraintOp" in shown


# -- through the probe, on a real release -------------------------------------------------------------------------


def _next(release: Release) -> None:
    """v1.1.0: one migration that adds, one that destroys; the checkout stays at v1.0.0."""
    release.migration("b2", "a1", 'op.add_column("node", sa.Column("a", sa.Text))', 'op.drop_column("node", "a")')
    release.migration("c3", "b2", 'op.drop_column("node", "notes")')
    release.tag("v1.1.0")
    release.git("checkout", "-q", "v1.0.0")


@pytest.mark.slow
def test_the_check_reads_the_new_release_while_the_old_one_stays_in_place(release: Release) -> None:
    _next(release)
    before = (release.git("status", "--porcelain", "--ignored"), release.git("worktree", "list"))
    task = MigrationCheckTask()

    said = run(task.run(release.context("migration-check", release.job("v1.1.0"))))

    found = release.value("migrations")
    assert [m["revision"] for m in found["pending"]] == ["b2", "c3"]
    assert (found["current"], found["head"]) == ("a1", "c3")
    assert said == "2 migrations pending, a1 → c3, 1 destructive, 1 without a complete way down; acknowledged by anna"
    [gate] = release.gates
    assert gate.kind is GateKind.ACKNOWLEDGE
    assert "data is lost: node.notes: 1 of 1 values gone (revision c3, make c3)" in gate.danger
    assert "its downgrade does nothing" in gate.danger
    assert (release.git("status", "--porcelain", "--ignored"), release.git("worktree", "list")) == before
    assert release.rows("SELECT version_num FROM alembic_version") == [("a1",)]
    assert task.commands(release.settings, release.job("v1.1.0")) == ("debvisor-cli --config debvisor.toml db check",)


@pytest.mark.slow
def test_a_person_who_does_not_agree_fails_the_step(release: Release) -> None:
    _next(release)
    release.agrees = False
    with pytest.raises(WorkFailed, match="Declined by anna"):
        run(MigrationCheckTask().run(release.context("migration-check", release.job("v1.1.0"))))


def test_nothing_pending_asks_nobody(release: Release) -> None:
    said = run(MigrationCheckTask().run(release.context("migration-check", release.job("v1.0.0"))))
    assert said == "nothing is pending: the database is at a1, and so is the release"
    assert release.gates == []


def test_the_history_marks_where_the_database_stands(release: Release) -> None:
    _next(release)
    release.git("checkout", "-q", "v1.1.0")
    rows = run(history(release.settings))
    assert [(r.revision, r.current, r.head) for r in rows] == [
        ("a1", True, False),
        ("b2", False, False),
        ("c3", False, True),
    ]


def test_a_version_table_of_another_name_is_found_by_asking_alembic(release: Release) -> None:
    env = release.checkout / "migrations" / "env.py"
    env.write_text(env.read_text().replace("render_as_batch=True", 'version_table="panel_version"'))
    release.rows("SELECT 1", "ALTER TABLE alembic_version RENAME TO panel_version")
    assert run(current_revision(release.settings)) == "a1"


def _two_heads(release: Release) -> None:
    release.migration("b2", "a1")
    release.migration("x9", "a1")


def _unknown_revision(release: Release) -> None:
    release.rows("SELECT 1", "UPDATE alembic_version SET version_num = 'f00'")


def _no_database(release: Release) -> None:
    release.database.unlink()


def _damaged(release: Release) -> None:
    release.database.write_text("no database" * 500)


def _no_ini(release: Release) -> None:
    (release.checkout / "alembic.ini").unlink()


def _env_raises(release: Release) -> None:
    (release.checkout / "migrations" / "env.py").write_text("import os\nos.environ['PANEL_SECRET_KEY']\n")


def _env_elsewhere(release: Release) -> None:
    env = release.checkout / "migrations" / "env.py"
    other = release.folder / "other.db"
    env.write_text(env.read_text().replace("create_engine(", f'create_engine("sqlite:///{other}" or '))


def _broken_migration(release: Release) -> None:
    release.migration("b2", "a1", "1 +")


def _cut_chain(release: Release) -> None:
    release.migration("c3", "b2")


def _no_alembic(release: Release) -> None:
    bare = release.folder / "python"
    bare.write_text(f'#!/bin/sh\nexec {release.settings.database.python} -S "$@"\n')
    bare.chmod(0o755)
    release.settings = make_settings(release.folder, database={"python": str(bare)})


def _no_python(release: Release) -> None:
    release.settings = make_settings(release.folder, database={"python": str(release.folder / "gone")})


def _no_answer(release: Release) -> None:
    release.settings = make_settings(release.folder, database={"python": "/bin/true"})


@pytest.mark.parametrize(
    ("spoil", "what", "hint"),
    [
        (_two_heads, "2 heads: b2, x9", "merge revision"),
        (_unknown_revision, "stands at revision f00, which the code in place does not have", "Other code moved it"),
        (_no_database, r"There is no database at .*/panel\.db", "Nothing was made in its place"),
        (_damaged, r"panel\.db is not a whole SQLite database", "Restore a backup"),
        (_no_ini, r"There is no alembic\.ini at", r"database\.alembic_ini"),
        (
            _env_raises,
            r"env\.py failed: KeyError: 'PANEL_SECRET_KEY' \(in env\.py, line 2\)",
            r"database\.environment",
        ),
        (_env_elsewhere, r"env\.py connects to .*other\.db, not to", "DATABASE_URL"),
        (_broken_migration, r"cannot be read: SyntaxError", "whole"),
        (_cut_chain, "cannot be read: KeyError: 'b2'", "whole"),
        (_no_alembic, "There is no alembic in", r"database\.python"),
        (_no_python, "gone was not found", "Check the path"),
        (_no_answer, "gave no answer about the migrations", r"database\.python"),
    ],
)
def test_every_way_in_which_the_probe_can_fail_is_told(release: Release, spoil: Any, what: str, hint: str) -> None:
    spoil(release)
    with pytest.raises(WorkFailed, match=what) as told:
        run(pending(release.settings))
    assert re.search(hint, told.value.hint)
    assert not (release.folder / "other.db").exists()
    assert release.database.exists() or spoil is _no_database


def test_a_locked_database_is_named(release: Release) -> None:
    env = release.checkout / "migrations" / "env.py"
    env.write_text(env.read_text().replace("poolclass=pool.NullPool", 'connect_args={"timeout": 0.05}'))
    with closing(sqlite3.connect(release.database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(WorkFailed, match=r"panel\.db is locked") as told:
            run(pending(release.settings))
    assert "fuser" in told.value.hint


@pytest.mark.slow
def test_an_ini_outside_the_checkout_still_means_the_new_releases_migrations(release: Release) -> None:
    _next(release)
    outside = release.folder / "alembic.ini"
    outside.write_text((release.checkout / "alembic.ini").read_text())
    release.settings = make_settings(release.folder, database={"alembic_ini": str(outside)})
    run(MigrationCheckTask().run(release.context("migration-check", release.job("v1.1.0"))))
    assert release.value("migrations")["head"] == "c3"


def test_a_commit_that_is_not_there_says_how_to_get_it(release: Release) -> None:
    job = release.job("v1.0.0")
    job = replace(job, new=Artifact("v1.0.0", {"commit": "f" * 40}))
    with pytest.raises(WorkFailed, match="Commit ffffffffffff is not in") as told:
        run(MigrationCheckTask().run(release.context("migration-check", job)))
    assert "fetch --tags" in told.value.hint


@pytest.mark.parametrize(
    ("meant", "reached", "same"),
    [
        ("postgresql://u:p@db/panel", "postgresql+psycopg://app@DB:5432/panel", True),
        ("postgresql+psycopg:///panel?host=/run/postgresql", "postgresql://localhost/panel", True),
        ("postgresql://db/panel", "postgresql://db/panel_staging", False),
        ("postgresql://db/panel", "postgresql://replica/panel", False),
        ("postgresql://db/panel", "postgresql://db:5433/panel", False),
        ("postgresql://db/panel", "sqlite:////srv/panel.db", False),
        ("mariadb+pymysql://db/panel", "mysql://db:3306/panel", True),
    ],
)
def test_another_database_is_told_from_the_one_that_is_meant(meant: str, reached: str, same: bool) -> None:
    assert (place_of(make_url(meant)) == place_of(make_url(reached))) is same
