"""Reading the journal: short reads, each in a transaction of its own, safe while a runner writes."""

import contextlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import DBAPIError

from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.changes import Change, ChangeKind, ChangeState
from debvisor_tui.model.evidence import Evidence
from debvisor_tui.model.gates import Gate
from debvisor_tui.model.instants import Instant
from debvisor_tui.model.playbook import Phase, RunKind
from debvisor_tui.model.standing import stands
from debvisor_tui.model.states import ACTIVE_RUN_STATES, RunState, StepState
from debvisor_tui.model.verdict import Sample
from debvisor_tui.model.views import (
    AttemptView,
    Child,
    Decision,
    Event,
    LogLine,
    RunSummary,
    RunView,
    SearchHit,
    StepView,
)
from debvisor_tui.store import search
from debvisor_tui.store import tables as t
from debvisor_tui.store.engine import open_engine
from debvisor_tui.store.errors import unreadable

USUAL_OF = 20  # attempts that the usual duration of a step is the median of


@dataclass(frozen=True, slots=True)
class Standing:
    """A release that still stands, with all of its changes."""

    id: int
    version: str
    changes: tuple[Change, ...]


class History:
    """A reader of the journal at `path`. JournalError if there is none, or it cannot be read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = open_engine(path, read_only=True)

    def close(self) -> None:
        self._engine.dispose()

    @contextlib.contextmanager
    def _read(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            raise unreadable(self.path, error) from error

    # -- runs ---------------------------------------------------------------------------------------------------

    def runs(self, limit: int = 200, before: int | None = None) -> list[RunSummary]:
        """The runs, newest first; `before`: only those with a smaller id (paging)."""
        query = select(t.run).order_by(t.run.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(t.run.c.id < before)
        with self._read() as connection:
            return [_summary(row) for row in connection.execute(query)]

    def summary(self, run: int) -> RunSummary | None:
        with self._read() as connection:
            row = connection.execute(select(t.run).where(t.run.c.id == run)).one_or_none()
        return _summary(row) if row else None

    def active(self) -> RunSummary | None:
        """The newest run that has, or should have, a runner; or that was interrupted and not ended since."""
        states = [*ACTIVE_RUN_STATES, RunState.INTERRUPTED]
        query = select(t.run).where(t.run.c.state.in_(states)).order_by(t.run.c.id.desc()).limit(1)
        with self._read() as connection:
            row = connection.execute(query).one_or_none()
        return _summary(row) if row else None

    def run(self, run: int) -> RunView | None:
        with self._read() as connection:
            row = connection.execute(select(t.run).where(t.run.c.id == run)).one_or_none()
            if row is None:
                return None
            return RunView(
                run=_summary(row),
                steps=_steps(connection, run),
                gate=Gate.from_json(row.gate) if row.gate else None,
                evidence=_evidence(connection, run),
                changes=_changes(connection, run),
                decisions=_decisions(connection, run),
                seq=_last_seq(connection),
            )

    def standing(self, after: int = 0) -> Iterator[Standing]:
        """The releases that still stand (model/standing.py), newest first; only those with an id above `after`.

        The search ends where the caller stops: `next(history.standing(), None)` looks no further than it must.
        """
        before: int | None = None
        while True:
            with self._read() as connection:
                found = next_standing(connection, after, before)
            if found is None:
                return
            before = found.id
            yield found

    def facts(self, run: int) -> dict[str, dict[str, Any]]:
        """What a rollback's plan gave each of its steps, by the step's id."""
        with self._read() as connection:
            rows = connection.execute(select(t.step.c.step, t.step.c.facts).where(t.step.c.run_id == run))
            return {row.step: dict(row.facts) for row in rows}

    def last_seq(self) -> int:
        with self._read() as connection:
            return _last_seq(connection)

    def events(self, run: int, after: int = 0, limit: int | None = None, *, newest: bool = False) -> list[Event]:
        """The events of `run` beyond seq `after`, oldest first; with `limit` the first, or the `newest`, so many."""
        query = select(t.event).where(t.event.c.run_id == run, t.event.c.seq > after)
        order = t.event.c.seq.desc() if newest else t.event.c.seq
        with self._read() as connection:
            rows = connection.execute(query.order_by(order).limit(limit)).all()
        rows = rows[::-1] if newest else rows
        return [Event(r.seq, r.run_id, r.at, r.kind, r.step, r.data) for r in rows]

    def usual(self) -> dict[str, float]:
        """Median seconds of the last successful attempts of each step."""
        query = (
            select(t.attempt.c.step, t.attempt.c.seconds)
            .where(t.attempt.c.state == StepState.SUCCEEDED, t.attempt.c.seconds.is_not(None))
            .order_by(t.attempt.c.id.desc())
            .limit(USUAL_OF * 15)
        )
        seconds: dict[str, list[float]] = defaultdict(list)
        with self._read() as connection:
            for step, value in connection.execute(query):
                if len(seconds[step]) < USUAL_OF:
                    seconds[step].append(value)
        return {step: sorted(values)[len(values) // 2] for step, values in seconds.items()}

    def children(self, run: int) -> list[Child]:
        """Processes that the run's steps started, or were about to, and that were not seen to end."""
        query = (
            select(t.child, t.attempt.c.step)
            .join(t.attempt, t.attempt.c.id == t.child.c.attempt_id)
            .where(t.attempt.c.run_id == run, t.child.c.ended_at.is_(None))
        )
        with self._read() as connection:
            return [
                Child(r.id, r.step, r.nonce or "", r.boot_id or "", r.argv, r.pid, r.start_ticks)
                for r in connection.execute(query)
            ]

    # -- logs and samples ---------------------------------------------------------------------------------------

    def lines(self, attempt: int, first: int, last: int) -> list[LogLine]:
        """The attempt's lines number `first`..`last`, in order. Ask for what is shown, not for a million."""
        query = (
            select(t.log_line)
            .where(t.log_line.c.attempt_id == attempt, t.log_line.c.number.between(first, last))
            .order_by(t.log_line.c.number)
        )
        with self._read() as connection:
            return [LogLine(r.number, r.at, r.stream, r.text) for r in connection.execute(query)]

    def find(self, attempt: int, text: str, start: int, *, backwards: bool = False) -> int | None:
        """The number of the next line that contains `text` (no matter the case), from line `start` on, itself too."""
        number = t.log_line.c.number
        here = number <= start if backwards else number >= start
        escaped = text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
        matches = t.log_line.c.text.like(f"%{escaped}%", escape="\\")
        query = select(number).where(t.log_line.c.attempt_id == attempt, here, matches)
        with self._read() as connection:
            order = number.desc() if backwards else number
            return connection.execute(query.order_by(order).limit(1)).scalar_one_or_none()

    def samples(self, attempt: int) -> list[Sample]:
        query = select(t.sample).where(t.sample.c.attempt_id == attempt).order_by(t.sample.c.id)
        with self._read() as connection:
            rows = connection.execute(query).all()
        return [
            Sample(r.at, r.elapsed, r.seconds, r.requests, r.errors, r.p50, r.p95, r.p99, r.problem) for r in rows
        ]

    def search(self, words: str, limit: int = 50) -> list[SearchHit]:
        """The newest lines of all runs that contain all `words` (the last one may be a beginning)."""
        with self._read() as connection:
            return search.search(connection, words, limit)

    def unsearched(self) -> int:
        """How many log lines a search does not look at yet."""
        with self._read() as connection:
            return search.unsearched(connection)


def next_standing(connection: Connection, after: int = 0, before: int | None = None) -> Standing | None:
    """The newest release that still stands, of those with ids above `after` and below `before`."""
    query = select(t.run.c.id, t.run.c.kind, t.run.c.state, t.run.c.to_version)
    query = query.where(t.run.c.kind == RunKind.RELEASE, t.run.c.state != RunState.ROLLED_BACK, t.run.c.id > after)
    if before is not None:
        query = query.where(t.run.c.id < before)
    for row in connection.execute(query.order_by(t.run.c.id.desc())):
        changes = _changes(connection, row.id)
        if stands(RunKind(row.kind), RunState(row.state), changes):
            return Standing(row.id, row.to_version, changes)
    return None


def _last_seq(connection: Connection) -> int:
    return int(connection.execute(select(func.coalesce(func.max(t.event.c.seq), 0))).scalar_one())


def _line_count(connection: Connection, attempt: int) -> int:
    query = select(func.max(t.log_line.c.number)).where(t.log_line.c.attempt_id == attempt)
    return int(connection.execute(query).scalar_one() or 0)


def _summary(row: Any) -> RunSummary:
    return RunSummary(
        id=row.id,
        kind=RunKind(row.kind),
        of_run=row.of_run,
        target=row.target,
        old=Artifact(row.from_version, row.from_identity),
        new=Artifact(row.to_version, row.to_identity),
        state=RunState(row.state),
        operator=row.operator,
        began=Instant(row.started_at, row.started_uptime, row.boot_id),
        ended_at=row.ended_at,
        seconds=row.seconds,
        step=row.step,
        note=row.note,
    )


def _steps(connection: Connection, run: int) -> tuple[StepView, ...]:
    attempts: dict[str, list[AttemptView]] = defaultdict(list)
    for r in connection.execute(select(t.attempt).where(t.attempt.c.run_id == run).order_by(t.attempt.c.id)).all():
        attempts[r.step].append(
            AttemptView(
                id=r.id,
                number=r.number,
                state=StepState(r.state),
                began=Instant(r.started_at, r.started_uptime, r.boot_id),
                ended_at=r.ended_at,
                seconds=r.seconds,
                error=r.error,
                hint=r.hint,
                lines=_line_count(connection, r.id),
            )
        )
    rows = connection.execute(select(t.step).where(t.step.c.run_id == run).order_by(t.step.c.position)).all()
    return tuple(
        StepView(
            id=r.step,
            title=r.title,
            phase=Phase(r.phase),
            why=r.why,
            commands=tuple(r.commands),
            manual=r.manual,
            state=StepState(r.state),
            attempts=tuple(attempts[r.step]),
            usual=r.usual,
        )
        for r in rows
    )


def _evidence(connection: Connection, run: int) -> tuple[Evidence, ...]:
    rows = connection.execute(select(t.evidence).where(t.evidence.c.run_id == run).order_by(t.evidence.c.id))
    return tuple(Evidence(r.step, r.name, r.text, r.value, r.at, r.attempt_id) for r in rows)


def _changes(connection: Connection, run: int) -> tuple[Change, ...]:
    rows: Sequence[Any]
    rows = connection.execute(select(t.change).where(t.change.c.run_id == run).order_by(t.change.c.id)).all()
    return tuple(
        Change(r.id, r.step, ChangeKind(r.kind), r.subject, ChangeState(r.state), r.before, r.after, r.at)
        for r in rows
    )


def _decisions(connection: Connection, run: int) -> tuple[Decision, ...]:
    rows = connection.execute(select(t.decision).where(t.decision.c.run_id == run).order_by(t.decision.c.id))
    return tuple(Decision(r.at, r.who, r.step, r.answer, r.reason) for r in rows)
