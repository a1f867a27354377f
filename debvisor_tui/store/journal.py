"""Writing the journal: the runner alone does, from one thread; each call is one commit, on the disk on return."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from sqlalchemy import ColumnElement, func, insert, select, update

from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.changes import ChangeKind, ChangeState, Facts
from debvisor_tui.model.events import EventKind
from debvisor_tui.model.gates import Gate
from debvisor_tui.model.instants import Instant, elapsed
from debvisor_tui.model.playbook import RunKind
from debvisor_tui.model.rollback import undone_by
from debvisor_tui.model.states import (
    ACTIVE_RUN_STATES,
    DONE_STEP_STATES,
    ENDED_RUN_STATES,
    IllegalTransition,
    RunState,
    StepState,
    advance,
)
from debvisor_tui.model.verdict import Sample
from debvisor_tui.model.views import PlannedStep
from debvisor_tui.store import tables as t
from debvisor_tui.store.journal_file import JournalFile, Transaction
from debvisor_tui.store.prune import prune
from debvisor_tui.store.search import index_chunk

#: (unix seconds, stream, text)
Line = tuple[float, str, str]

#: Lines of one INSERT. One statement a line would hand the interpreter's lock to and fro at each of them, and be half
#: as fast; 5 values each must stay below 999, what SQLite took before 3.32.
BLOCK: Final = 180


@cache
def _insert_of(lines: int) -> str:
    columns = "attempt_id, number, at, stream, text"
    return f"INSERT INTO log_line ({columns}) VALUES " + ",".join(["(?, ?, ?, ?, ?)"] * lines)  # noqa: S608 - no words of others


@dataclass(frozen=True, slots=True)
class NewRun:
    """`facts`: for the task of a step (a rollback's actions), by the step's id. `note`: what its end must say."""

    kind: RunKind
    target: str
    old: Artifact
    new: Artifact
    operator: str
    steps: Sequence[PlannedStep]
    of_run: int | None = None
    auto: bool = False
    how: str = ""
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    note: str = ""


class Journal(JournalFile):
    """One writer on one journal file. Every method raises JournalError if the commit cannot be made.

    What the tables of :mod:`.states` do not allow raises IllegalTransition, and nothing of that call is committed.
    """

    # -- runs ---------------------------------------------------------------------------------------------------

    def create_run(self, new: NewRun) -> int:
        with self._begin() as tx:
            run = tx.add(
                t.run,
                kind=new.kind,
                of_run=new.of_run,
                target=new.target,
                from_version=new.old.version,
                from_identity=dict(new.old.identity),
                to_version=new.new.version,
                to_identity=dict(new.new.identity),
                state=RunState.PLANNED,
                operator=new.operator,
                auto=new.auto,
                **tx.beginning,
                step="",
                note=new.note,
            )
            rows = [
                {
                    "run_id": run,
                    "position": position,
                    "step": step.id,
                    "title": step.title,
                    "phase": step.phase,
                    "why": step.why,
                    "commands": list(step.commands),
                    "manual": step.manual,
                    "usual": step.usual,
                    "state": StepState.PENDING,
                    "facts": dict(new.facts.get(step.id, {})),
                }
                for position, step in enumerate(new.steps)
            ]
            if rows:
                tx.execute(insert(t.step), rows)
            data = {
                "kind": new.kind,
                "from": new.old.version,
                "to": new.new.version,
                "of_run": new.of_run,
                "by": new.operator,
                "how": new.how,
            }
            tx.event(run, EventKind.RUN_CREATED, "", data)
            if new.of_run is not None:
                self._move_run(tx, new.of_run, RunState.ROLLING_BACK, f"run {run}")
        return run

    def set_run_state(self, run: int, new: RunState, reason: str = "", gate: Gate | None = None) -> None:
        """Move a run; `gate` is what it waits at and is cleared by every other state."""
        if gate is not None and new is not RunState.WAITING:
            raise IllegalTransition(f"a run that is {new} waits at no gate")
        with self._begin() as tx:
            self._move_run(tx, run, new, reason, gate)

    def end_run(self, run: int, new: RunState, reason: str = "") -> None:
        """Move a run to a state in which it has ended; with a rollback, the release that it was to undo as well."""
        if new not in ENDED_RUN_STATES:
            raise IllegalTransition(f"a run that is {new} has not ended")
        with self._begin() as tx:
            note = str(tx.one(select(t.run.c.note).where(t.run.c.id == run)))
            if new is RunState.SUCCEEDED and note:
                reason = reason or note
            self._move_run(tx, run, new, reason)
            release = tx.one(select(t.run.c.of_run).where(t.run.c.id == run))
            if release is not None:
                if new is RunState.SUCCEEDED:
                    tx.execute(update(t.run).where(t.run.c.id == release).values(note=note))
                outcome = RunState.ROLLED_BACK if new is RunState.SUCCEEDED else RunState.ROLLBACK_FAILED
                self._move_run(tx, release, outcome, f"run {run} {new}")

    def interrupt(self, run: int, reason: str) -> None:
        """Mark what was under way, and the run itself, as interrupted; what has ended stays as it is."""
        with self._begin() as tx:
            under_way = select(t.attempt.c.id, t.attempt.c.step).where(
                t.attempt.c.run_id == run, t.attempt.c.state == StepState.RUNNING
            )
            for attempt, step in tx.execute(under_way).all():
                self._end_attempt(tx, run, step, attempt, StepState.INTERRUPTED, None, reason)
            state = RunState(tx.one(select(t.run.c.state).where(t.run.c.id == run)))
            if state in ACTIVE_RUN_STATES:
                self._move_run(tx, run, RunState.INTERRUPTED, reason)

    def _move_run(self, tx: Transaction, run: int, new: RunState, reason: str, gate: Gate | None = None) -> None:
        old = RunState(tx.one(select(t.run.c.state).where(t.run.c.id == run)))
        values: dict[str, Any] = {"gate": gate.to_json() if gate else None}
        if old is not new:
            values["state"] = advance(old, new)
            tx.event(run, EventKind.RUN_STATE, "", {"from": old, "to": new, "reason": reason})
        if gate is not None:
            values["step"] = gate.step
            tx.event(run, EventKind.GATE, gate.step, gate.to_json())
        if new in ENDED_RUN_STATES:  # a release that had ended before its rollback keeps that moment
            began = tx.row(
                select(t.run.c.started_at, t.run.c.started_uptime, t.run.c.boot_id).where(t.run.c.id == run)
            )
            values["ended_at"] = func.coalesce(t.run.c.ended_at, tx.now)
            values["seconds"] = func.coalesce(t.run.c.seconds, elapsed(Instant(*began), tx.moment))
        tx.execute(update(t.run).where(t.run.c.id == run).values(**values))

    def decide(self, run: int, step: str, who: str, answer: str, reason: str = "") -> None:
        with self._begin() as tx:
            tx.add(t.decision, run_id=run, step=step, at=tx.now, who=who, answer=answer, reason=reason)
            tx.event(run, EventKind.DECISION, step, {"who": who, "answer": answer, "reason": reason})

    def note(self, run: int, kind: EventKind, data: Mapping[str, Any], step: str = "") -> None:
        """Journal an event that changes no state: a client came, the runner started."""
        with self._begin() as tx:
            tx.event(run, kind, step, data)

    # -- steps --------------------------------------------------------------------------------------------------

    def start_attempt(self, run: int, step: str) -> tuple[int, int]:
        """A new attempt of `step`, which is then RUNNING: its id and its number."""
        with self._begin() as tx:
            tries = select(func.count()).where(t.attempt.c.run_id == run, t.attempt.c.step == step)
            number = int(tx.one(tries)) + 1
            attempt = tx.add(
                t.attempt,
                run_id=run,
                step=step,
                number=number,
                state=StepState.RUNNING,
                **tx.beginning,
                error="",
                hint="",
            )
            self._move_step(tx, run, step, StepState.RUNNING, {"attempt": number})
            tx.execute(update(t.run).where(t.run.c.id == run).values(step=step))
        return attempt, number

    def end_attempt(
        self, attempt: int, state: StepState, seconds: float | None, error: str = "", hint: str = ""
    ) -> None:
        with self._begin() as tx:
            run, step = tx.row(select(t.attempt.c.run_id, t.attempt.c.step).where(t.attempt.c.id == attempt))
            self._end_attempt(tx, run, step, attempt, state, seconds, error, hint)

    def _end_attempt(
        self,
        tx: Transaction,
        run: int,
        step: str,
        attempt: int,
        state: StepState,
        seconds: float | None,
        error: str = "",
        hint: str = "",
    ) -> None:
        old = tx.one(select(t.attempt.c.state).where(t.attempt.c.id == attempt))
        if old != StepState.RUNNING:  # whatever the step may still become: an attempt is never overwritten
            raise IllegalTransition(f"attempt {attempt}: {old} -> {state}")
        values = {"state": state, "ended_at": tx.now, "seconds": seconds, "error": error, "hint": hint}
        tx.execute(update(t.attempt).where(t.attempt.c.id == attempt).values(**values))
        self._move_step(tx, run, step, state, {"seconds": seconds} | ({"error": error} if error else {}))

    def settle_step(self, run: int, step: str, state: StepState) -> None:
        """Move a step without an attempt: skipped, or found done after an interruption."""
        if state not in DONE_STEP_STATES:
            raise IllegalTransition(f"{step}: {state} without an attempt")
        with self._begin() as tx:
            if tx.one(select(t.step.c.state).where(_step(run, step))) == StepState.RUNNING:
                raise IllegalTransition(f"{step}: {state} beside the attempt that is under way")
            self._move_step(tx, run, step, state, {})

    def _move_step(self, tx: Transaction, run: int, step: str, new: StepState, data: Mapping[str, Any]) -> None:
        old = StepState(tx.one(select(t.step.c.state).where(_step(run, step))))
        tx.execute(update(t.step).where(_step(run, step)).values(state=advance(old, new)))
        tx.event(run, EventKind.STEP_STATE, step, {"from": old, "to": new, **data})
        if new is StepState.SUCCEEDED:
            self._mark_undone(tx, run, step)

    def _mark_undone(self, tx: Transaction, run: int, step: str) -> None:
        """In the same commit that a rollback's step succeeds, what it undoes of the release is undone."""
        release = tx.one(select(t.run.c.of_run).where(t.run.c.id == run))
        if release is None:
            return
        standing = select(t.change.c.id, t.change.c.step, t.change.c.kind).where(
            t.change.c.run_id == release, t.change.c.state != ChangeState.UNDONE
        )
        for change, made_by, kind in tx.execute(standing).all():
            if undone_by(step, made_by, ChangeKind(kind)):
                self._settle_change(tx, change, ChangeState.UNDONE)

    def renew_commands(self, run: int, step: str, commands: Sequence[str]) -> None:
        """What a step that is still to come will run, when that is no longer what it was planned to."""
        with self._begin() as tx:
            tx.execute(update(t.step).where(_step(run, step)).values(commands=list(commands)))

    # -- what steps establish -----------------------------------------------------------------------------------

    def add_lines(self, attempt: int, lines: Sequence[Line]) -> int:
        """Add log lines in one commit; returns the number of the attempt's last one."""
        with self._begin() as tx:
            last = self._numbers.get(attempt)
            if last is None:
                last = int(tx.one(select(func.coalesce(func.max(t.log_line.c.number), 0)).where(_line_of(attempt))))
            for at in range(0, len(lines), BLOCK):
                block = enumerate(lines[at : at + BLOCK], last + at + 1)
                values = tuple(v for n, (when, stream, text) in block for v in (attempt, n, when, stream, text))
                tx.connection.exec_driver_sql(_insert_of(len(values) // 5), values)
        self._numbers[attempt] = last + len(lines)
        return last + len(lines)

    def add_evidence(
        self, run: int, attempt: int | None, step: str, name: str, text: str, value: Mapping[str, Any]
    ) -> None:
        with self._begin() as tx:
            row = {"run_id": run, "attempt_id": attempt, "step": step, "name": name, "text": text}
            tx.add(t.evidence, **row, value=dict(value), at=tx.now)
            tx.event(run, EventKind.EVIDENCE, step, {"name": name, "text": text})

    def intend_change(self, run: int, attempt: int, step: str, kind: ChangeKind, subject: str, before: Facts) -> int:
        """Commit that a side effect is about to happen, with what stands before it."""
        with self._begin() as tx:
            row = {"run_id": run, "attempt_id": attempt, "step": step, "kind": kind, "subject": subject}
            change = tx.add(t.change, **row, state=ChangeState.INTENDED, before=dict(before), after={}, at=tx.now)
            data = {"id": change, "kind": kind, "subject": subject, "state": ChangeState.INTENDED}
            tx.event(run, EventKind.CHANGE, step, data)
        return change

    def settle_change(self, change: int, state: ChangeState, after: Facts | None = None) -> None:
        with self._begin() as tx:
            self._settle_change(tx, change, state, after)

    def _settle_change(self, tx: Transaction, change: int, state: ChangeState, after: Facts | None = None) -> None:
        known = select(t.change.c.run_id, t.change.c.step, t.change.c.kind, t.change.c.subject, t.change.c.state)
        run, step, kind, subject, old = tx.row(known.where(t.change.c.id == change))
        values: dict[str, Any] = {"state": advance(ChangeState(old), state), "ended_at": tx.now}
        if after is not None:
            values["after"] = dict(after)
        tx.execute(update(t.change).where(t.change.c.id == change).values(**values))
        tx.event(run, EventKind.CHANGE, step, {"id": change, "kind": kind, "subject": subject, "state": state})

    def add_sample(self, attempt: int, sample: Sample) -> None:
        with self._begin() as tx:
            tx.add(
                t.sample,
                attempt_id=attempt,
                at=sample.at,
                elapsed=sample.elapsed,
                seconds=sample.seconds,
                requests=sample.requests,
                errors=sample.errors,
                p50=sample.p50,
                p95=sample.p95,
                p99=sample.p99,
                problem=sample.problem,
            )

    def prune(self, keep: int) -> list[int]:
        """Remove ended runs but the newest `keep`, and what a rollback could still need; returns what was removed.

        Kept besides: the newest release that has changed something and was not rolled back, and all after it.
        """
        with self._begin() as tx:
            return prune(tx.connection, keep)

    def index_lines(self) -> bool:
        """Index the next chunk of log lines for search, outside the hot path; True if there may be more."""
        with self._begin() as tx:
            return index_chunk(tx.connection)

    # -- children -----------------------------------------------------------------------------------------------

    def intend_child(self, attempt: int, nonce: str, boot_id: str, argv: Sequence[str]) -> int:
        """Commit that a child is about to be started, which will carry `nonce` in its environment."""
        with self._begin() as tx:
            return tx.add(t.child, attempt_id=attempt, nonce=nonce, boot_id=boot_id, argv=list(argv))

    def name_child(self, child: int, pid: int, start_ticks: int) -> None:
        with self._begin() as tx:
            tx.execute(update(t.child).where(t.child.c.id == child).values(pid=pid, start_ticks=start_ticks))

    def end_child(self, child: int) -> None:
        with self._begin() as tx:
            tx.execute(update(t.child).where(t.child.c.id == child).values(ended_at=tx.now))


def _line_of(attempt: int) -> ColumnElement[bool]:
    return t.log_line.c.attempt_id == attempt


def _step(run: int, step: str) -> ColumnElement[bool]:
    return (t.step.c.run_id == run) & (t.step.c.step == step)
