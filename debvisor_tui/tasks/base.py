"""What a task is, and what it may ask of the step that runs it.

A task never touches the journal, the terminal or the network of clients: all it establishes goes through the
:class:`StepContext`. The runner gives it one that journals; `debvisor-cli` gives it one that prints.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from debvisor_tui.config.settings import Settings
from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.changes import Change, ChangeKind, Facts
from debvisor_tui.model.evidence import Evidence
from debvisor_tui.model.findings import Finding
from debvisor_tui.model.gates import Answer, GateKind
from debvisor_tui.model.people import Person
from debvisor_tui.model.playbook import RunKind
from debvisor_tui.model.verdict import Sample
from debvisor_tui.system.execute import Executor


@dataclass(frozen=True, slots=True)
class Job:
    """The run that a task works for: from the artifact `old` to `new`. `facts`: of a rollback's action."""

    kind: RunKind
    old: Artifact
    new: Artifact
    operator: Person
    run: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def from_version(self) -> str:
        return self.old.version

    @property
    def to_version(self) -> str:
        return self.new.version

    @property
    def recorded(self) -> Artifact:
        """Of a rollback: what to go back to: the action's facts, which are a change's `before`, else its target."""
        found = Artifact.from_facts(self.facts)
        return found if found.identity else self.new

    @property
    def backup_tag(self) -> str:
        return f"pre-deploy-{self.to_version}"


@dataclass(slots=True)
class ChangeRecord:
    """Filled in by the task while the change is made; `after` is what is journaled as the outcome."""

    before: Facts
    after: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the operator answered at a gate that a task asked for."""

    answer: Answer
    who: Person
    at: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StepCommand:
    """A command to a running task: "extend" {"seconds": 300.0} or "pass" {"reason": …} at the monitor."""

    name: str
    who: Person
    args: Mapping[str, Any]


class StepContext(ABC):
    """The step that a task runs in. Everything that awaits may raise asyncio.CancelledError: the step was cancelled.

    `inbox` holds commands for the running task; only tasks that name them in `accepts` get any.
    """

    settings: Settings
    job: Job
    step: str
    inbox: asyncio.Queue[StepCommand]

    @abstractmethod
    def log(self, text: str, stream: str = "note") -> None:
        """Add line(s) to the step's log; `text` may be foreign: it is sanitised and redacted here."""

    @property
    @abstractmethod
    def execute(self) -> Executor:
        """Run a command (:class:`.execute.Options`); its output goes to the log as it comes. A `limit` is of
        :meth:`clock`."""

    @abstractmethod
    async def evidence(self, name: str, text: str, value: Mapping[str, Any]) -> None:
        """Journal a fact (names and shapes: model/evidence.py)."""

    @abstractmethod
    def change(self, kind: ChangeKind, subject: str, before: Facts) -> AbstractAsyncContextManager[ChangeRecord]:
        """Around a side effect: the intent is committed on entry, the outcome on exit (FAILED if it raises).

        `after` counts in both cases: on failure fill it with what really stands, if that can be told.
        """

    @abstractmethod
    def progress(self, done: float, total: float | None, unit: str, note: str = "") -> None:
        """How far the work is; not journaled. `unit`: "bytes", "revisions", "probes", "seconds" …"""

    @abstractmethod
    async def ask(
        self,
        kind: GateKind,
        question: str,
        *,
        detail: str = "",
        danger: str = "",
        more: tuple[Answer, ...] = (),
    ) -> Reply:
        """Wait at an ATTEST or ACKNOWLEDGE gate for as long as it takes. A DECLINE raises WorkFailed.

        `more`: answers that this gate takes besides its kind's.
        """

    @abstractmethod
    async def sample(self, sample: Sample) -> None:
        """Journal one sample of the monitor."""

    def clock(self) -> float:
        """Monotonic seconds for a deadline: they do not pass while the run stands still, or a person is asked."""
        return asyncio.get_running_loop().time()

    def limit(self, seconds: float | None) -> AbstractAsyncContextManager[object]:
        """As `asyncio.timeout`, by :meth:`clock`."""
        return asyncio.timeout(seconds)

    @abstractmethod
    async def recall(self, step: str, name: str) -> tuple[Evidence, ...]:
        """The evidence `name` that step `step` of this run has established, oldest first."""

    @abstractmethod
    async def changes(self) -> tuple[Change, ...]:
        """The changes of this run so far, oldest first."""

    @abstractmethod
    async def standing(self) -> tuple[Sequence[Change], ...]:
        """The changes of each other release that still stands, newest first: what undoing them needs is kept."""


class Task(Protocol):
    """One kind of work. `accepts`: the nudges it understands while it runs."""

    accepts: frozenset[str]

    def commands(self, settings: Settings, job: Job) -> tuple[str, ...]:
        """What it will run, one command a line, as the operator could type it. Pure."""

    async def run(self, ctx: StepContext) -> str:
        """Do the work; return what was done in one line. WorkFailed (what, hint) if it cannot be."""

    async def inspect(self, ctx: StepContext) -> Finding:
        """Look at the world, changing nothing: was this work done, not done, or done in part?"""
