"""Removing old runs from the journal: never what a rollback could need, never a run that has not ended."""

from sqlalchemy import Connection, delete, select, text

from debvisor_tui.model.states import ENDED_RUN_STATES
from debvisor_tui.store import tables as t
from debvisor_tui.store.history import next_standing


def prune(connection: Connection, keep: int) -> list[int]:
    """Remove ended runs but the newest `keep` and the newest that still stands; the ids removed, newest first."""
    ids = list(connection.execute(select(t.run.c.id).order_by(t.run.c.id.desc())).scalars())
    needed = next_standing(connection)
    needed_from = needed.id if needed is not None else None
    ended = set(connection.execute(select(t.run.c.id).where(t.run.c.state.in_(ENDED_RUN_STATES))).scalars())
    # A rollback names its release, so a release goes only with, or after, its rollbacks.
    removed = [run for run in ids[keep:] if run in ended and (needed_from is None or run < needed_from)]
    held = set(ids) - set(removed)
    parents = select(t.run.c.of_run).where(t.run.c.id.in_(held), t.run.c.of_run.is_not(None))
    removed = [run for run in removed if run not in set(connection.execute(parents).scalars())]
    for run in removed:
        _remove(connection, run)
    return removed


def _remove(connection: Connection, run: int) -> None:
    attempts = select(t.attempt.c.id).where(t.attempt.c.run_id == run)
    # An index with external content must be told the text that goes (sqlite.org/fts5.html, section 4.4.3).
    connection.execute(
        text(
            "INSERT INTO log_index(log_index, rowid, text) SELECT 'delete', l.id, l.text FROM log_line l "
            "JOIN attempt a ON a.id = l.attempt_id WHERE a.run_id = :run AND l.id <= "
            "coalesce((SELECT value FROM mark WHERE key = 'log_index'), 0)"
        ),
        {"run": run},
    )
    for table in (t.log_line, t.sample, t.child):
        connection.execute(delete(table).where(table.c.attempt_id.in_(attempts)))
    for table in (t.evidence, t.change, t.decision, t.event, t.step, t.attempt):
        connection.execute(delete(table).where(table.c.run_id == run))
    connection.execute(delete(t.run).where(t.run.c.id == run))
