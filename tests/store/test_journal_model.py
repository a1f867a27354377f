"""The journal against a simple model of it: any calls, on a real file; what is illegal leaves no trace."""

import copy
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.changes import ChangeKind, ChangeState
from debvisor_tui.model.gates import Gate, GateKind
from debvisor_tui.model.playbook import Phase, RunKind
from debvisor_tui.model.rollback import undone_by
from debvisor_tui.model.states import (
    ACTIVE_RUN_STATES,
    CHANGE_TRANSITIONS,
    DONE_STEP_STATES,
    ENDED_RUN_STATES,
    RUN_TRANSITIONS,
    STEP_TRANSITIONS,
    IllegalTransition,
    RunState,
    StepState,
)
from debvisor_tui.model.views import AttemptView, PlannedStep, RunView
from debvisor_tui.store.history import History
from debvisor_tui.store.journal import Journal, NewRun

OLD, NEW = Artifact("v1", {"commit": "1" * 40}), Artifact("v2", {"commit": "2" * 40})
STEPS = ("upgrade", "revert-database", "restart")  # the last two undo something in a rollback
PLANNED = [PlannedStep(step, step.title(), Phase.DEPLOY, "why", ()) for step in STEPS]
KINDS = (ChangeKind.DATABASE, ChangeKind.PROCESS, ChangeKind.CODE)


@dataclass
class Attempt:
    run: int
    step: str
    number: int
    state: StepState = StepState.RUNNING
    error: str = ""
    lines: list[str] = field(default_factory=list)


@dataclass
class Change:
    run: int
    step: str
    kind: ChangeKind
    state: ChangeState = ChangeState.INTENDED
    after: dict[str, Any] = field(default_factory=dict)


@dataclass
class Run:
    of_run: int | None
    state: RunState = RunState.PLANNED
    gate: Gate | None = None
    steps: dict[str, StepState] = field(default_factory=lambda: dict.fromkeys(STEPS, StepState.PENDING))
    has_ended: bool = False
    decisions: list[str] = field(default_factory=list)


class Refused(Exception):
    """The model's IllegalTransition."""


def legal(so: bool) -> None:
    if not so:
        raise Refused


@dataclass
class Model:
    """What the journal has to hold; each call does all or, with Refused, is to be thrown away."""

    runs: dict[int, Run] = field(default_factory=dict)
    attempts: dict[int, Attempt] = field(default_factory=dict)
    changes: dict[int, Change] = field(default_factory=dict)

    def move_run(self, run: int, new: RunState, gate: Gate | None = None) -> None:
        it = self.runs[run]
        legal(gate is None or new is RunState.WAITING)
        legal(it.state is new or new in RUN_TRANSITIONS[it.state])
        it.state, it.gate = new, gate
        it.has_ended |= new in ENDED_RUN_STATES

    def end_run(self, run: int, new: RunState) -> None:
        legal(new in ENDED_RUN_STATES)
        self.move_run(run, new)
        if (release := self.runs[run].of_run) is not None:
            self.move_run(release, RunState.ROLLED_BACK if new is RunState.SUCCEEDED else RunState.ROLLBACK_FAILED)

    def interrupt(self, run: int, reason: str) -> None:
        for attempt in self.attempts.values():
            if attempt.run == run and attempt.state is StepState.RUNNING:
                self.end_attempt(attempt, StepState.INTERRUPTED, reason)
        if self.runs[run].state in ACTIVE_RUN_STATES:
            self.move_run(run, RunState.INTERRUPTED)

    def start_attempt(self, run: int, step: str) -> int:
        self.move_step(run, step, StepState.RUNNING)
        return 1 + sum(a.run == run and a.step == step for a in self.attempts.values())

    def end_attempt(self, attempt: Attempt, new: StepState, error: str) -> None:
        legal(attempt.state is StepState.RUNNING)
        attempt.state, attempt.error = new, error
        self.move_step(attempt.run, attempt.step, new)

    def settle_step(self, run: int, step: str, new: StepState) -> None:
        legal(new in DONE_STEP_STATES and self.runs[run].steps[step] is not StepState.RUNNING)
        self.move_step(run, step, new)

    def move_step(self, run: int, step: str, new: StepState) -> None:
        it = self.runs[run]
        legal(new in STEP_TRANSITIONS[it.steps[step]])
        it.steps[step] = new
        if new is StepState.SUCCEEDED and it.of_run is not None:
            for change in self.changes.values():
                undone = change.run == it.of_run and undone_by(step, change.step, change.kind)
                if undone and change.state is not ChangeState.UNDONE:
                    self.settle_change(change, ChangeState.UNDONE, None)

    def settle_change(self, change: Change, new: ChangeState, after: dict[str, Any] | None) -> None:
        legal(new in CHANGE_TRANSITIONS[change.state])
        change.state = new
        if after is not None:
            change.after = after


#: Which of the runs, attempts or changes there are, counted from the newest.
NTH = st.sampled_from([0, 0, 0, 1, 2, 5])


def pick(of: Iterable[int], nth: int) -> int:
    newest_first = sorted(of, reverse=True)
    return newest_first[nth % len(newest_first)]


class JournalMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="journal-")
        self.path = Path(self.folder.name) / "journal.db"
        self.journal = Journal(self.path)
        self.history = History(self.path)
        self.model = Model()
        self.published = 0
        self.ended: dict[int, tuple[float | None, float | None]] = {}

    def teardown(self) -> None:
        self.history.close()
        self.journal.close()
        self.folder.cleanup()

    def both(self, expect: Callable[[Model], Any], call: Callable[[], Any]) -> tuple[Any, Any] | None:
        """Make the call on the model and the journal; None if both refuse it, and then nothing was committed."""
        after = copy.deepcopy(self.model)
        try:
            expected = expect(after)
        except Refused:
            with pytest.raises(IllegalTransition):
                call()
            assert self.journal.take_events() == [], "what was refused is published to nobody"
            return None
        got = call()
        self.model = after
        self.published += len(self.journal.take_events())
        return expected, got

    # -- runs ---------------------------------------------------------------------------------------------------

    @initialize(back=st.sampled_from([None, StepState.SUCCEEDED, StepState.FAILED, StepState.RUNNING]))
    def a_release_under_way(self, back: StepState | None) -> None:
        """Most of what can go wrong takes a run, an attempt and a change; some a rollback, its first step `back`."""
        self.a_release()
        self.start_attempt(0, "upgrade")
        self.intend_change(0, ChangeKind.DATABASE)
        if back is not None:
            self.a_release()
            self.start_attempt(0, "upgrade")
            self.intend_change(0, ChangeKind.DATABASE)
            self.intend_change(0, ChangeKind.PROCESS)
            self.move_run(0, RunState.RUNNING, None)
            self.end_run(0, RunState.SUCCEEDED)
            self.what_is_read_is_what_was_committed()
            self.a_rollback(0)
            self.move_run(0, RunState.RUNNING, None)
            self.start_attempt(0, "revert-database")
            self.end_attempt(0, back)

    @rule()
    def a_release(self) -> None:
        run = self.create(None)
        self.published += len(self.journal.take_events())
        self.model.runs[run] = Run(None)

    @rule(nth=NTH)
    def a_rollback(self, nth: int) -> None:
        release = pick([run for run, it in self.model.runs.items() if it.of_run is None], nth)
        both = self.both(lambda m: m.move_run(release, RunState.ROLLING_BACK), lambda: self.create(release))
        if both is not None:
            self.model.runs[both[1]] = Run(release)

    def create(self, of_run: int | None) -> int:
        kind = RunKind.RELEASE if of_run is None else RunKind.ROLLBACK
        new = NewRun(kind, "test", OLD, NEW, "anna", PLANNED, of_run=of_run)
        return self.journal.create_run(new)

    @rule(nth=NTH, new=st.sampled_from(RunState), at=st.sampled_from([None, None, *STEPS]))
    def move_run(self, nth: int, new: RunState, at: str | None) -> None:
        run = pick(self.model.runs, nth)
        gate = Gate(GateKind.READY, at, f"{at} is next.") if at else None
        self.both(lambda m: m.move_run(run, new, gate), lambda: self.journal.set_run_state(run, new, "why", gate))

    @rule(nth=NTH, new=st.sampled_from(RunState))
    def end_run(self, nth: int, new: RunState) -> None:
        run = pick(self.model.runs, nth)
        self.both(lambda m: m.end_run(run, new), lambda: self.journal.end_run(run, new))

    @rule(nth=NTH)
    def interrupt(self, nth: int) -> None:
        run = pick(self.model.runs, nth)
        self.both(lambda m: m.interrupt(run, "gone"), lambda: self.journal.interrupt(run, "gone"))

    @rule(nth=NTH, who=st.sampled_from(["anna", "bert"]))
    def decide(self, nth: int, who: str) -> None:
        run = pick(self.model.runs, nth)
        self.both(lambda m: m.runs[run].decisions.append(who), lambda: self.journal.decide(run, "", who, "run"))

    # -- steps --------------------------------------------------------------------------------------------------

    @rule(nth=NTH, step=st.sampled_from(STEPS))
    def start_attempt(self, nth: int, step: str) -> None:
        run = pick(self.model.runs, nth)
        both = self.both(lambda m: m.start_attempt(run, step), lambda: self.journal.start_attempt(run, step))
        if both is not None:
            number, (attempt, told) = both
            assert number == told
            self.model.attempts[attempt] = Attempt(run, step, number)

    @rule(nth=NTH, new=st.sampled_from(StepState))
    def end_attempt(self, nth: int, new: StepState) -> None:
        attempt = pick(self.model.attempts, nth)
        self.both(
            lambda m: m.end_attempt(m.attempts[attempt], new, "words"),
            lambda: self.journal.end_attempt(attempt, new, 1.0, "words"),
        )

    @rule(nth=NTH, step=st.sampled_from(STEPS), new=st.sampled_from(StepState))
    def settle_step(self, nth: int, step: str, new: StepState) -> None:
        run = pick(self.model.runs, nth)
        self.both(lambda m: m.settle_step(run, step, new), lambda: self.journal.settle_step(run, step, new))

    @rule(nth=NTH, count=st.integers(0, 3))
    def add_lines(self, nth: int, count: int) -> None:
        attempt = pick(self.model.attempts, nth)
        texts = [f"line {n}" for n in range(count)]
        self.both(
            lambda m: m.attempts[attempt].lines.extend(texts),
            lambda: self.journal.add_lines(attempt, [(1.0, "out", text) for text in texts]),
        )

    # -- changes ------------------------------------------------------------------------------------------------

    @rule(nth=NTH, kind=st.sampled_from(KINDS))
    def intend_change(self, nth: int, kind: ChangeKind) -> None:
        attempt = pick(self.model.attempts, nth)
        of = self.model.attempts[attempt]
        change = self.journal.intend_change(of.run, attempt, of.step, kind, "subject", {"revision": "a1"})
        self.published += len(self.journal.take_events())
        self.model.changes[change] = Change(of.run, of.step, kind)

    @rule(
        nth=NTH,
        new=st.sampled_from(ChangeState),
        after=st.sampled_from([None, {}, {"revision": "a1"}, {"revision": "b2"}]),
    )
    def settle_change(self, nth: int, new: ChangeState, after: dict[str, Any] | None) -> None:
        change = pick(self.model.changes, nth)
        self.both(
            lambda m: m.settle_change(m.changes[change], new, after),
            lambda: self.journal.settle_change(change, new, after),
        )

    @rule()
    def come_back_later(self) -> None:
        """What a call has returned from is on the disk, not in the memory of whoever wrote it."""
        self.journal.close()
        self.history.close()
        self.journal, self.history = Journal(self.path), History(self.path)

    # -- what is read back --------------------------------------------------------------------------------------

    @invariant()
    def what_is_read_is_what_was_committed(self) -> None:
        assert [run.id for run in self.history.runs()] == sorted(self.model.runs, reverse=True)
        events = 0
        for run, it in self.model.runs.items():
            view = self.history.run(run)
            assert view is not None
            assert self.read(view) == self.expected(run)
            assert (view.run.ended_at is not None) == it.has_ended
            if it.has_ended:  # it ended once, whatever came after
                moment = (view.run.ended_at, view.run.seconds)
                assert self.ended.setdefault(run, moment) == moment
            events += len(self.history.events(run))
        assert events == self.published, "journaled is what was published, and nothing else"
        active = self.history.active()
        going_on = [n for n, it in self.model.runs.items() if it.state in ACTIVE_RUN_STATES | {RunState.INTERRUPTED}]
        assert (active.id if active else None) == max(going_on, default=None)

    def expected(self, run: int) -> Any:
        it = self.model.runs[run]
        attempts = [a for a in self.model.attempts.values() if a.run == run]
        changes = [c for c in self.model.changes.values() if c.run == run]
        return (
            (it.of_run, it.state, it.gate, it.decisions),
            [
                (step, state, [(a.number, a.state, a.error, a.lines) for a in attempts if a.step == step])
                for step, state in it.steps.items()
            ],
            [(c.step, c.kind, c.state, {"revision": "a1"}, c.after) for c in changes],
        )

    def read(self, view: RunView) -> Any:
        return (
            (view.run.of_run, view.run.state, view.gate, [d.who for d in view.decisions]),
            [
                (
                    step.id,
                    step.state,
                    [(a.number, a.state, a.error, self.lines(a)) for a in step.attempts],
                )
                for step in view.steps
            ],
            [(c.step, c.kind, c.state, c.before, c.after) for c in view.changes],
        )

    def lines(self, attempt: AttemptView) -> list[str]:
        return [x.text for x in self.history.lines(attempt.id, 1, attempt.lines)]


TestJournal = JournalMachine.TestCase
TestJournal.settings = settings(max_examples=settings().max_examples // 8, stateful_step_count=30)
