"""What one runner process does from lock to end: a release or a rollback, and a rollback after a release."""

import asyncio
import contextlib
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from debvisor_tui.adapters.platforms import open_platform
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.errors import DebvisorError, JournalError, Refused, UsageError
from debvisor_tui.model.events import EventKind
from debvisor_tui.model.gates import Answer
from debvisor_tui.model.people import Person
from debvisor_tui.model.playbook import RunKind
from debvisor_tui.model.rollback import RollbackOptions, RollbackPlan
from debvisor_tui.model.states import ACTIVE_RUN_STATES, DONE_STEP_STATES, RunState
from debvisor_tui.model.text import Redactor, clean
from debvisor_tui.model.views import Event, PlannedStep, ReleasePlan, RunSummary
from debvisor_tui.runner.commands import CommandHandler, RollBack
from debvisor_tui.runner.context import Services
from debvisor_tui.runner.engine import Engine
from debvisor_tui.runner.lock import TargetLock, done_by_hand
from debvisor_tui.runner.paths import TargetPaths
from debvisor_tui.runner.protocol import Message
from debvisor_tui.runner.recorder import Recorder
from debvisor_tui.runner.recovery import OrphanReport, recover
from debvisor_tui.runner.rollback_planning import plan_way_back, release_of
from debvisor_tui.runner.run_clock import RunClock
from debvisor_tui.runner.server import Server
from debvisor_tui.runner.usual import usual_seconds
from debvisor_tui.store.history import History
from debvisor_tui.store.journal import Journal, NewRun
from debvisor_tui.tasks.base import Job
from debvisor_tui.tasks.registry import spec_of, task_for


class Session:
    """Owns the target while it lives: the lock is held by the caller, the journal is written here alone."""

    def __init__(self, settings: Settings, places: TargetPaths, lock: TargetLock, how: str) -> None:
        self._settings = settings
        self._places = places
        self._lock = lock
        self._how = how
        self._redact = Redactor(settings.secrets())
        self._recorder = Recorder(Journal(places.journal), self._publish_event, self._journal_trouble)
        self._journal = self._recorder.journal
        self._history = History(places.journal)
        self._desk = CommandHandler(self._decide, self._check_way_back, self._publish)
        self._server = Server(places, self._desk.handle, self._note, self._standing)
        self._indexing: asyncio.Task[None] | None = None
        self._orphans: Mapping[str, OrphanReport] = {}
        self._clock = RunClock()
        self._run = 0
        self._seq = self._history.last_seq()

    def give_up(self) -> None:
        """Who ends the runner does not want to wait for a journal that cannot be written."""
        self._recorder.give_up()

    async def close(self, reason: str) -> None:
        """End everything, also while the journal cannot be written; JournalError then."""
        with contextlib.suppress(OSError):  # on a full disk it cannot be said
            self._lock.say_ending()
        await self._server.stop(reason)
        if self._indexing is not None:
            self._indexing.cancel()  # what is left is indexed after the next run
            with contextlib.suppress(asyncio.CancelledError, JournalError):
                await self._indexing
        try:
            await self._recorder.close()
        finally:
            self._history.close()

    # -- starting -----------------------------------------------------------------------------------------------

    async def new_release(
        self, planning: Awaitable[ReleasePlan], who: Person, seen: Artifact | None = None, *, auto: bool
    ) -> int:
        """Journal the release that `planning` plans; UsageError says why it may not. The target is not touched.

        `seen`: the artifact that the operator saw on the plan; no other is shipped.
        """
        unfinished = self._history.active()
        if unfinished is not None:
            raise UsageError(
                f"Run {unfinished.id} ({unfinished.kind} to {unfinished.to_version}) was not ended.",
                f"Go on with it (debvisor-tui attach {unfinished.id}) or roll it back "
                f"(debvisor-tui rollback {unfinished.id}).",
            )
        plan = await planning
        if plan.problems:
            raise UsageError(
                f"{plan.to_version} cannot be released: {plan.problems[0]}", "\n".join(plan.problems[1:])
            )
        if seen is not None and not plan.new.is_same_code(seen):
            moved = f"{seen.label} {seen.short}", plan.new.short
            if seen.exact == plan.new.exact:
                moved = f"to run in the environment {seen.environment}", f"to run in {plan.new.environment}"
            raise UsageError(
                f"{seen.version} was {moved[0]} on your plan and is {moved[1]} now. Nothing was started.",
                "Find out who moved it, and why; then look at the plan again.",
            )
        usual = usual_seconds(self._settings, self._history)
        steps = [
            PlannedStep(s.id, s.title, s.phase, s.why, self._shown(s.commands), s.manual, usual.get(s.id))
            for s in plan.steps
        ]
        return await self._recorder.do(
            self._journal.create_run,
            NewRun(
                kind=RunKind.RELEASE,
                target=self._settings.name,
                old=plan.old,
                new=plan.new,
                operator=str(who),
                steps=steps,
                auto=auto,
                how=self._how,
            ),
        )

    async def new_rollback(self, run: int, options: RollbackOptions, who: Person) -> int:
        """Journal the rollback of release `run`, whose runner is gone or has ended; UsageError says why not."""
        release = release_of(self._history, run)
        if release.state is RunState.ROLLED_BACK:
            raise UsageError(f"Run {release.id} is rolled back already.")
        plan = await self._plan(release.id, options)  # refused before anything is moved
        for unfinished in self._unfinished():
            await self._nothing_runs_on(unfinished, await self._recover(unfinished))
            if unfinished != release.id:
                await self._recorder.do(
                    self._journal.end_run, unfinished, RunState.ABORTED, "a new rollback was started"
                )
        await self._recorder.do(self._journal.decide, release.id, "", str(who), Answer.ROLLBACK)
        return await self._begin_rollback(plan, who)

    async def resume(self, run: int, who: Person) -> int:
        """Take up run `run`, whose runner is gone; of a release that is being rolled back, its rollback."""
        summary = self._history.summary(run)
        if summary is None:
            raise UsageError(f"There is no run {run}.", "See them all: debvisor-tui history list")
        if summary.state is RunState.ROLLING_BACK:
            unfinished = self._history.active()
            if unfinished is not None and unfinished.of_run == run:
                run, summary = unfinished.id, unfinished
        if summary.state not in ACTIVE_RUN_STATES | {RunState.INTERRUPTED}:
            raise UsageError(f"Run {run} has ended ({summary.state}); there is nothing to go on with.")
        # Journaled first: while the journal cannot be written, nothing is ended and nothing is touched.
        await self._recorder.do(self._journal.decide, run, "", str(who), "resume", "")
        self._orphans = await self._recover(run)
        await self._renew_commands(summary)
        return run

    async def _renew_commands(self, run: RunSummary) -> None:
        """The config may have been edited since the run began: what is shown is what will be run."""
        view = await self._recorder.do(self._history.run, run.id)
        facts = await self._recorder.do(self._history.facts, run.id)
        job = Job(run.kind, run.old, run.new, Person(run.operator), run=run.id)
        for step in view.steps if view else ():
            if step.state in DONE_STEP_STATES:
                continue
            now = replace(job, facts=facts.get(step.id, {}))
            try:
                planned = task_for(run.kind, step.id, self._settings).commands(self._settings, now)
            except DebvisorError:  # the config has lost it; the step itself will say so
                continue
            commands = self._shown(planned)
            if commands == step.commands:
                continue
            await self._recorder.do(self._journal.renew_commands, run.id, step.id, commands)
            runs = "; ".join(commands) or "nothing"
            what = f"{step.title} now runs {runs} (the config, or debvisor-tui itself, has changed since)"
            await self._recorder.do(self._journal.note, run.id, EventKind.RUNNER, {"what": what})

    async def _recover(self, run: int) -> Mapping[str, OrphanReport]:
        spared = {"restart"} if open_platform(self._settings).leaves_service else set()
        return await recover(self._recorder, self._history, run, spared)

    async def _nothing_runs_on(self, run: int, found: Mapping[str, OrphanReport]) -> None:
        """Keep what was found running of a run whose runner is gone; UsageError if it could not be ended."""
        told = [text for orphans in found.values() for text in orphans.told]
        danger = [clean(text, self._redact) for orphans in found.values() for text in orphans.danger]
        for text in told:
            note = {"what": f"a step of run {run}: {clean(text, self._redact)}"}
            await self._recorder.do(self._journal.note, run, EventKind.RUNNER, note)
        if danger:
            raise UsageError(
                f"The rollback was not started: a step of run {run} still works on this target, and could not be "
                f"ended: {danger[0]}",
                "\n".join([*danger[1:], "End it (kill -9 as its user, or as root), then roll back again."]),
            )

    def _unfinished(self) -> list[int]:
        states = ACTIVE_RUN_STATES | {RunState.INTERRUPTED}
        return [r.id for r in self._history.runs(limit=50) if r.state in states]

    # -- running ------------------------------------------------------------------------------------------------

    async def listen(self, run: int) -> None:
        self._run = run
        self._lock.name_run(run)
        self._recorder.patient = True
        await self._server.start()
        await self._note(EventKind.RUNNER, {"pid": self._lock.holder.pid, "how": self._how, "what": "started"})

    async def drive(self, run: int, *, auto: bool) -> RunState:
        """Run `run` to its end, and the rollbacks that the operator asks for on the way; the last one's state."""
        while True:
            summary = await self._recorder.do(self._history.summary, run)
            assert summary is not None  # noqa: S101 - it was journaled
            self._switch_to(run)
            rollback = summary.kind is RunKind.ROLLBACK
            engine = await self._engine_of(run, auto=auto or rollback)
            exit_ = await engine.drive()
            if not rollback and isinstance(exit_, RollBack):
                try:
                    plan = await self._plan(run, exit_.options)
                    run = await self._begin_rollback(plan, exit_.who)
                except DebvisorError as error:
                    await self._note(EventKind.RUNNER, {"what": f"the rollback could not start: {error}"})
                    auto = False
                continue
            state = await engine.finish(exit_)
            if summary.of_run is not None and isinstance(exit_, RollBack):
                plan = await self._plan(summary.of_run, exit_.options)
                run = await self._begin_rollback(plan, exit_.who)
                continue
            self._index_soon()
            return state

    def _switch_to(self, run: int) -> None:
        if run != self._run:
            self._run = run
            self._orphans = {}
            self._lock.name_run(run)
            self._desk.progress = None
            self._publish({"type": "run", "run": run})

    async def _engine_of(self, run: int, *, auto: bool) -> Engine:
        summary = await self._recorder.do(self._history.summary, run)
        assert summary is not None  # noqa: S101
        job = Job(summary.kind, summary.old, summary.new, Person(summary.operator), run=run)
        return Engine(
            Services(self._settings, self._recorder, self._history, self._clock, self._redact),
            job,
            await self._recorder.do(self._history.facts, run),
            desk=self._desk,
            publish=self._publish,
            auto=auto,
            orphans=self._orphans,
            by_hand=partial(done_by_hand, self._places),
            after_step=self._index_soon,
        )

    def _index_soon(self, _step: str = "") -> None:
        """Index the lines so far for search, beside the next step; the run does not wait for it."""
        if self._indexing is None or self._indexing.done():
            self._indexing = asyncio.create_task(self._index(), name="index")

    async def _index(self) -> None:
        while await self._recorder.do(self._journal.index_lines):
            pass  # a chunk a commit: log lines and clients get their turn between two

    # -- the way back -------------------------------------------------------------------------------------------

    async def _plan(self, run: int, options: RollbackOptions) -> RollbackPlan:
        plan = await plan_way_back(self._settings, self._history, run, options)
        if plan.blockers:
            raise Refused("\n".join(plan.blockers), "See it whole: debvisor-tui rollback --plan")
        if not plan.enabled:
            raise Refused("There is nothing to undo: this run has changed nothing that is still in place.")
        return plan

    async def _check_way_back(self, options: RollbackOptions) -> None:
        await self._plan(release_of(self._history, self._run).id, options)

    async def _begin_rollback(self, plan: RollbackPlan, who: Person) -> int:
        release = self._history.summary(plan.run)
        assert release is not None  # noqa: S101
        job = Job(RunKind.ROLLBACK, old=release.new, new=release.old, operator=who)
        steps, facts = [], {}
        for action in plan.enabled:
            facts[action.step] = dict(action.facts)
            steps.append(self._rollback_step(job, action.step, facts[action.step]))
        # The release moves to rolling-back in the same commit: neither is ever seen without the other.
        return await self._recorder.do(
            self._journal.create_run,
            NewRun(
                kind=RunKind.ROLLBACK,
                target=self._settings.name,
                old=job.old,
                new=job.new,
                operator=str(who),
                steps=steps,
                of_run=plan.run,
                auto=True,
                how=self._how,
                facts=facts,
                note=clean(plan.note, self._redact),
            ),
        )

    def _rollback_step(self, job: Job, step: str, facts: Mapping[str, Any]) -> PlannedStep:
        known = spec_of(RunKind.ROLLBACK, step, self._settings)
        whole = replace(job, facts=facts)
        commands = task_for(RunKind.ROLLBACK, step, self._settings).commands(self._settings, whole)
        return PlannedStep(known.id, known.title, known.phase, known.why, self._shown(commands))

    def _shown(self, commands: Sequence[str]) -> tuple[str, ...]:
        """Commands for the journal: what the config has in them may be a password, or no text."""
        return tuple(clean(command, self._redact) for command in commands)

    # -- telling ------------------------------------------------------------------------------------------------

    async def _decide(self, step: str, who: Person, answer: str, reason: str) -> None:
        await self._recorder.do(self._journal.decide, self._run, step, str(who), answer, clean(reason, self._redact))

    async def _note(self, kind: EventKind, data: Mapping[str, Any]) -> None:
        await self._recorder.do(self._journal.note, self._run, kind, data)

    def _journal_trouble(self, error: JournalError | None) -> None:
        """The journal cannot be written, or can again: the run stands still meanwhile, and clients are told why."""
        if error is None:
            self._clock.let_go("the journal")
            self._server.trouble = None
            self._publish({"type": "trouble", "what": "", "hint": ""})
            print("The journal is written again; the run goes on.")
            return
        self._clock.hold("the journal")
        print(error)
        hint = (
            f"{error.hint}\nThe run then goes on by itself. What works goes on meanwhile, nothing new begins.\n"
            f"To leave it as it stands instead, and resume it later: kill {self._lock.holder.pid}"
        )
        self._server.trouble = {"type": "trouble", "what": f"The run stands still. {error.what}", "hint": hint}
        self._publish(self._server.trouble)

    def _standing(self) -> tuple[int, int, Message | None]:
        return self._run, self._seq, self._desk.progress

    def _publish_event(self, event: Event) -> None:
        self._seq = event.seq
        message = {"type": "event", "seq": event.seq, "run": event.run, "kind": event.kind}
        self._publish({**message, "step": event.step, "data": dict(event.data)})

    def _publish(self, message: Message) -> None:
        self._server.publish(message)
