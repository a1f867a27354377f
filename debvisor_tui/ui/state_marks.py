"""The glyph, the word and the colour of each state, the same on every screen: never the colour alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from debvisor_tui.model.playbook import RunKind
from debvisor_tui.model.states import RunState, StepState

if TYPE_CHECKING:  # not needed for the first paint
    from debvisor_tui.model.views import RunSummary


@dataclass(frozen=True, slots=True)
class Mark:
    """`style` is a Content style; `str(mark)` is glyph and word."""

    glyph: str
    word: str
    style: str

    def __str__(self) -> str:
        return f"{self.glyph} {self.word}"


DONE = Mark("✓", "done", "$ok")
WAITING = Mark("■", "waiting", "bold $warn")

STEP_MARKS: Mapping[StepState, Mark] = {
    StepState.PENDING: Mark("·", "pending", "$muted"),
    StepState.RUNNING: Mark("▶", "running", "bold $accent"),
    StepState.SUCCEEDED: DONE,
    StepState.FAILED: Mark("✗", "failed", "bold $danger"),
    StepState.CANCELLED: Mark("⊘", "cancelled", "$warn"),
    StepState.SKIPPED: Mark("↷", "skipped", "$warn"),
    StepState.INTERRUPTED: Mark("!", "interrupted", "bold $warn"),
}

#: The end of a rollback that did not bring all back.
NOT_ALL = Mark("!", "not all back", "bold $warn")

RUN_MARKS: Mapping[RunState, Mark] = {
    RunState.PLANNED: Mark("·", "planned", "$muted"),
    RunState.RUNNING: Mark("▶", "running", "bold $accent"),
    RunState.WAITING: WAITING,
    RunState.SUCCEEDED: Mark("✓", "succeeded", "$ok"),
    RunState.FAILED: Mark("✗", "failed", "bold $danger"),
    RunState.ABORTED: Mark("⊘", "ended early", "$warn"),
    RunState.ROLLING_BACK: Mark("▶", "rolling back", "bold $warn"),
    RunState.ROLLED_BACK: Mark("↩", "rolled back", "$warn"),
    RunState.ROLLBACK_FAILED: Mark("✗", "rollback failed", "bold $danger"),
    RunState.INTERRUPTED: Mark("!", "interrupted", "bold $warn"),
}


def mark_of_run(run: "RunSummary") -> Mark:
    """As RUN_MARKS, but a rollback that did not bring all back is never shown as a plain success."""
    if run.kind is RunKind.ROLLBACK and run.state is RunState.SUCCEEDED and run.note:
        return NOT_ALL
    return RUN_MARKS[run.state]
