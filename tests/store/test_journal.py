"""The journal on a real file: what is written is read back, survives kill -9, and its schema is its own."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, inspect

from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.changes import ChangeKind, ChangeState
from debvisor_tui.model.errors import JournalError
from debvisor_tui.model.events import EventKind
from debvisor_tui.model.gates import Gate, GateKind
from debvisor_tui.model.playbook import Phase, RunKind
from debvisor_tui.model.states import IllegalTransition, RunState, StepState
from debvisor_tui.model.views import PlannedStep
from debvisor_tui.store import engine, search
from debvisor_tui.store.history import History
from debvisor_tui.store.journal import Journal, NewRun
from debvisor_tui.store.tables import metadata

OLD, NEW = Artifact("v1", {"commit": "1" * 40}), Artifact("v2", {"commit": "2" * 40})
STEPS = [
    PlannedStep("backup", "Backup", Phase.PRE_DEPLOY, "why", ("cp a b",)),
    PlannedStep("pull", "Pull", Phase.DEPLOY, "why", ()),
]


def new_run(journal: Journal, of_run: int | None = None) -> int:
    kind = RunKind.RELEASE if of_run is None else RunKind.ROLLBACK
    return journal.create_run(NewRun(kind, "test", OLD, NEW, "anna (here)", STEPS, of_run=of_run))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def test_a_run_is_read_back_as_it_was_written(path: Path) -> None:
    journal = Journal(path)
    run = new_run(journal)
    journal.set_run_state(run, RunState.RUNNING)
    attempt, number = journal.start_attempt(run, "backup")
    journal.add_lines(attempt, [(1.0, "out", "first"), (2.0, "err", "second")])
    journal.add_evidence(run, attempt, "backup", "backup", "48 MB", {"bytes": 48})
    change = journal.intend_change(run, attempt, "backup", ChangeKind.BACKUP, "panel.db", {})
    journal.settle_change(change, ChangeState.DONE, {"tag": "pre"})
    journal.end_attempt(attempt, StepState.SUCCEEDED, 1.5)
    gate = Gate(GateKind.READY, "pull", "Pull is next.")
    journal.set_run_state(run, RunState.WAITING, gate=gate)
    journal.decide(run, "pull", "anna (here)", "run")
    history = History(path)
    view = history.run(run)
    assert view is not None
    assert (view.run.state, view.run.step, view.gate) == (RunState.WAITING, "pull", gate)
    step = view.step("backup")
    assert (step.state, number) == (StepState.SUCCEEDED, 1)
    assert step.attempt is not None
    assert (step.attempt.seconds, step.attempt.lines) == (1.5, 2)
    lines = history.lines(attempt, 1, step.attempt.lines)
    assert [(line.stream, line.text) for line in lines] == [("out", "first"), ("err", "second")]
    assert view.changes[0].after == {"tag": "pre"}
    assert view.found("backup", "backup")[0].value == {"bytes": 48}
    assert view.decisions[0].who == "anna (here)"
    kinds = [event.kind for event in history.events(run)]
    assert kinds[0] == EventKind.RUN_CREATED
    assert kinds.count(EventKind.CHANGE) == 2
    assert view.seq == history.events(run)[-1].seq
    journal.close()
    history.close()


def test_an_illegal_move_changes_nothing(path: Path) -> None:
    journal = Journal(path)
    run = new_run(journal)
    with pytest.raises(IllegalTransition):
        journal.set_run_state(run, RunState.ROLLED_BACK)
    assert journal.take_events()[-1].kind == EventKind.RUN_CREATED
    history = History(path)
    summary = history.summary(run)
    assert summary is not None
    assert summary.state is RunState.PLANNED
    journal.close()
    history.close()


def test_a_retry_is_a_new_attempt_and_keeps_the_old_one(path: Path) -> None:
    journal = Journal(path)
    run = new_run(journal)
    journal.set_run_state(run, RunState.RUNNING)
    for state in (StepState.FAILED, StepState.SUCCEEDED):
        attempt, _ = journal.start_attempt(run, "backup")
        journal.end_attempt(attempt, state, 1.0, "disk full" if state is StepState.FAILED else "")
    history = History(path)
    view = history.run(run)
    assert view is not None
    attempts = view.step("backup").attempts
    assert [(a.number, a.state, a.error) for a in attempts] == [
        (1, StepState.FAILED, "disk full"),
        (2, StepState.SUCCEEDED, ""),
    ]
    journal.close()
    history.close()


def test_what_was_told_of_an_attempt_is_never_told_otherwise(path: Path) -> None:
    journal = Journal(path)
    run = new_run(journal)
    journal.set_run_state(run, RunState.RUNNING)
    first, _ = journal.start_attempt(run, "backup")
    with pytest.raises(IllegalTransition, match="beside the attempt"):
        journal.settle_step(run, "backup", StepState.SUCCEEDED)
    journal.interrupt(run, "its runner was gone")
    with pytest.raises(IllegalTransition, match="interrupted -> succeeded"):
        journal.end_attempt(first, StepState.SUCCEEDED, 1.0)  # the step may still become that, the attempt not
    second, _ = journal.start_attempt(run, "backup")
    with pytest.raises(IllegalTransition):
        journal.end_attempt(first, StepState.FAILED, 1.0)
    change = journal.intend_change(run, second, "backup", ChangeKind.BACKUP, "panel.db", {})
    journal.settle_change(change, ChangeState.UNDONE)
    with pytest.raises(IllegalTransition, match="undone -> done"):
        journal.settle_change(change, ChangeState.DONE, {"tag": "pre"})
    with pytest.raises(IllegalTransition, match="without an attempt"):
        journal.settle_step(run, "pull", StepState.RUNNING)
    with pytest.raises(IllegalTransition, match="has not ended"):
        journal.end_run(run, RunState.WAITING)
    history = History(path)
    view = history.run(run)
    assert view is not None
    assert [a.state for a in view.step("backup").attempts] == [StepState.INTERRUPTED, StepState.RUNNING]
    assert view.changes[0].state is ChangeState.UNDONE
    journal.close()
    history.close()


WRITER = """
import sys
from pathlib import Path
from debvisor_tui.store.journal import Journal
journal = Journal(Path(sys.argv[1]))
n = 0
while True:
    print(journal.add_lines(1, [(0.0, "out", str(n + i)) for i in range(10)]), flush=True)
    n += 10
"""


def test_what_was_committed_survives_kill_9(path: Path) -> None:
    journal = Journal(path)
    run = new_run(journal)
    journal.set_run_state(run, RunState.RUNNING)
    attempt, _ = journal.start_attempt(run, "backup")
    journal.close()
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        confirmed = 0
        while confirmed < 500:
            confirmed = int(writer.stdout.readline())
        os.kill(writer.pid, signal.SIGKILL)
        for line in writer.stdout:
            confirmed = int(line)
    history = History(path)
    view = history.run(run)
    assert view is not None
    [tried] = view.step("backup").attempts
    assert tried.lines >= confirmed
    texts = [line.text for line in history.lines(attempt, 1, tried.lines)]
    assert texts == [str(n) for n in range(len(texts))]
    history.close()


def shape(path: Path) -> dict[str, tuple[set[str], set[str]]]:
    """Each table's columns, with their types, and its indexes."""
    made = create_engine(f"sqlite:///{path}")
    inspector = inspect(made)
    found = {}
    for table in inspector.get_table_names():
        columns = {f"{c['name']} {c['type']} {c['nullable']}" for c in inspector.get_columns(table)}
        indexes = {f"{i['name']} {i['column_names']} {i['unique']}" for i in inspector.get_indexes(table)}
        found[table] = (columns, indexes)
    made.dispose()
    return found


def test_a_journal_that_is_made_is_one_that_was_migrated(tmp_path: Path) -> None:
    made, migrated = tmp_path / "made.db", tmp_path / "migrated.db"
    Journal(made).close()
    engine._migrate(migrated)
    assert shape(made) == shape(migrated)
    assert {table.name for table in metadata.sorted_tables} <= set(shape(made))
    with closing(sqlite3.connect(made)) as one, closing(sqlite3.connect(migrated)) as other:
        version = "SELECT version_num FROM alembic_version"
        assert one.execute(version).fetchall() == other.execute(version).fetchall() == [(engine.HEAD,)]
    scripts = Path(engine.__file__).parent / "migrations" / "versions"
    assert [s.name[:4] for s in sorted(scripts.glob("0*.py"))] == list(engine.REVISIONS)
    assert engine.REVISIONS[-1] == engine.HEAD


def test_a_newer_journal_is_refused_and_not_touched(path: Path) -> None:
    Journal(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0999'")
    connection.close()
    with pytest.raises(JournalError, match="newer debvisor-tui"):
        History(path)


@pytest.mark.parametrize("content", [b"this is no database at all, but it is long enough" * 40])
def test_a_file_that_is_no_journal_is_refused_and_not_touched(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(JournalError, match="cannot be used"):
        Journal(path)
    assert path.read_bytes() == content


def test_search_finds_words_in_indexed_and_fresh_lines_and_takes_no_syntax(path: Path) -> None:
    journal = Journal(path)
    run = new_run(journal)
    journal.set_run_state(run, RunState.RUNNING)
    attempt, _ = journal.start_attempt(run, "backup")
    journal.add_lines(attempt, [(1.0, "out", "dumping table vm"), (2.0, "out", "100% done_now")])
    while journal.index_lines():
        pass
    journal.add_lines(attempt, [(3.0, "out", "dumping table node")])
    history = History(path)
    found = [hit.line.text for hit in history.search("dumping table")]
    assert found == ["dumping table node", "dumping table vm"]
    assert [hit.run for hit in history.search("vm")] == [run]
    assert history.search('"') == []
    assert history.search("NOT OR *") == []
    assert history.find(attempt, "0% done_", 1) == 2
    assert history.find(attempt, "0_ done", 1) is None
    journal.close()
    history.close()


def test_prune_keeps_what_a_rollback_needs(path: Path) -> None:
    journal = Journal(path)

    def ended(*, changes: bool) -> int:
        run = new_run(journal)
        journal.set_run_state(run, RunState.RUNNING)
        attempt, _ = journal.start_attempt(run, "pull")
        journal.add_lines(attempt, [(1.0, "out", f"line of {run}")])
        if changes:
            journal.intend_change(run, attempt, "pull", ChangeKind.CODE, "checkout", {"commit": "1"})
        journal.end_attempt(attempt, StepState.SUCCEEDED, 1.0)
        journal.set_run_state(run, RunState.ABORTED)
        return run

    old, release, *rest = ended(changes=True), ended(changes=True), ended(changes=False), ended(changes=False)
    while journal.index_lines():
        pass
    assert journal.prune(1) == [old]
    history = History(path)
    assert [run.id for run in history.runs()] == [rest[1], rest[0], release]
    assert [hit.run for hit in history.search("line")] == [rest[1], rest[0], release]
    journal.close()
    history.close()


@pytest.mark.parametrize("schema", [revision for revision in engine.REVISIONS if revision != engine.HEAD])
def test_a_journal_of_an_older_schema_is_read_as_it_is_and_migrated_by_a_writer(tmp_path: Path, schema: str) -> None:
    path = tmp_path / "journal.db"
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(engine.__file__).parent / "migrations"))
    config.set_main_option("sqlalchemy.url", f"sqlite:///{path}")
    command.upgrade(config, schema)
    with closing(sqlite3.connect(path)) as old:
        exact = ("from_commit", "to_commit") if schema < "0004" else ("from_identity", "to_identity")
        told = ("a", "b") if schema < "0004" else ('{"commit": "a"}', '{"commit": "b"}')
        old.execute(
            f"INSERT INTO run (id, kind, target, from_version, {exact[0]}, to_version, {exact[1]}, state, operator,"
            " auto, started_at, ended_at, step) VALUES (7, 'release', 't', 'v1', ?, 'v2', ?, 'succeeded', 'anna',"
            " 0, 1000.0, 940.0, '')",
            told,
        )
        if schema != "0001":
            old.execute("UPDATE run SET seconds = 0.0")
        old.commit()
    before = path.read_bytes()
    history = History(path)
    run = history.summary(7)
    assert run is not None
    assert run.seconds == 0.0, "its clock was set back in between: no negative time is shown"
    assert run.note == ""
    assert (run.old, run.new) == (Artifact("v1", {"commit": "a"}), Artifact("v2", {"commit": "b"}))
    history.close()
    assert path.read_bytes() == before, "an older program may be at work on it: who reads changes nothing"
    journal = Journal(path)
    journal.close()
    with closing(sqlite3.connect(path)) as new:
        assert new.execute("SELECT version_num FROM alembic_version").fetchone() == (engine.HEAD,)
        assert new.execute("SELECT id, seconds FROM run").fetchall() == [(7, 0.0)]
        assert new.execute("PRAGMA foreign_key_check").fetchall() == []


WORDS = st.text(st.sampled_from("aAbB1é_-:/ \t"), max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(WORDS, min_size=1, max_size=6), words=WORDS)
@pytest.mark.slow
def test_the_same_words_find_the_same_lines_before_and_after_indexing(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], words: str
) -> None:
    path = tmp_path_factory.mktemp("search") / "journal.db"
    journal = Journal(path)
    run = new_run(journal)
    journal.set_run_state(run, RunState.RUNNING)
    attempt, _ = journal.start_attempt(run, "backup")
    journal.add_lines(attempt, [(1.0, "out", line) for line in lines])
    history = History(path)
    before = [hit.line.text for hit in history.search(words)]
    while journal.index_lines():
        pass
    assert before == [hit.line.text for hit in history.search(words)]
    journal.close()
    history.close()


def test_what_is_not_searched_is_counted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "SCAN_LIMIT", 10)
    journal = Journal(path)
    run = new_run(journal)
    journal.set_run_state(run, RunState.RUNNING)
    attempt, _ = journal.start_attempt(run, "backup")
    journal.add_lines(attempt, [(1.0, "out", f"frag ment{n}") for n in range(25)])
    history = History(path)
    assert history.unsearched() == 15
    assert len(history.search("frag", 100)) == 10
    assert history.search("fra gment", 100) == [], "within a word nothing is found, indexed or not"
    while journal.index_lines():
        pass
    assert history.unsearched() == 0
    assert len(history.search("frag", 100)) == 25
    journal.close()
    history.close()


def test_all_events_of_a_run_are_read_or_the_newest(path: Path) -> None:
    journal = Journal(path)
    run = new_run(journal)
    journal.close()
    with closing(sqlite3.connect(path)) as db, db:
        db.executemany(
            "INSERT INTO event (run_id, at, kind, step, data) VALUES (?, 1.0, 'runner', '', '{}')", [(run,)] * 10_500
        )
    history = History(path)
    every = history.events(run)
    assert len(every) == 10_501
    assert history.events(run, limit=7) == every[:7]
    assert history.events(run, limit=7, newest=True) == every[-7:]
    history.close()


def test_lines_are_numbered_within_their_attempt_however_they_are_written(path: Path) -> None:
    journal = Journal(path)
    run = new_run(journal)
    journal.set_run_state(run, RunState.RUNNING)
    one, _ = journal.start_attempt(run, "backup")
    journal.add_lines(one, [(1.0, "out", "a1")])
    journal.end_attempt(one, StepState.FAILED, 1.0)
    two, _ = journal.start_attempt(run, "backup")
    assert journal.add_lines(two, [(1.0, "out", f"b{n}") for n in range(1, 402)]) == 401
    assert journal.add_lines(one, [(1.0, "note", "a2, said later")]) == 2
    journal.close()
    journal = Journal(path)
    assert journal.add_lines(two, [(1.0, "out", "b402")]) == 402
    journal.close()
    history = History(path)
    assert [(x.number, x.text) for x in history.lines(one, 1, 99)] == [(1, "a1"), (2, "a2, said later")]
    assert [x.text for x in history.lines(two, 400, 402)] == ["b400", "b401", "b402"]
    assert history.find(two, "b40", 3) == 40
    assert history.find(two, "b40", 399, backwards=True) == 40
    assert [(hit.attempt, hit.line.number) for hit in history.search("said later")] == [(one, 2)]
    history.close()
