"""The playbook: the ordered steps of a release and of a rollback, and all that there is to say of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from debvisor_tui.model.changes import ChangeKind


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

    `task`: "module:Class" below tasks/. `body`: "module.function" below ui/widgets/bodies/, or "": its facts in their
    own words. `limit`: seconds that it may take without the operator's say, None: the settings tell; `limit_of`: the
    step whose `[steps.X] timeout` is this one's limit, or "": its own.
    `changes`: it changes the target; `records`: the kinds of changes that it journals, by which the world tells
    whether it was done. `noticed`: users may notice it while it works. `undoes`: which changes of the release are
    undone once it has succeeded. `statement`: what is proposed to who vouches for it; `{trunk}` is filled in.
    """

    id: str
    title: str
    phase: Phase
    why: str
    task: str = ""
    body: str = ""
    limit: float | None = None
    limit_of: str = ""
    changes: bool = False
    records: frozenset[ChangeKind] = frozenset()
    noticed: bool = False
    undoes: frozenset[ChangeKind] = frozenset()
    statement: str = ""


@dataclass(frozen=True, slots=True)
class Playbook:
    """`release` in its order; `rollback` in the order in which a rollback uses them, which leaves out what it does
    not need."""

    release: tuple[StepSpec, ...]
    rollback: tuple[StepSpec, ...]

    def steps(self, kind: RunKind) -> tuple[StepSpec, ...]:
        return self.release if kind is RunKind.RELEASE else self.rollback

    def spec(self, kind: RunKind, step: str) -> StepSpec:
        """The step named `step`; KeyError if the playbook has none of that name."""
        for candidate in self.steps(kind):
            if candidate.id == step:
                return candidate
        raise KeyError(step)


CODE: Final = frozenset({ChangeKind.CODE, ChangeKind.IMAGE})
DATABASE: Final = frozenset({ChangeKind.DATABASE})
PROCESS: Final = frozenset({ChangeKind.PROCESS})

RELEASE_STEPS: Final = (
    StepSpec(
        "review",
        "Code review",
        Phase.PRE_DEPLOY,
        "Everything that is about to change was read by somebody else and is on the release branch.",
        task="review:ReviewTask",
        body="changes_in.review",
        limit=300.0,
        statement="All changes were reviewed{trunk}.",
    ),
    StepSpec(
        "ci",
        "CI",
        Phase.PRE_DEPLOY,
        "The exact commit that is about to run has passed its pipeline.",
        task="ci:CiTask",
        body="changes_in.ci",
        limit=600.0,
        statement="The pipeline of this commit passed.",
    ),
    StepSpec(
        "backup",
        "Backup",
        Phase.PRE_DEPLOY,
        "A full backup before anything changes: the last resort.",
        task="backup:BackupTask",
        body="database.backup",
        limit=7200.0,
        records=frozenset({ChangeKind.BACKUP}),
    ),
    StepSpec(
        "migration-check",
        "Migrations",
        Phase.PRE_DEPLOY,
        "What the release will do to the database, and whether there is a way down again.",
        task="migration_check:MigrationCheckTask",
        body="database.migrations",
        limit=600.0,
    ),
    StepSpec(
        "pull",
        "Pull",
        Phase.DEPLOY,
        "Put the new release in place; nothing runs it yet.",
        task="pull:PullTask",
        body="service.code",
        limit=1800.0,
        changes=True,
        records=CODE,
    ),
    StepSpec(
        "upgrade",
        "Upgrade",
        Phase.DEPLOY,
        "Apply the pending migrations with the new release's code.",
        task="upgrade:UpgradeTask",
        body="database.revisions",
        limit=7200.0,
        changes=True,
        records=DATABASE,
    ),
    StepSpec(
        "restart",
        "Restart",
        Phase.DEPLOY,
        "Let the service run the new release.",
        task="restart:RestartTask",
        body="service.restart",
        limit=900.0,
        changes=True,
        records=PROCESS,
        noticed=True,
    ),
    StepSpec(
        "health",
        "Health",
        Phase.DEPLOY,
        "The service is alive and ready, several times in a row.",
        task="health:HealthTask",
        body="service.health",
    ),
    StepSpec(
        "smoke",
        "Smoke test",
        Phase.POST_DEPLOY,
        "A person can log in and the dashboard shows what it must.",
        task="smoke:SmokeTask",
        body="service.smoke",
        limit=300.0,
    ),
    StepSpec(
        "monitor",
        "Monitor",
        Phase.POST_DEPLOY,
        "Most bad releases show within minutes: error rate and latency against limits and the time before.",
        task="monitor:MonitorTask",
        body="service.monitor",
    ),
)

ROLLBACK_STEPS: Final = (
    StepSpec(
        "revert-database",
        "Undo migrations",
        Phase.ROLLBACK,
        "Down to the recorded revision while the new release's code, which knows the way, is still there.",
        task="revert_database:RevertDatabaseTask",
        body="database.revisions",
        limit=7200.0,
        limit_of="upgrade",
        undoes=DATABASE,
    ),
    StepSpec(
        "revert-release",
        "Put code back",
        Phase.ROLLBACK,
        "The release that ran before is put in place.",
        task="revert_release:RevertReleaseTask",
        body="service.code",
        limit=600.0,
        limit_of="pull",
        undoes=CODE,
    ),
    StepSpec(
        "restore-backup",
        "Restore backup",
        Phase.ROLLBACK,
        "Last resort: the database as it was when this release began.",
        task="restore_backup:RestoreBackupTask",
        body="database.restored",
        limit=7200.0,
        limit_of="backup",
        undoes=DATABASE,
    ),
    StepSpec(
        "restart",
        "Restart",
        Phase.ROLLBACK,
        "Let the service run the old release.",
        task="restart:RestartTask",
        body="service.restart",
        limit=900.0,
        noticed=True,
        undoes=PROCESS,
    ),
    StepSpec(
        "health",
        "Health",
        Phase.ROLLBACK,
        "Proof that the old release answers.",
        task="health:HealthTask",
        body="service.health",
    ),
)

#: The playbook without any step of a config's own.
STANDARD: Final = Playbook(RELEASE_STEPS, ROLLBACK_STEPS)

#: How the id of the rollback's step begins that undoes a config's own step.
UNDO: Final = "undo-"


@dataclass(frozen=True, slots=True)
class ExtraStep:
    """A step of the config's own. `anchor`: the step that it stands beside; `after`: behind it, else before it."""

    id: str
    title: str
    why: str
    anchor: str
    after: bool
    limit: float = 600.0


def with_extra(extra: Sequence[ExtraStep]) -> Playbook:
    """The playbook with the config's own steps: those at one place stand in the order in which they are given."""
    steps = list(RELEASE_STEPS)
    for one in extra:
        at = next(i for i, spec in enumerate(steps) if spec.id == one.anchor)
        if one.after:  # behind those that were put there before it
            at += 1
            while at < len(steps) and any(e.id == steps[at].id and e.after and e.anchor == one.anchor for e in extra):
                at += 1
        phase = next(spec.phase for spec in RELEASE_STEPS if spec.id == one.anchor)
        spec = StepSpec(
            one.id, one.title, phase, one.why, task="extra:ExtraTask", limit=one.limit, limit_of=one.id, changes=True
        )
        steps.insert(at, spec)
    undo = tuple(undo_spec(one.id, one.title, one.limit) for one in extra)
    return Playbook(tuple(steps), (*ROLLBACK_STEPS, *undo))


def undo_spec(step: str, title: str, limit: float = 600.0) -> StepSpec:
    """The rollback's step that undoes the config's own step `step`."""
    why = f"What {title} has done in this release is undone by its own command."
    return StepSpec(
        f"{UNDO}{step}", f"Undo {title}", Phase.ROLLBACK, why, task="extra:UndoTask", limit=limit, limit_of=step
    )


def undo_place(anchor: str, after: bool) -> str:
    """Before which step of a rollback what a config's own step did is undone: "first", a step's id, or "last".

    What was done behind a step is undone before that step is; what was done before a step (the load balancer is told
    to send nobody) holds until the old release has been proven to answer.
    """
    if not after:
        return "last"
    undone = {"pull": "revert-release", "upgrade": "revert-database", "restart": "restart"}
    phase = next(spec.phase for spec in RELEASE_STEPS if spec.id == anchor)
    return undone.get(anchor, "last" if phase is Phase.PRE_DEPLOY else "first")


def step_specs(kind: RunKind) -> tuple[StepSpec, ...]:
    return STANDARD.steps(kind)


def spec(kind: RunKind, step: str) -> StepSpec:
    """The standard step named `step`; KeyError if the playbook has none of that name."""
    return STANDARD.spec(kind, step)
