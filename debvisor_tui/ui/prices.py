"""What an answer costs, in words: crossing into what changes the target, skipping a step, going on without a
backup."""

from collections.abc import Mapping
from typing import Final

from debvisor_tui.model.changes import ChangeKind
from debvisor_tui.model.durations import format_duration
from debvisor_tui.model.evidence import Migration
from debvisor_tui.model.playbook import RunKind, StepSpec, step_specs
from debvisor_tui.model.states import StepState
from debvisor_tui.model.views import RunView

#: What is lost by going on without a step.
PRICES: Final[Mapping[str, str]] = {
    "review": "Nobody says that the changes were read by a second person.",
    "ci": "Nobody says that this commit has passed its tests.",
    "backup": "NO BACKUP in this run: there is no last resort if the data is damaged.",
    "migration-check": "Nobody knows what the migrations do to the data, or whether there is a way down.",
    "pull": "The new release is not put in place: the steps after this one work on the old code.",
    "upgrade": "The database stays as it is: the new release may not run on it.",
    "restart": "The service goes on running the old release.",
    "health": "Nobody sees whether the release answers.",
    "smoke": "Nobody sees whether a person can log in.",
    "monitor": "Nobody watches error rate and latency: what goes wrong now is seen by users first.",
    "revert-database": "The database stays as the new release made it: the old one may not run on it, and once its "
    "code is back there may be no way down.",
    "revert-release": "The new release's code stays in place.",
}


def crossing_text(view: RunView, step: str) -> str:
    """What running `step` means for who uses the target, if it is the first that changes it or users notice it; or
    ""."""
    specs = {spec.id: spec for spec in step_specs(view.run.kind)}
    spec = specs.get(step)
    own = spec is None and view.run.kind is RunKind.RELEASE  # the config's own: it may do anything
    noticed, changes = (spec.noticed, spec.changes) if spec is not None else (False, own)
    if not (noticed or (changes and not _changed(view, specs))):
        return ""
    usual = view.step(step).usual
    told = [view.step(step).why]
    if not _changed(view, specs):
        told.append("From here on the target is changed: R is the way back.")
    if noticed:
        told.append(f"USERS NOTICE THIS: the service does not answer {downtime(usual)}.")
    elif own:
        told.append("It is a step of this target's own: whether users notice it is not known here.")
    else:
        told.append("Users notice nothing of this step.")
    return "\n".join(told)


def downtime(usual: float | None) -> str:
    """How long a restart keeps users waiting; `usual`: seconds that it took before, None if it never has."""
    return f"for about {format_duration(usual)}" if usual else "for a moment (how long was not measured here yet)"


def _changed(view: RunView, specs: Mapping[str, StepSpec]) -> bool:
    """Whether a step of this run has changed the target already, or tried to."""
    return any(step.attempts and (step.id not in specs or specs[step.id].changes) for step in view.steps)


def risks(view: RunView) -> list[str]:
    """What this run goes on without, for every later question."""
    skipped = {step.id for step in view.steps if step.state is StepState.SKIPPED}
    return [PRICES["backup"]] if "backup" in skipped and view.run.kind is RunKind.RELEASE else []


def price_of_skipping(view: RunView, step: str) -> str:
    """What is lost by going on without `step`, by what this run knows."""
    told = [PRICES.get(step, "")]
    destroys = [m for m in _migrations(view) if m.destructive]
    if step == "backup" and not view.step("migration-check").attempts:
        told.append("Whether this release destroys data is not known yet.")
    if step in {"backup", "upgrade"} and destroys:
        told.append("This release destroys data, or may.")
    if step == "upgrade" and half_done(view, step):
        told.append("The upgrade has failed half-way: the database is neither the old one nor the new one.")
    return " ".join(text for text in told if text)


def half_done(view: RunView | None, step: str) -> bool:
    """Whether `step` was begun and changed something, or may have: leaving it so needs more than a key."""
    if view is None or view.step(step).state not in {StepState.FAILED, StepState.CANCELLED, StepState.INTERRUPTED}:
        return False
    changes = [change for change in view.changes if change.step == step]
    return any(change.kind is ChangeKind.DATABASE or not change.is_noop for change in changes)


def _migrations(view: RunView) -> list[Migration]:
    found = [e for e in view.evidence if (e.step, e.name) == ("migration-check", "migrations")]
    return [Migration.from_json(m) for m in found[-1].value.get("pending", ())] if found else []
