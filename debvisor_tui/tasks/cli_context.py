"""The step context of `debvisor-cli`: a task's work without a run, told on stderr and journaled nowhere."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any, Unpack

from debvisor_tui.config.secrets import url_passwords
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.changes import Change, ChangeKind, ChangeState, Facts
from debvisor_tui.model.errors import UsageError, WorkFailed
from debvisor_tui.model.evidence import Evidence
from debvisor_tui.model.gates import Answer, Gate, GateKind
from debvisor_tui.model.text import LineAssembler, Redactor, clean
from debvisor_tui.model.verdict import Sample
from debvisor_tui.system.execute import Completed, OnOutput, Options, require_success, run_as
from debvisor_tui.system.failures import shown
from debvisor_tui.tasks.base import ChangeRecord, Job, Reply, StepCommand, StepContext

#: Gets each line of the log with its stream ("note", "cmd", "out", "err"), clean and redacted.
Say = Callable[[str, str], None]
#: Puts a gate to a person; None where there is nobody to ask.
AskPerson = Callable[[Gate], Awaitable[Reply]]
#: done, total or None, unit, note
ShowProgress = Callable[[float, float | None, str, str], None]


class StandaloneContext(StepContext):
    """Keeps what the task establishes in `found` and `made`, for the command to print."""

    def __init__(
        self,
        settings: Settings,
        job: Job,
        step: str,
        *,
        say: Say,
        ask: AskPerson | None = None,
        progress: ShowProgress | None = None,
        standing: Callable[[], Sequence[Sequence[Change]]] = tuple,
    ) -> None:
        self.settings = settings
        self.job = job
        self.step = step
        self.inbox: asyncio.Queue[StepCommand] = asyncio.Queue(maxsize=1)
        self.found: list[Evidence] = []
        self.made: list[Change] = []
        self.samples: list[Sample] = []
        self._say = say
        self._ask = ask
        self._progress = progress
        self._standing = standing
        self._redact = Redactor(_known_secrets(settings))

    def log(self, text: str, stream: str = "note") -> None:
        for line in clean(text, self._redact).splitlines():
            self._say(line, stream)

    async def execute(self, argv: Sequence[str], **options: Unpack[Options]) -> Completed:
        self.log(f"$ {shown(argv)}", "cmd")
        out, err = LineAssembler(self._redact), LineAssembler(self._redact)
        async with self.limit(options.get("limit")):
            try:
                done = await run_as(argv, options, on_stdout=self._sink(out, "out"), on_stderr=self._sink(err, "err"))
            finally:
                for assembler, stream in ((out, "out"), (err, "err")):
                    for line in assembler.close():
                        self._say(line, stream)
        return require_success(done, options)

    def _sink(self, assembler: LineAssembler, stream: str) -> OnOutput:
        async def sink(chunk: bytes) -> None:
            for line in assembler.feed(chunk):
                self._say(line, stream)

        return sink

    async def evidence(self, name: str, text: str, value: Mapping[str, Any]) -> None:
        self.found.append(Evidence(self.step, name, clean(text, self._redact), value, time.time()))

    def change(self, kind: ChangeKind, subject: str, before: Facts) -> AbstractAsyncContextManager[ChangeRecord]:
        return self._change(kind, subject, before)

    @contextlib.asynccontextmanager
    async def _change(self, kind: ChangeKind, subject: str, before: Facts) -> AsyncIterator[ChangeRecord]:
        number = len(self.made)
        self.made.append(
            Change(number + 1, self.step, kind, subject, ChangeState.INTENDED, dict(before), at=time.time())
        )
        record = ChangeRecord(before=before)
        state = ChangeState.FAILED
        try:
            yield record
            state = ChangeState.DONE
        finally:
            self.made[number] = replace(self.made[number], state=state, after=dict(record.after))

    def progress(self, done: float, total: float | None, unit: str, note: str = "") -> None:
        if self._progress is not None:
            self._progress(done, total, unit, clean(note, self._redact))

    async def ask(
        self,
        kind: GateKind,
        question: str,
        *,
        detail: str = "",
        danger: str = "",
        more: tuple[Answer, ...] = (),
    ) -> Reply:
        question, detail, danger = (clean(text, self._redact) for text in (question, detail, danger))
        gate = Gate(kind, self.step, question, detail, danger, more=more)
        if self._ask is None:
            told = f" {gate.danger}" if gate.danger else ""
            raise WorkFailed(f"A person must decide: {gate.question}{told}", "Run it in a terminal.")
        reply = await self._ask(gate)
        if reply.answer is Answer.DECLINE:
            raise WorkFailed(f"Declined by {reply.who.name}.", "Nothing was done.")
        return reply

    async def sample(self, sample: Sample) -> None:
        self.samples.append(sample)

    async def recall(self, step: str, name: str) -> tuple[Evidence, ...]:
        return tuple(e for e in self.found if (e.step, e.name) == (step, name))

    async def changes(self) -> tuple[Change, ...]:
        return tuple(self.made)

    async def standing(self) -> tuple[Sequence[Change], ...]:
        return tuple(await asyncio.to_thread(self._standing))


def _known_secrets(settings: Settings) -> tuple[str, ...]:
    """Those that can be had: a command that needs no smoke password must not fail for want of it."""
    with contextlib.suppress(UsageError):
        return settings.secrets()
    with contextlib.suppress(UsageError):
        return url_passwords(settings.database.url.resolve("database.url").reveal())
    return ()
