"""The step context that journals: what a task establishes is committed before anybody hears of it."""

import asyncio
import contextlib
import shlex
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol, Unpack

from debvisor_tui.config.settings import Settings
from debvisor_tui.model.changes import Change, ChangeKind, ChangeState, Facts
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.evidence import Evidence
from debvisor_tui.model.gates import Answer, Gate, GateKind
from debvisor_tui.model.text import Redactor, clean_all
from debvisor_tui.model.verdict import Sample
from debvisor_tui.runner.orphans import MARK, new_mark
from debvisor_tui.runner.protocol import Message
from debvisor_tui.runner.recorder import Recorder
from debvisor_tui.runner.run_clock import RunClock
from debvisor_tui.runner.step_log import StepLog
from debvisor_tui.store.history import History
from debvisor_tui.system.execute import Completed, Options, require_success, run_as
from debvisor_tui.system.failpoints import reach
from debvisor_tui.system.failures import short_name
from debvisor_tui.system.procfs import boot_id, identify_child
from debvisor_tui.tasks.base import ChangeRecord, Job, Reply, StepCommand, StepContext


class Operator(Protocol):
    """What the context needs of the engine: somebody to ask, and ears to tell."""

    async def ask(self, gate: Gate) -> Reply: ...

    def tell(self, message: Message) -> None: ...


@dataclass(frozen=True, slots=True)
class Services:
    """What all runs and steps of one runner share."""

    settings: Settings
    recorder: Recorder
    history: History
    clock: RunClock
    redact: Redactor


class RunnerContext(StepContext):
    def __init__(
        self, services: Services, job: Job, step: str, attempt: int, *, log: StepLog, operator: Operator
    ) -> None:
        self.settings = services.settings
        self.job = job
        self.step = step
        self.inbox: asyncio.Queue[StepCommand] = asyncio.Queue(maxsize=100)
        self._attempt = attempt
        self._recorder = services.recorder
        self._journal = services.recorder.journal
        self._history = services.history
        self._clock = services.clock
        self._log = log
        self._redact = services.redact
        self._operator = operator

    def _clean(self, value: Any) -> Any:
        """`value` without secrets and control sequences, all the way down: it may hold foreign text."""
        return clean_all(value, self._redact)

    def clock(self) -> float:
        return self._clock()

    def limit(self, seconds: float | None) -> AbstractAsyncContextManager[object]:
        return self._clock.limit(seconds)

    def log(self, text: str, stream: str = "note") -> None:
        self._log.add(text, stream)

    async def execute(self, argv: Sequence[str], **options: Unpack[Options]) -> Completed:
        self.log("$ " + shlex.join(argv), "cmd")
        out, err = self._log.sink("out"), self._log.sink("err")
        mark, name = new_mark(), short_name(argv)
        # Known before it is there: a runner that is killed in between must not leave it unknown.
        told = [self._redact(arg) for arg in argv]
        child = await self._recorder.do(self._journal.intend_child, self._attempt, mark, boot_id(), told)

        async def started(pid: int) -> None:
            reach(f"{name} started")
            if who := identify_child(pid):
                await self._recorder.do(self._journal.name_child, child, pid, who.start_ticks)

        options["env"] = {**(options.get("env") or {}), MARK: mark}
        async with self.limit(options.get("limit")):
            silence = asyncio.create_task(self._log.watch_silence(name), name="silence")
            try:
                done = await run_as(argv, options, on_stdout=out, on_stderr=err, on_start=started)
            finally:
                silence.cancel()
                await out.close()
                await err.close()
                reach(f"{name} ended")
                await self._recorder.do(self._journal.end_child, child)
        if done.left_open:
            self.log(f"{name} has ended; something it left running still holds its output.")
        return require_success(done, options)

    async def evidence(self, name: str, text: str, value: Mapping[str, Any]) -> None:
        clean = self._clean(value)
        call = self._journal.add_evidence
        await self._recorder.do(call, self.job.run, self._attempt, self.step, name, self._clean(text), clean)

    def change(self, kind: ChangeKind, subject: str, before: Facts) -> AbstractAsyncContextManager[ChangeRecord]:
        return self._change(kind, self._clean(subject), self._clean(before))

    @contextlib.asynccontextmanager
    async def _change(self, kind: ChangeKind, subject: str, before: Facts) -> AsyncIterator[ChangeRecord]:
        intend = self._journal.intend_change
        change = await self._recorder.do(intend, self.job.run, self._attempt, self.step, kind, subject, before)
        record = ChangeRecord(before=before)
        settle = self._journal.settle_change
        try:
            yield record
        except BaseException:
            # What really stands, if the task could tell; otherwise `after` stays empty: it may have happened.
            await self._recorder.do(settle, change, ChangeState.FAILED, self._clean(record.after) or None)
            raise
        await self._recorder.do(settle, change, ChangeState.DONE, self._clean(record.after))

    def progress(self, done: float, total: float | None, unit: str, note: str = "") -> None:
        message = {"type": "progress", "run": self.job.run, "step": self.step}
        self._operator.tell({**message, "done": done, "total": total, "unit": unit, "note": self._clean(note)})

    async def ask(
        self,
        kind: GateKind,
        question: str,
        *,
        detail: str = "",
        danger: str = "",
        more: tuple[Answer, ...] = (),
    ) -> Reply:
        question, detail, danger = self._clean(question), self._clean(detail), self._clean(danger)
        reply = await self._operator.ask(Gate(kind, self.step, question, detail, danger, more=more))
        if reply.answer is Answer.DECLINE:
            because = f": {reply.reason}" if reply.reason else ""
            raise WorkFailed(f"Declined by {reply.who}{because}.", "Retry to be asked again.")
        return reply

    async def sample(self, sample: Sample) -> None:
        await self._recorder.do(self._journal.add_sample, self._attempt, sample)
        self._operator.tell({"type": "sample", "run": self.job.run, "step": self.step, "attempt": self._attempt})

    async def recall(self, step: str, name: str) -> tuple[Evidence, ...]:
        view = await self._recorder.do(self._history.run, self.job.run)
        return tuple(e for e in view.evidence if e.step == step and e.name == name) if view else ()

    async def changes(self) -> tuple[Change, ...]:
        view = await self._recorder.do(self._history.run, self.job.run)
        return view.changes if view else ()

    async def standing(self) -> tuple[Sequence[Change], ...]:
        def look() -> tuple[Sequence[Change], ...]:
            return tuple(release.changes for release in self._history.standing() if release.id != self.job.run)

        return await self._recorder.do(look)
