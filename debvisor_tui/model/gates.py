"""Gates: where a run waits for the operator, what is asked, and what may be answered."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self


class GateKind(StrEnum):
    READY = "ready"  # a step is next; nothing of it was done
    FAILED = "failed"  # the step's work failed
    CANCELLED = "cancelled"  # the operator cancelled the step
    INTERRUPTED = "interrupted"  # the runner was gone while the step ran; inspection says what stands
    ATTEST = "attest"  # the step asks a person to vouch for something that it cannot read
    ACKNOWLEDGE = "acknowledge"  # the step asks for agreement to a danger that it states


class Answer(StrEnum):
    RUN = "run"  # start the step
    RETRY = "retry"  # a new attempt
    CONTINUE = "continue"  # let stand what inspection found done
    SKIP = "skip"  # go on without it; needs a reason
    ATTEST = "attest"  # needs a statement
    ACKNOWLEDGE = "acknowledge"
    DECLINE = "decline"  # do not vouch, do not agree: the step fails
    ROLLBACK = "rollback"  # needs RollbackOptions
    ABORT = "abort"  # end the run here; needs a reason
    EXTEND = "extend"  # watch longer before it is decided; only where the gate offers it


ANSWERS: Mapping[GateKind, tuple[Answer, ...]] = {
    GateKind.READY: (Answer.RUN, Answer.SKIP, Answer.ROLLBACK, Answer.ABORT),
    GateKind.FAILED: (Answer.RETRY, Answer.SKIP, Answer.ROLLBACK, Answer.ABORT),
    GateKind.CANCELLED: (Answer.RETRY, Answer.SKIP, Answer.ROLLBACK, Answer.ABORT),
    GateKind.INTERRUPTED: (Answer.CONTINUE, Answer.RETRY, Answer.SKIP, Answer.ROLLBACK, Answer.ABORT),
    GateKind.ATTEST: (Answer.ATTEST, Answer.DECLINE, Answer.ROLLBACK, Answer.ABORT),
    GateKind.ACKNOWLEDGE: (Answer.ACKNOWLEDGE, Answer.DECLINE, Answer.ROLLBACK, Answer.ABORT),
}

NEEDS_REASON = frozenset({Answer.SKIP, Answer.ABORT, Answer.ATTEST})


@dataclass(frozen=True, slots=True)
class Gate:
    """`question` is one sentence; `detail` what there is to know before answering; `danger` what could be lost.

    `finding` is set at INTERRUPTED: what inspection of the world found (see :class:`.findings.Finding`).
    `more`: answers that only this gate takes.
    """

    kind: GateKind
    step: str
    question: str
    detail: str = ""
    danger: str = ""
    finding: str = ""
    more: tuple[Answer, ...] = ()

    @property
    def answers(self) -> tuple[Answer, ...]:
        if self.more:
            return (*self.more, *ANSWERS[self.kind])
        if self.kind is GateKind.INTERRUPTED and self.finding != "done":
            return tuple(a for a in ANSWERS[self.kind] if a is not Answer.CONTINUE)
        return ANSWERS[self.kind]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        more = tuple(Answer(answer) for answer in data.get("more", ()))
        return cls(**{**data, "kind": GateKind(data["kind"]), "more": more})
