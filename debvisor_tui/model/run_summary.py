"""What a run amounts to, in words: what has changed so far, what runs now, how it ended, and by whom."""

from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.changes import Change, ChangeKind, ChangeState
from debvisor_tui.model.playbook import RunKind
from debvisor_tui.model.states import RunState, StepState
from debvisor_tui.model.text import one_line
from debvisor_tui.model.times import local_day
from debvisor_tui.model.views import RunView


def live_step(view: RunView) -> str:
    """The step the run is at: the one it waits at, or runs, or ran last, or begins with."""
    if view.gate is not None:
        return view.gate.step
    if view.run.step:
        return view.run.step
    return view.steps[0].id if view.steps else ""


def was_under_way(view: RunView, now: float) -> str:
    """What an interrupted run was at when its runner went, and since when, in one sentence."""
    for step in view.steps:
        attempt = step.attempt
        if attempt is not None and attempt.state in {StepState.RUNNING, StepState.INTERRUPTED}:
            tries = f", attempt {attempt.number}" if attempt.number > 1 else ""
            return f"{step.title} was under way, since {local_day(attempt.started_at, now)}{tries}."
    if view.gate is not None:
        return f"It waited for an answer at {view.step(view.gate.step).title}; nothing was under way."
    return "Nothing was under way."


def in_place(view: RunView) -> tuple[Change, ...]:
    """The changes that stand, or may stand."""
    return tuple(c for c in view.changes if c.state is not ChangeState.UNDONE)


def can_roll_back(view: RunView) -> str:
    """Why this run cannot be rolled back, or ""."""
    if view.run.kind is RunKind.ROLLBACK and view.run.state is RunState.SUCCEEDED:
        return f"{view.run.to_version} runs again; there is nothing more to roll back."
    if view.run.state is RunState.ROLLED_BACK:
        return "This release is rolled back already."
    if view.run.kind is RunKind.RELEASE and not any(c.kind is not ChangeKind.BACKUP for c in in_place(view)):
        return "Nothing has been changed yet, so there is nothing to roll back; E ends the run."
    return ""


def change_words(change: Change) -> str:
    """One change in a few words: "code v1.0.0 → v1.1.0"."""
    unsure = {ChangeState.INTENDED: " (begun; not known whether done)", ChangeState.FAILED: " (failed in mid-work)"}
    return _what(change) + unsure.get(change.state, "")


def _what(change: Change) -> str:
    before, after = change.before, change.after
    match change.kind:
        case ChangeKind.CODE | ChangeKind.IMAGE:
            names = [Artifact.from_facts(f).version or Artifact.from_facts(f).short or "?" for f in (before, after)]
            return one_line(f"{change.kind} {names[0]} → {names[1]}" if after else f"{change.kind}, from {names[0]}")
        case ChangeKind.DATABASE:
            old = str(before.get("revision") or "base")[:12]
            return one_line(f"database {old} → {str(after.get('revision') or 'base')[:12]}" if after else "database")
        case ChangeKind.PROCESS:
            return "service restarted"
        case ChangeKind.BACKUP:
            return one_line(f"backup {after.get('tag', '')}".strip())
        case _:
            return one_line(change.subject)


def changes_so_far(view: RunView) -> str:
    """What has changed, in one sentence, for whoever is about to stop here."""
    tried = in_place(view)
    if not tried:
        return "Nothing has been changed so far."
    # A step of the target's own that was tried again says how its last attempt went.
    last = {change.step: change for change in tried if change.kind is ChangeKind.OWN}
    stands = [change for change in tried if last.get(change.step, change) is change]
    return "Changed so far: " + ", ".join(dict.fromkeys(change_words(c) for c in stands)) + "."


def runs_now(view: RunView) -> str:
    """Which version the service runs after this run, as far as its records tell."""
    kinds = {c.kind for c in view.changes if c.state is ChangeState.DONE}
    moved = bool(kinds & {ChangeKind.CODE, ChangeKind.IMAGE})
    old, new = view.run.from_version, view.run.to_version
    if moved and ChangeKind.PROCESS in kinds:
        return f"{new} runs now."
    if moved:
        return f"{new} is in place, but the service was not restarted: {old} still runs."
    if ChangeKind.PROCESS in kinds:
        return f"The service was restarted; {old} runs."
    return f"{old} runs, as before."


def tally(view: RunView) -> str:
    """ "9 steps done, 1 skipped"."""
    words = {
        StepState.SUCCEEDED: "done",
        StepState.SKIPPED: "skipped",
        StepState.FAILED: "failed",
        StepState.CANCELLED: "cancelled",
        StepState.INTERRUPTED: "interrupted",
        StepState.PENDING: "not reached",
    }
    counts = [(word, sum(step.state is state for step in view.steps)) for state, word in words.items()]
    told = [f"{count} {word}" for word, count in counts if count]
    return f"{len(view.steps)} steps: " + ", ".join(told)
