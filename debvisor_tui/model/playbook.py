"""The playbook: the ordered steps of a release and of a rollback, and why each exists."""

from dataclasses import dataclass
from enum import StrEnum


class RunKind(StrEnum):
    RELEASE = "release"
    ROLLBACK = "rollback"


class Phase(StrEnum):
    PRE_DEPLOY = "pre-deploy"
    DEPLOY = "deploy"
    POST_DEPLOY = "post-deploy"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class StepSpec:
    """One step: `id` is its name everywhere (config, journal, command line); `why` is for the operator.

    `changes`: it changes the target. `noticed`: users may notice it while it works.
    """

    id: str
    title: str
    phase: Phase
    why: str
    changes: bool = False
    noticed: bool = False


RELEASE_STEPS: tuple[StepSpec, ...] = (
    StepSpec(
        "review",
        "Code review",
        Phase.PRE_DEPLOY,
        "Everything that is about to change was read by somebody else and is on the release branch.",
    ),
    StepSpec("ci", "CI", Phase.PRE_DEPLOY, "The exact commit that is about to run has passed its pipeline."),
    StepSpec("backup", "Backup", Phase.PRE_DEPLOY, "A full backup before anything changes: the last resort."),
    StepSpec(
        "migration-check",
        "Migrations",
        Phase.PRE_DEPLOY,
        "What the release will do to the database, and whether there is a way down again.",
    ),
    StepSpec("pull", "Pull", Phase.DEPLOY, "Put the new release in place; nothing runs it yet.", changes=True),
    StepSpec(
        "upgrade", "Upgrade", Phase.DEPLOY, "Apply the pending migrations with the new release's code.", changes=True
    ),
    StepSpec("restart", "Restart", Phase.DEPLOY, "Let the service run the new release.", changes=True, noticed=True),
    StepSpec("health", "Health", Phase.DEPLOY, "The service is alive and ready, several times in a row."),
    StepSpec("smoke", "Smoke test", Phase.POST_DEPLOY, "A person can log in and the dashboard shows what it must."),
    StepSpec(
        "monitor",
        "Monitor",
        Phase.POST_DEPLOY,
        "Most bad releases show within minutes: error rate and latency against limits and the time before.",
    ),
)

#: In the order in which a rollback uses them; the plan leaves out what it does not need.
ROLLBACK_STEPS: tuple[StepSpec, ...] = (
    StepSpec(
        "revert-database",
        "Database down",
        Phase.ROLLBACK,
        "Down to the recorded revision while the new release's code, which knows the way, is still there.",
    ),
    StepSpec("revert-release", "Code back", Phase.ROLLBACK, "The release that ran before is put in place."),
    StepSpec(
        "restore-backup",
        "Restore backup",
        Phase.ROLLBACK,
        "Last resort: the database as it was when this release began.",
    ),
    StepSpec("restart", "Restart", Phase.ROLLBACK, "Let the service run the old release."),
    StepSpec("health", "Health", Phase.ROLLBACK, "Proof that the old release answers."),
)


def step_specs(kind: RunKind) -> tuple[StepSpec, ...]:
    return RELEASE_STEPS if kind is RunKind.RELEASE else ROLLBACK_STEPS


def spec(kind: RunKind, step: str) -> StepSpec:
    """The step named `step`; KeyError if the playbook has none of that name."""
    for candidate in step_specs(kind):
        if candidate.id == step:
            return candidate
    raise KeyError(step)
