"""The step loop of one run: gate, attempt, outcome, next; every move is a journaled, legal transition."""

import asyncio
import contextlib
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from debvisor_tui.model.changes import ChangeState
from debvisor_tui.model.durations import format_duration
from debvisor_tui.model.errors import DebvisorError, WorkFailed
from debvisor_tui.model.findings import Finding, Found
from debvisor_tui.model.gates import Answer, Gate, GateKind
from debvisor_tui.model.playbook import RunKind
from debvisor_tui.model.states import DONE_STEP_STATES, RunState, StepState
from debvisor_tui.model.text import clean
from debvisor_tui.model.views import StepView
from debvisor_tui.runner.commands import CommandHandler, EndRun, Exit, RunLeft, StepUnderWay, exit_of
from debvisor_tui.runner.context import RunnerContext, Services
from debvisor_tui.runner.protocol import Message
from debvisor_tui.runner.recovery import OrphanReport
from debvisor_tui.runner.step_log import StepLog
from debvisor_tui.system.failpoints import at
from debvisor_tui.tasks.base import Job, Reply, Task
from debvisor_tui.tasks.registry import limit_key, task_for, time_limit


class Engine:
    """Drives run `job.run` from whatever state the journal holds of it to its end, or to an :data:`Exit`."""

    def __init__(
        self,
        services: Services,
        job: Job,
        facts: Mapping[str, Mapping[str, Any]],
        *,
        desk: CommandHandler,
        publish: Callable[[Message], None],
        auto: bool,
        orphans: Mapping[str, OrphanReport] | None = None,
        by_hand: Callable[[], str] = str,
        after_step: Callable[[str], Any] | None = None,
    ) -> None:
        self._services = services
        self._settings = services.settings
        self._job = job
        self._facts = facts
        self._recorder = services.recorder
        self._journal = services.recorder.journal
        self._history = services.history
        self._clock = services.clock
        self._redact = services.redact
        self._desk = desk
        self._publish = publish
        self._auto = auto
        self._orphans = orphans or {}
        self._by_hand = by_hand  # what a person does beside the run just now, or ""
        self._after_step = after_step
        self._found = ""
        self._waited = 0.0  # seconds that the attempt under way has waited for a person

    async def drive(self) -> Exit | None:
        """Run the steps that are not done; None when all are, or what the operator wants instead."""
        view = await self._recorder.do(self._history.run, self._job.run)
        assert view is not None  # noqa: S101 - the run was created before its engine
        await self._move(RunState.RUNNING)
        for step in view.steps:
            at(f"{self._job.kind}.{step.id}")
            state = step.state
            failure = _last_failure(step)
            while state not in DONE_STEP_STATES:
                try:
                    state, failure = await self._advance(step, state, failure)
                except RunLeft as left:
                    return left.exit
            if self._after_step is not None and state is StepState.SUCCEEDED:
                self._after_step(step.id)
        if exit_ := self._desk.take_exit():
            return exit_
        at(f"{self._job.kind}.end")
        return None

    async def _advance(
        self, step: StepView, state: StepState, failure: tuple[str, str]
    ) -> tuple[StepState, tuple[str, str]]:
        """One turn of the loop: the gate that `state` asks for, then what its answer asks for."""
        self._leave_if_told()
        if state is StepState.PENDING and self._auto:
            return await self._attempt(step)
        gate = await self._gate_for(step, state, failure)
        reply, args = await self._wait(gate)
        if exit_ := exit_of(reply, args):
            raise RunLeft(exit_)
        await self._move(RunState.RUNNING)
        match reply.answer:
            case Answer.SKIP:
                await self._recorder.do(self._journal.settle_step, self._job.run, step.id, StepState.SKIPPED)
                return StepState.SKIPPED, ("", "")
            case Answer.CONTINUE:
                await self._recorder.do(self._journal.settle_step, self._job.run, step.id, StepState.SUCCEEDED)
                return StepState.SUCCEEDED, ("", "")
            case _:
                return await self._attempt(step)

    async def _gate_for(self, step: StepView, state: StepState, failure: tuple[str, str]) -> Gate:
        match state:
            case StepState.PENDING:
                return Gate(GateKind.READY, step.id, f"{step.title} is next.", step.why)
            case StepState.CANCELLED:
                return Gate(GateKind.CANCELLED, step.id, f"{step.title} was cancelled.", await self._inspect(step))
            case StepState.INTERRUPTED:
                return await self._interrupted(step)
            case _:
                what, hint = failure
                return Gate(GateKind.FAILED, step.id, what or f"{step.title} failed.", hint)

    async def _interrupted(self, step: StepView) -> Gate:
        left = self._orphans.get(step.id, OrphanReport())
        text = await self._inspect(step, left.told)
        found = self._found
        return Gate(
            GateKind.INTERRUPTED,
            step.id,
            f"{step.title} was under way when its runner was gone.",
            clean("\n".join([text, *left.told]), self._redact),  # a command line of somebody else's may hold anything
            clean("\n".join(left.danger), self._redact),
            finding=found,
        )

    async def _inspect(self, step: StepView, notes: Sequence[str] = ()) -> str:
        """Look at the world through the task: what stands of the step's work, as a sentence; kept as evidence.

        What it finds settles the step's changes whose outcome was never recorded. `notes` go into the step's log.
        """
        attempt = step.attempt
        latest = await self._recorder.do(self._history.run, self._job.run)
        if latest is not None:
            attempt = latest.step(step.id).attempt
        self._found = "unknown"
        if attempt is None:
            return ""
        log = self._open_log(step.id, attempt.id)
        context = self._context(step.id, attempt.id, log)
        finding: Finding | None = None
        for note in notes:
            context.log(note)
        try:
            async with self._clock.limit(60.0):
                finding = await self._task(step.id).inspect(context)
            self._found, text = finding.found.value, f"{finding.found}. {finding.text}"
        except (DebvisorError, TimeoutError, OSError, NotImplementedError) as error:
            text = f"what it left could not be told: {error or 'no answer within 60 s'}."
        finally:
            await log.close()
        _go_if_told()
        if finding is not None and finding.found is not Found.UNKNOWN:
            await self._settle(step.id, finding)
        await self._recorder.do(
            self._journal.add_evidence,
            self._job.run,
            attempt.id,
            step.id,
            "inspection",
            clean(text, self._redact),
            {"found": self._found},
        )
        return clean(f"Inspection: {text}", self._redact)

    async def _settle(self, step: str, finding: Finding) -> None:
        """The outcome of a change that was only intended is what inspection has found to stand."""
        view = await self._recorder.do(self._history.run, self._job.run)
        outcome = ChangeState.DONE if finding.found is Found.DONE else ChangeState.FAILED
        for change in view.changes if view else ():
            if change.step == step and change.state is ChangeState.INTENDED:
                after = dict(finding.stands) or None
                await self._recorder.do(self._journal.settle_change, change.id, outcome, after)

    # -- one attempt --------------------------------------------------------------------------------------------

    def _task(self, step: str) -> Task:
        return task_for(self._job.kind, step, self._settings)

    def _open_log(self, step: str, attempt: int) -> StepLog:
        message = {"type": "log", "run": self._job.run, "step": step, "attempt": attempt}

        def written(first: int, last: int) -> None:
            self._publish({**message, "first": first, "last": last})

        return StepLog(self._recorder, attempt, self._redact, written)

    def _context(self, step: str, attempt: int, log: StepLog) -> RunnerContext:
        job = replace(self._job, facts=self._facts.get(step, {}))
        return RunnerContext(self._services, job, step, attempt, log=log, operator=self)

    async def _attempt(self, step: StepView) -> tuple[StepState, tuple[str, str]]:
        attempt, number = await self._recorder.do(self._journal.start_attempt, self._job.run, step.id)
        self._desk.progress = None
        if number > 1:  # perhaps a secret that had run out was renewed before the retry
            with contextlib.suppress(DebvisorError):  # the step that needs it says so
                self._redact.add(*await asyncio.to_thread(self._settings.renew_secrets))
        log = self._open_log(step.id, attempt)
        context = self._context(step.id, attempt, log)
        started, self._waited = time.monotonic(), 0.0
        state, error, hint, late = StepState.SUCCEEDED, "", "", False
        running: StepUnderWay | None = None
        try:
            if beside := self._by_hand():
                raise WorkFailed(f"{beside} on this target just now; the step was not begun", "Wait, then retry.")
            task = self._task(step.id)
            work = asyncio.create_task(self._limited(task, context), name=f"{step.id} {attempt}")
            self._desk.running = StepUnderWay(step.id, work, context.inbox, task.accepts)
            try:
                summary = await work
                if summary:
                    context.log(summary)
            finally:
                running, self._desk.running = self._desk.running, None
        except asyncio.CancelledError:
            if running is None or running.cancelled_by is None:
                raise  # the runner itself is being ended
            state, error = StepState.CANCELLED, f"cancelled by {running.cancelled_by}"
        except RunLeft:
            _go_if_told()
            await self._give_up(attempt, log, started)
            raise
        except TimeoutError:
            late, limit = True, time_limit(self._job.kind, step.id, self._settings)
            state, error = StepState.FAILED, f"{step.title} did not end within {format_duration(limit)}."
            hint = (
                f"It was stopped. Look at its log; the limit is {limit_key(self._job.kind, step.id, self._settings)}."
            )
        except DebvisorError as failed:
            state = StepState.FAILED
            error, hint = clean(failed.what, self._redact), clean(failed.hint, self._redact)
        except Exception as bug:
            traceback.print_exception(bug)  # into the runner's own log
            state = StepState.FAILED
            error = clean(f"{step.title} failed: {type(bug).__name__}: {bug}", self._redact)
            hint = "This is a bug in debvisor-tui; its details are in runner.log beside the journal."
        _go_if_told()
        if error:
            context.log(error, "err")
        await log.close()
        seconds = time.monotonic() - started - self._waited
        await self._recorder.do(self._journal.end_attempt, attempt, state, seconds, error, hint)
        self._leave_if_told()
        if late:  # it was cut off: what that leaves is to be known before anything is decided
            hint = f"{await self._inspect(step)}\n{hint}"
        return state, (error, hint)

    def _leave_if_told(self) -> None:
        """The operator has taken the way back while a step ran: however that ended meanwhile."""
        _go_if_told()
        if exit_ := self._desk.take_exit():
            raise RunLeft(exit_)

    async def _give_up(self, attempt: int, log: StepLog, started: float) -> None:
        """The operator left at a gate that the step had asked for: the step did not do its work."""
        await log.close()
        seconds = time.monotonic() - started - self._waited
        await self._recorder.do(
            self._journal.end_attempt, attempt, StepState.CANCELLED, seconds, "not answered: the run was left"
        )

    async def _limited(self, task: Task, context: RunnerContext) -> str:
        async with self._clock.limit(time_limit(self._job.kind, context.step, self._settings)):
            return await task.run(context)

    # -- gates --------------------------------------------------------------------------------------------------

    def tell(self, message: Message) -> None:
        self._desk.tell(message)

    async def ask(self, gate: Gate) -> Reply:
        """A gate in the middle of a step; the run's clock stands still while a person thinks."""
        asked = time.monotonic()
        self._clock.hold("a person")
        try:
            asking = gate
            while True:
                reply, args = await self._wait(asking)
                if exit_ := exit_of(reply, args):
                    raise RunLeft(exit_)
                await self._move(RunState.RUNNING)
                if not (beside := self._by_hand()):
                    return reply
                asking = replace(gate, question=f"{beside} just now. Once that is done: {gate.question}")
        finally:
            self._clock.let_go("a person")
            self._waited += time.monotonic() - asked

    async def _wait(self, gate: Gate) -> tuple[Reply, Mapping[str, Any]]:
        self._leave_if_told()
        opened = self._recorder.do(self._journal.set_run_state, self._job.run, RunState.WAITING, "", gate)
        return await self._desk.wait(gate, opened)

    async def _move(self, state: RunState, reason: str = "") -> None:
        await self._recorder.do(self._journal.set_run_state, self._job.run, state, reason)

    async def finish(self, exit_: Exit | None) -> RunState:
        """Journal how the run ended; with a rollback, what became of its release."""
        if exit_ is None:
            state, reason = RunState.SUCCEEDED, ""
        else:
            view = await self._recorder.do(self._history.run, self._job.run)
            failed = view is not None and view.gate is not None and view.gate.kind is GateKind.FAILED
            state = RunState.FAILED if failed else RunState.ABORTED
            reason = exit_.reason if isinstance(exit_, EndRun) else "a new rollback was started"
        await self._recorder.do(self._journal.end_run, self._job.run, state, reason)
        return state

    @property
    def kind(self) -> RunKind:
        return self._job.kind


def _go_if_told() -> None:
    """Whoever ends the runner cancels its task; a step that was being ended already takes that for its own end."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _last_failure(step: StepView) -> tuple[str, str]:
    return (step.attempt.error, step.attempt.hint) if step.attempt else ("", "")
