"""The release's migrations, tried on a copy of the data: what they lose, break, leave, and do not bring back."""

from pathlib import Path
from typing import Any

import pytest
from migrating import ENV, Release, make_release, make_settings, run

from debvisor_tui.adapters.databases.sqlite import file as sqlite
from debvisor_tui.adapters.migrations import trial as trials
from debvisor_tui.adapters.migrations.alembic import Pending
from debvisor_tui.adapters.migrations.trial import try_on_copy
from debvisor_tui.adapters.sources import open_source
from debvisor_tui.model.changes import ChangeKind, ChangeState
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.migration_answers import Answer, Question, Verdict, answers
from debvisor_tui.model.schema import Schema
from debvisor_tui.model.trial import Trial
from debvisor_tui.system.work import QUIET
from debvisor_tui.tasks.backup import BackupTask
from debvisor_tui.tasks.migration_check import MigrationCheckTask
from debvisor_tui.tasks.upgrade import UpgradeTask
from debvisor_tui.tasks.upgrade_proof import broken_promises

REGION = 'op.add_column("node", sa.Column("region", sa.Text))'
FOREIGN_KEYS = ENV.replace(
    "with engine",
    'from sqlalchemy import event\n@event.listens_for(engine, "connect")\n'
    'def on(dbapi, _):\n    dbapi.execute("PRAGMA foreign_keys=ON")\nwith engine',
)
LESS = 'op.drop_column("node", "region"); op.execute("DELETE FROM node WHERE id = 2")'
METADATA = """
import sqlalchemy as sa
metadata = sa.MetaData()
sa.Table("node", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("notes", sa.Text, nullable=False))
"""


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return make_release(tmp_path)


def _batch(table: str, what: str) -> str:
    return f'b = op.batch_alter_table("{table}")\n    with b as t:\n        t.{what}'


def _tried(release: Release, version: str = "v1.1.0", *, put_back: bool = True) -> Trial:
    """`version` is made of what stands there, and tried with v1.0.0 (or what was tagged last) in place."""
    was = release.git("describe", "--tags", "--abbrev=0")
    release.tag(version)
    if put_back:
        release.git("checkout", "-q", was)

    async def story() -> Trial:
        source = open_source(release.settings)
        async with source.code(release.job(version).new) as new, source.code() as old:
            return await try_on_copy(release.settings, QUIET, new, old)

    before = release.database.read_bytes()
    trial = run(story())
    assert release.database.read_bytes() == before
    assert Trial.from_json(trial.to_json()) == trial
    return trial


def _check(release: Release, version: str = "v1.1.0") -> str:
    return run(MigrationCheckTask().run(release.context("migration-check", release.job(version))))


def _answer(release: Release, question: Question, number: int = 0) -> Answer:
    migration = Pending.from_json(release.value("migrations")).migrations[number]
    trial = Trial.from_json(release.value("trial"))
    return next(a for a in answers(migration, trial) if a.question is question)


def test_each_revision_goes_up_down_and_up_again_and_what_it_took_is_counted(release: Release) -> None:
    release.migration(
        "b2", "a1", 'op.add_column("node", sa.Column("region", sa.Text))', 'op.drop_column("node", "region")'
    )
    release.migration("c3", "b2", "op.execute(\"UPDATE node SET notes = 'x' WHERE id > 0\")")
    release.migration(
        "d4", "c3", 'op.drop_column("node", "notes")', 'op.add_column("node", sa.Column("notes", sa.Text))'
    )
    trial = _tried(release)
    b2, c3, d4 = trial.tried
    assert (trial.rows, trial.unknown, trial.before, trial.after) == (2, "", {"node": 2}, {"node": 2})
    assert (b2.losses, b2.changes, b2.cuts, b2.drops) == ((), ("node.region is new",), (), ("node.region",))
    assert b2.down is not None
    assert b2.down.left == ()
    assert [str(loss) for loss in c3.losses] == ["node.notes: 1 of 1 values overwritten"]
    assert [str(loss) for loss in d4.losses] == ["node.notes: all 2 values gone"]
    assert d4.down is not None
    assert d4.down.left == ("node.notes: all 2 values gone",)
    assert all(tried.again is not None and tried.again.done for tried in trial.tried)


@pytest.mark.slow
def test_a_table_rebuilt_under_foreign_keys_empties_its_children_and_that_is_told_and_asked(release: Release) -> None:
    """Reading says that a column becomes wider; what SQLite does is drop a table, with its ON DELETE CASCADE."""
    (release.checkout / "migrations" / "env.py").write_text(FOREIGN_KEYS)
    release.tag("v1.0.1")
    release.rows(
        "SELECT 1",
        "CREATE TABLE disk (id INTEGER PRIMARY KEY, node INTEGER REFERENCES node (id) ON DELETE CASCADE)",
        "CREATE TABLE nic (id INTEGER PRIMARY KEY, node INTEGER REFERENCES node (id) ON DELETE SET NULL)",
        "INSERT INTO disk (node) VALUES (1), (1), (2)",
        "INSERT INTO nic (node) VALUES (1)",
    )
    wider = _batch("node", 'alter_column("notes", type_=sa.String(200), existing_type=sa.Text())')
    release.migration("b2", "a1", wider, wider)
    trial = _tried(release)
    assert sorted(map(str, trial.tried[0].losses)) == ["disk: all 3 rows gone", "nic.node: 1 of 1 values gone"]
    _check(release)
    assert "data is lost: disk: all 3 rows gone; nic.node: 1 of 1 values gone (revision b2" in release.gates[0].danger


@pytest.mark.slow
def test_a_revision_that_fails_on_the_copy_fails_the_check_and_says_what_it_left(release: Release) -> None:
    half = 'op.add_column("node", sa.Column("region", sa.Text))\n    '
    half += _batch("node", 'alter_column("notes", existing_type=sa.Text(), nullable=False)')
    release.migration("b2", "a1", half)
    release.tag("v1.1.0")
    release.git("checkout", "-q", "v1.0.0")
    with pytest.raises(WorkFailed, match=r"On a copy of the data: Revision b2 .* NOT NULL constraint failed") as told:
        _check(release)
    assert "It leaves behind: _alembic_tmp_node is new; node.region is new." in told.value.what
    assert "Production was not touched" in told.value.hint
    assert release.gates == []


@pytest.mark.slow
def test_a_half_done_revision_is_named_and_the_plan_has_it(release: Release) -> None:
    """The same for real: the check was skipped, or the data became other meanwhile."""
    half = 'op.add_column("node", sa.Column("region", sa.Text))\n    '
    half += _batch("node", 'alter_column("notes", existing_type=sa.Text(), nullable=False)')
    release.migration("b2", "a1", half)
    release.tag("v1.1.0")
    with pytest.raises(WorkFailed) as told:
        run(UpgradeTask().run(release.context("upgrade", release.shown("v1.1.0"))))
    assert "half done, and left this behind: _alembic_tmp_node is new; node.region is new." in told.value.hint
    change = next(c for c in release.made if c.kind is ChangeKind.DATABASE)
    assert change.state is ChangeState.FAILED
    assert change.after == {"revision": "a1", "left": ["_alembic_tmp_node is new", "node.region is new"]}


@pytest.mark.slow
def test_what_asks_the_database_itself_is_seen_and_no_false_alarm(release: Release) -> None:
    """A third of all revisions of real projects do."""
    asks = 'op.get_bind().execute(sa.text("SELECT count(*) FROM node")).scalar() == 2 and '
    release.migration(
        "b2", "a1", asks + 'op.add_column("node", sa.Column("region", sa.Text))', 'op.drop_column("node", "region")'
    )
    release.tag("v1.1.0")
    release.git("checkout", "-q", "v1.0.0")
    assert _check(release) == "1 migration pending, a1 → b2"
    assert release.gates == []
    assert _answer(release, Question.DATA).text == "no row and no value was lost"
    assert _answer(release, Question.OLD_RELEASE).text == "nothing that it knows is gone or narrower"


@pytest.mark.parametrize(
    ("up", "text"),
    [
        (_batch("node", 'alter_column("notes", new_column_name="remark")'), "it cannot read node: "),
        ('op.add_column("node", sa.Column("owner", sa.Text, nullable=False, server_default=""))', ""),
        (_batch("node", 'add_column(sa.Column("owner", sa.Text, sa.CheckConstraint("owner > 1")))'), ""),
        ('op.create_index("ix", "node", ["notes"], unique=True)', "node has got unique index ix (notes): what it"),
        ('op.create_index("ix", "node", ["notes"])', ""),
        ('op.rename_table("node", "host")', "it cannot read node: "),
    ],
)
@pytest.mark.slow
def test_the_release_that_runs_now_is_asked_whether_it_works_on_the_new_schema(
    release: Release, up: str, text: str
) -> None:
    """By the tables that its own env.py gives to alembic."""
    env = release.checkout / "migrations" / "env.py"
    env.write_text(
        METADATA
        + env.read_text().replace("connection=connection,", "connection=connection, target_metadata=metadata,")
    )
    release.rows("SELECT 1", "DELETE FROM node WHERE notes IS NULL")
    release.tag("v1.0.1")
    release.migration("b2", "a1", up)
    release.tag("v1.1.0")
    release.git("checkout", "-q", "v1.0.1")
    _check(release)
    found = _answer(release, Question.OLD_RELEASE)
    assert release.value("trial")["fit"]["tables"] == 1
    if text:
        assert (found.verdict, found.tried) == (Verdict.BAD, True)
        assert found.text.startswith(text)
    else:
        assert found == Answer(
            Question.OLD_RELEASE, Verdict.GOOD, "it reads its 1 table, and writes to 1 of them", True
        )


@pytest.mark.parametrize(
    ("up", "text"),
    [
        ('op.drop_column("node", "notes")', "node.notes goes, and is empty: nothing is lost today"),
        ('op.drop_table("node")', "node goes, and is empty: nothing is lost today"),
        ("op.execute('DELETE FROM node')", "node removed or overwritten, and empty: nothing is lost today"),
        (
            "op.get_bind().execute(sa.text(\"UPDATE node SET notes = 'x'\"))",
            "node.notes removed or overwritten, and em",
        ),
    ],
)
@pytest.mark.slow
def test_what_goes_is_named_and_asked_about_though_it_is_empty_today(release: Release, up: str, text: str) -> None:
    """Until it is shipped somebody may have written to it."""
    release.rows("SELECT 1", "DELETE FROM node")
    release.migration("b2", "a1", up)
    release.tag("v1.1.0")
    release.git("checkout", "-q", "v1.0.0")
    _check(release)
    found = _answer(release, Question.DATA)
    assert (found.verdict, found.text.startswith(text)) == (Verdict.BAD, True), found.text
    assert release.gates[0].question == "These migrations remove what is empty today. Continue?"


@pytest.mark.slow
def test_a_deletion_that_meets_nothing_is_no_loss(release: Release) -> None:
    release.migration("b2", "a1", "op.execute('DELETE FROM node WHERE id > 100')")
    release.tag("v1.1.0")
    release.git("checkout", "-q", "v1.0.0")
    _check(release)
    assert _answer(release, Question.DATA) == Answer(
        Question.DATA, Verdict.GOOD, "no row and no value was lost", True
    )


@pytest.mark.slow
def test_a_rename_keeps_all_values(release: Release) -> None:
    release.migration("b2", "a1", _batch("node", 'alter_column("notes", new_column_name="remark")'))
    release.migration("c3", "b2", 'op.rename_table("node", "host")')
    assert [tried.losses for tried in _tried(release).tried] == [(), ()]


@pytest.mark.slow
def test_what_the_old_release_never_had_breaks_nothing_of_it(release: Release) -> None:
    """A table and a column that one revision brings, and the next ones narrow and take away."""
    rack = 'op.create_table("rack", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Text))'
    region = 'op.add_column("node", sa.Column("region", sa.Text, server_default="x"))'
    unique = 'op.create_index("one", "rack", ["name"], unique=True)'
    must = _batch("node", 'alter_column("region", nullable=False, server_default=None)')
    release.migration("b2", "a1", f"{rack}; {region}", 'op.drop_table("rack"); op.drop_column("node", "region")')
    release.migration("c3", "b2", unique, 'op.drop_index("one")')
    release.migration("d4", "c3", 'op.drop_table("rack")', f"{rack}; {unique}")
    release.migration("e5", "d4", must, _batch("node", 'alter_column("region", nullable=True, server_default="x")'))
    release.tag("v1.1.0")
    release.git("checkout", "-q", "v1.0.0")
    _check(release)
    old = [_answer(release, Question.OLD_RELEASE, number) for number in range(4)]
    assert [answer.verdict for answer in old[:3]] == [Verdict.GOOD] * 3
    assert old[3].text == "node.region must be given: what it writes may be refused"


@pytest.mark.slow
def test_to_fill_what_the_revision_brings_overwrites_nothing(release: Release) -> None:
    """Also where the table is empty today, and no count can show that nothing went."""
    release.rows("SELECT 1", "DELETE FROM node")
    fill = f"{REGION}; op.get_bind().execute(sa.text(\"UPDATE node SET region = 'x' WHERE id > 0\"))"
    release.migration("b2", "a1", fill, 'op.drop_column("node", "region")')
    release.migration("c3", "b2", "op.get_bind().execute(sa.text(\"UPDATE node SET notes = 'x' WHERE id > 0\"))")
    release.tag("v1.1.0")
    release.git("checkout", "-q", "v1.0.0")
    _check(release)
    first, second = (_answer(release, Question.DATA, number) for number in range(2))
    assert first.verdict is Verdict.GOOD
    assert second.text == "node.notes removed or overwritten, and empty: nothing is lost today"


@pytest.mark.slow
def test_a_way_down_below_one_that_fails_was_not_tried_and_that_is_said(release: Release) -> None:
    asks = 'op.get_bind().execute(sa.text("SELECT count(*) FROM node")).scalar() == 2 and '
    release.migration("b2", "a1", "op.execute('SELECT 1')", f"{asks}op.execute('SELECT 1')")
    release.migration("c3", "b2", REGION, "raise RuntimeError('no')")
    release.tag("v1.1.0")
    release.git("checkout", "-q", "v1.0.0")
    _check(release)
    found = _answer(release, Question.WAY_DOWN)
    assert (found.verdict, found.text) == (Verdict.UNKNOWN, "it was not tried: going down stops before it, at c3")


@pytest.mark.slow
def test_a_way_back_is_complete_if_the_old_release_notices_nothing(release: Release) -> None:
    def wide(kind: str, was: str) -> str:
        return _batch("node", f'alter_column("notes", type_=sa.{kind}, existing_type=sa.{was})')

    release.migration("b2", "a1", wide("String(40)", "Text"), wide("String(50)", "String(40)"))
    release.migration("c3", "b2", wide("String(60)", "String(40)"), wide("String(50)", "String(60)"))
    release.tag("v1.1.0")
    release.git("checkout", "-q", "v1.0.0")
    _check(release)
    first, second = (_answer(release, Question.WAY_DOWN, number) for number in range(2))
    assert (first.verdict, second.verdict) == (Verdict.BAD, Verdict.GOOD)
    assert first.text == "it does not bring all back: node.notes was TEXT and is VARCHAR(50)"
    assert second.text.endswith("this stays: node.notes was VARCHAR(40) and is VARCHAR(50)")


@pytest.mark.parametrize(
    ("back", "verdict", "text"),
    [
        ("pass", Verdict.BAD, "its downgrade does nothing; node.region is new"),
        ("raise RuntimeError('no')", Verdict.BAD, "it fails on the copy: Revision b2 (make b2) failed: RuntimeErr"),
        ('op.drop_column("node", "region")', Verdict.GOOD, "it brings all back"),
        (LESS, Verdict.BAD, "it does not bring all back: node: 1 of 2 rows gone"),
    ],
)
@pytest.mark.slow
def test_every_broken_way_down_is_told(release: Release, back: str, verdict: Verdict, text: str) -> None:
    release.migration("b2", "a1", 'op.add_column("node", sa.Column("region", sa.Text))', back)
    release.tag("v1.1.0")
    release.git("checkout", "-q", "v1.0.0")
    _check(release)
    found = _answer(release, Question.WAY_DOWN)
    assert (found.verdict, found.text.startswith(text)) == (verdict, True), found.text


@pytest.mark.slow
def test_what_the_trial_may_not_reach_is_unknown_not_safe(release: Release, tmp_path: Path) -> None:
    release.migration("b2", "a1", f"__import__('subprocess').run(['touch', '{tmp_path}/made'])")
    release.tag("v1.1.0")
    release.git("checkout", "-q", "v1.0.0")
    _check(release)
    found = _answer(release, Question.DATA)
    assert found.verdict is Verdict.UNKNOWN
    assert "it would start" in found.text
    assert not (tmp_path / "made").exists()


@pytest.mark.slow
def test_a_migration_that_goes_its_own_way_to_the_live_database_is_tried_on_the_copy(release: Release) -> None:
    (release.checkout / "panel_db.py").write_text(
        f"import sqlite3\ndef connect():\n    return sqlite3.connect({str(release.database)!r}, isolation_level=None)"
    )
    release.migration("b2", "a1", "__import__('panel_db').connect().execute('DELETE FROM node WHERE id = 1')")
    trial = _tried(release)
    assert [str(loss) for loss in trial.tried[0].losses] == ["node: 1 of 2 rows gone"]
    assert release.rows("SELECT count(*) FROM node") == [(2,)]


@pytest.mark.slow
def test_the_copy_is_of_this_runs_backup(release: Release) -> None:
    release.migration("b2", "a1", "op.execute('DELETE FROM node')")
    release.tag("v1.1.0")
    release.git("checkout", "-q", "v1.0.0")
    job = release.job("v1.1.0")
    run(BackupTask().run(release.context("backup", job)))
    release.rows("SELECT 1", "INSERT INTO node (notes) VALUES ('since the backup')")
    run(MigrationCheckTask().run(release.context("migration-check", job)))
    trial = release.value("trial")
    assert (trial["of"], trial["rows"]) == ("the backup pre-deploy-v1.1.0", 2)
    assert sorted(path.name for path in release.backups.iterdir() if path.name != ".lock") == [
        "pre-deploy-v1.1.0.sqlite3",
        "pre-deploy-v1.1.0.sqlite3.json",
    ]


@pytest.mark.slow
def test_a_copy_lies_where_backups_do_not_where_files_may_be_in_memory(release: Release) -> None:
    release.backups.mkdir()
    release.migration("b2", "a1", "import os, sys; print('AT', os.environ['DATABASE_URL'], file=sys.stderr)")
    release.tag("v1.1.0")
    release.git("checkout", "-q", "v1.0.0")
    _check(release)
    (at, *_) = {line for line in release.lines if line.startswith(f"AT sqlite:///{release.backups}/")}
    assert not Path(at.removeprefix("AT sqlite:///")).exists()
    assert list(release.backups.iterdir()) == []


@pytest.mark.slow
def test_values_that_are_too_many_to_keep_are_said_and_not_called_safe(
    release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials, "CELLS", 6)  # the table's four, and not four more after the first step
    release.migration("b2", "a1", "op.execute(\"UPDATE node SET notes = 'x'\")")
    release.migration("c3", "b2", "op.execute(\"UPDATE node SET notes = 'y'\")")
    release.tag("v1.1.0")
    release.git("checkout", "-q", "v1.0.0")
    _check(release)
    assert list(release.value("trial")["uncompared"]) == ["node"]
    for number in (0, 1):
        found = _answer(release, Question.DATA, number)
        assert (found.verdict, found.text) == (
            Verdict.BAD,
            "node.notes removed or overwritten; too many to count what of it",
        )


@pytest.mark.slow
def test_without_room_the_tables_alone_are_copied_and_that_is_said(
    release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        free = 0

    monkeypatch.setattr("shutil.disk_usage", lambda _: Full)
    monkeypatch.setattr(sqlite, "SNAPSHOT", 0)  # nor is it so small that it may lie among the temporary files
    release.migration("b2", "a1", "op.execute('DELETE FROM node')", "pass")
    trial = _tried(release)
    assert (trial.of, trial.rows) == ("its tables without their rows (no room for a copy)", None)
    release.git("checkout", "-q", "v1.0.0")
    _check(release)
    assert _answer(release, Question.DATA).verdict is Verdict.BAD  # by reading
    assert "without their rows" in "\n".join(release.lines)


@pytest.mark.parametrize(("wanted", "tried"), [("tables", "its tables without their rows"), ("none", None)])
@pytest.mark.slow
def test_how_much_is_tried_is_the_configs_to_say(release: Release, wanted: str, tried: str | None) -> None:
    release.migration("b2", "a1", 'op.drop_column("node", "notes")')
    release.tag("v1.1.0")
    release.git("checkout", "-q", "v1.0.0")
    release.settings = make_settings(release.folder, database={"trial": wanted})
    _check(release)
    trials = [e.value for e in release.found if e.name == "trial"]
    assert [trial["of"] for trial in trials] == ([tried] if tried else [])
    assert "node.notes" in release.gates[0].danger


@pytest.mark.slow
def test_an_upgrade_that_does_another_thing_than_the_trial_is_a_failed_step(release: Release) -> None:
    """The data became other since the backup."""
    release.migration("b2", "a1", "op.execute(\"DELETE FROM node WHERE notes = 'later'\")")
    release.tag("v1.1.0")
    job = release.job("v1.1.0")
    release.git("checkout", "-q", "v1.0.0")
    run(MigrationCheckTask().run(release.context("migration-check", job)))
    release.rows("SELECT 1", "UPDATE node SET notes = 'later'")
    release.git("checkout", "-q", "v1.1.0")
    with pytest.raises(WorkFailed, match="node has 0 rows, and had 2: 2 more are gone than was shown"):
        run(UpgradeTask().run(release.context("upgrade", job)))
    change = next(c for c in release.made if c.kind is ChangeKind.DATABASE)
    assert (change.state, change.after) == (ChangeState.DONE, {"revision": "b2"})


@pytest.mark.slow
def test_a_service_at_work_meanwhile_is_no_broken_promise(release: Release) -> None:
    """A table that goes has grown since the copy; a small queue that no migration touches was emptied."""
    release.migration("b2", "a1", 'op.drop_table("node")')
    release.tag("v1.1.0")
    job = release.job("v1.1.0")
    release.git("checkout", "-q", "v1.0.0")
    run(MigrationCheckTask().run(release.context("migration-check", job)))
    release.rows("SELECT 1", "INSERT INTO node (notes) VALUES ('new')")
    release.git("checkout", "-q", "v1.1.0")
    run(UpgradeTask().run(release.context("upgrade", job)))
    assert broken_promises((), None, Schema(), {"queue": 3, "node": 200}, {"queue": 0, "node": 198}) == ()
    (broken,) = broken_promises((), None, Schema(), {"node": 200}, {"node": 0})
    assert broken == "node has 0 rows, and had 200: 200 more are gone than was shown"


@pytest.mark.slow
def test_a_column_that_the_revision_fills_by_the_clock_is_no_broken_way_down(release: Release) -> None:
    fill = 'op.add_column("node", sa.Column("at", sa.Text)); op.execute("UPDATE node SET at = hex(randomblob(8))")'
    release.migration("b2", "a1", fill, 'op.drop_column("node", "at")')
    (tried,) = _tried(release).tried
    assert tried.again is not None
    assert tried.again.left == ()


@pytest.mark.slow
def test_an_interpreter_that_is_not_there_is_told_as_it_is(release: Release) -> None:
    """Not as a group of errors, which would count as a bug of ours."""
    release.migration("b2", "a1")
    release.tag("v1.1.0")

    async def story() -> None:
        async with open_source(release.settings).code() as code:
            await try_on_copy(release.settings, QUIET, code)

    good = release.settings
    release.settings = make_settings(release.folder, database={"python": str(release.folder / "no-python")})
    with pytest.raises(WorkFailed, match="no-python"):
        run(story())
    release.settings = good


@pytest.mark.slow
def test_what_the_trial_saw_is_what_the_way_back_knows(release: Release) -> None:
    release.migration(
        "b2",
        "a1",
        'op.get_bind(); op.drop_column("node", "notes")',
        'op.get_bind(); op.add_column("node", sa.Column("notes", sa.Text))',
    )
    release.migration(
        "c3",
        "b2",
        'op.get_bind(); op.create_table("site", sa.Column("id", sa.Integer))',
        'op.get_bind(); op.drop_table("site")',
    )
    release.tag("v1.1.0")
    release.git("checkout", "-q", "v1.0.0")
    job = release.job("v1.1.0")
    run(MigrationCheckTask().run(release.context("migration-check", job)))
    release.git("checkout", "-q", "v1.1.0")
    run(UpgradeTask().run(release.context("upgrade", job)))
    change = next(c for c in release.made if c.kind is ChangeKind.DATABASE)
    kept: list[Any] = [(m["revision"], m["destructive"], m["takes"], m["drops"]) for m in change.before["pending"]]
    assert kept == [("b2", True, {"node.notes": 1}, []), ("c3", False, {}, ["site"])]
