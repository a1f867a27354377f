"""What can be known of runs, read from the journal: the shapes that screens and `--json` show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.changes import Change
from debvisor_tui.model.evidence import Evidence
from debvisor_tui.model.gates import Gate
from debvisor_tui.model.instants import Instant, elapsed
from debvisor_tui.model.playbook import Phase, RunKind
from debvisor_tui.model.states import RunState, StepState


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One try of one step. `seconds`: how long it worked, on the monotonic clock; None while it runs.

    `began`: when, and what its age is told from while it runs.
    `lines`: so many it has logged; they are numbered from 1.
    """

    id: int
    number: int
    state: StepState
    began: Instant
    ended_at: float | None
    seconds: float | None
    error: str
    hint: str
    lines: int

    @property
    def started_at(self) -> float:
        """Unix seconds."""
        return self.began.at

    def age(self, now: Instant) -> float:
        """Seconds that it took, or that it has been running at `now`."""
        return self.seconds if self.seconds is not None else elapsed(self.began, now)


@dataclass(frozen=True, slots=True)
class StepView:
    """`commands`: what it runs, one a line, to be shown and copied. `usual`: median seconds in earlier runs."""

    id: str
    title: str
    phase: Phase
    why: str
    commands: tuple[str, ...]
    manual: bool
    state: StepState
    attempts: tuple[AttemptView, ...] = ()
    usual: float | None = None

    @property
    def attempt(self) -> AttemptView | None:
        return self.attempts[-1] if self.attempts else None


@dataclass(frozen=True, slots=True)
class Child:
    """A process that step `step` started, or (`pid` None) was about to. It carries `nonce` in its environment."""

    id: int
    step: str
    nonce: str
    boot_id: str
    argv: Sequence[str]
    pid: int | None
    start_ticks: int | None


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decided what, from where, why. `answer` is a :class:`.gates.Answer` or a command's name."""

    at: float
    who: str
    step: str
    answer: str
    reason: str


@dataclass(frozen=True, slots=True)
class RunSummary:
    """From `old` to `new`. `of_run`: the release that a rollback undoes. `step`: where it is, or failed, else "".

    `note`: what its end must say besides its state: what a rollback does not bring back.

    `seconds`: from its beginning to its end on the clock since boot (over a reboot: on the wall clock), None before.
    """

    id: int
    kind: RunKind
    of_run: int | None
    target: str
    old: Artifact
    new: Artifact
    state: RunState
    operator: str
    began: Instant
    ended_at: float | None
    seconds: float | None
    step: str = ""
    note: str = ""

    @property
    def from_version(self) -> str:
        return self.old.version

    @property
    def to_version(self) -> str:
        return self.new.version

    @property
    def started_at(self) -> float:
        """Unix seconds."""
        return self.began.at

    def age(self, now: Instant) -> float:
        """Seconds that it took, or that have gone by since its beginning at `now`."""
        return self.seconds if self.seconds is not None else elapsed(self.began, now)


@dataclass(frozen=True, slots=True)
class RunView:
    """All of one run but its log lines and samples, as of event `seq`."""

    run: RunSummary
    steps: tuple[StepView, ...]
    gate: Gate | None
    evidence: tuple[Evidence, ...]
    changes: tuple[Change, ...]
    decisions: tuple[Decision, ...]
    seq: int

    def step(self, step_id: str) -> StepView:
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)

    def found(self, step_id: str, name: str) -> tuple[Evidence, ...]:
        """The evidence `name` that the last attempt of `step_id` established, oldest first."""
        attempt = self.step(step_id).attempt
        last = attempt.id if attempt else None
        return tuple(e for e in self.evidence if e.step == step_id and e.name == name and e.attempt == last)


@dataclass(frozen=True, slots=True)
class LogLine:
    """`stream`: "out" (the child wrote it), "note" (this program wrote it), "cmd" (a command it ran), "err"."""

    number: int
    at: float
    stream: str
    text: str


@dataclass(frozen=True, slots=True)
class SearchHit:
    run: int
    step: str
    attempt: int
    line: LogLine


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, as journaled: `seq` grows by journal, gaps included."""

    seq: int
    run: int
    at: float
    kind: str
    step: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Probe:
    """One HTTP probe: `ok` is the judgement, `text` says it in a line, `parts` are what the body reports.

    `version`: what the service says that it is, or "".
    """

    name: str
    url: str
    status: int | None
    ms: float
    ok: bool
    text: str
    parts: Mapping[str, str]
    version: str = ""


@dataclass(frozen=True, slots=True)
class Now:
    """What runs now, probed now. `problems`: what could not be told and why; such fields are "".

    `version`: what the service answers with; where it answers and does not say, what is in place; "" if nothing
    answers. `proven`: the service itself has said it. `installed`: what is in place, whether it runs or not; None if
    that could not be told. `notes`: what does not fit together.
    """

    version: str
    installed: Artifact | None
    revision: str
    probes: tuple[Probe, ...]
    problems: tuple[str, ...] = ()
    proven: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Version:
    """A version on offer. `current`: it is in place now. `newer`: it comes after what is in place now.

    `at`: unix seconds. `fresh`: the source's remote has just confirmed it; else its plan asks anew.
    """

    artifact: Artifact
    at: float
    subject: str
    current: bool = False
    newer: bool = False
    fresh: bool = False

    @property
    def name(self) -> str:
        return self.artifact.version


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step of a run that was not started: what the plan screen shows, and what the journal then keeps."""

    id: str
    title: str
    phase: Phase
    why: str
    commands: tuple[str, ...]
    manual: bool = False
    usual: float | None = None


@dataclass(frozen=True, slots=True)
class ReleasePlan:
    """A release as it would run: `old` is in place, `new` is to be. `problems`: why it may not start; `warnings`:
    what to know before, such as what a rollback will leave."""

    old: Artifact
    new: Artifact
    steps: tuple[PlannedStep, ...]
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def from_version(self) -> str:
        return self.old.version

    @property
    def to_version(self) -> str:
        return self.new.version
