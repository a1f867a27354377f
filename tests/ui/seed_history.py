"""More journals for the screens that look back: several runs of all kinds, and one whose way back loses data."""

from pathlib import Path
from typing import Any

import seed

from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.changes import ChangeKind, ChangeState
from debvisor_tui.model.gates import GateKind
from debvisor_tui.model.playbook import RELEASE_STEPS, RunKind
from debvisor_tui.model.rollback import RollbackOptions, RollbackPlan, plan_rollback
from debvisor_tui.model.states import BEGUN_ROLLBACK_STATES, StepState
from debvisor_tui.model.verdict import Sample
from debvisor_tui.model.views import PlannedStep, ReleasePlan, RunView, Version

DAY = 86_400
VERSIONS = (
    Version(
        Artifact("v1.3.0", {"commit": "c" * 40}),
        seed.START - DAY,
        "Snapshots, quotas [/] and a faster dashboard",
        newer=True,
    ),
    Version(
        Artifact("v1.2.0", {"commit": "b" * 40}),
        seed.START - 5 * DAY,
        "Drop the notes of nodes: nobody has read them",
        newer=True,
    ),
    Version(Artifact("v1.1.0", {"commit": seed.NEW}), seed.START - 9 * DAY, "Regions for nodes", current=True),
    Version(Artifact("v1.0.0", {"commit": seed.OLD}), seed.START - 40 * DAY, "The first release"),
)


def release_plan(*problems: str) -> ReleasePlan:
    """v1.1.0 → v1.2.0, with CI by hand."""
    old, new = VERSIONS[2].artifact, VERSIONS[1].artifact
    steps = tuple(
        PlannedStep(
            s.id,
            s.title,
            s.phase,
            s.why,
            seed.commands(RunKind.RELEASE, s.id, old, new),
            s.id == "ci",
            seed.USUAL.get(s.id),
        )
        for s in RELEASE_STEPS
    )
    return ReleasePlan(old, new, steps, problems)


def four_runs(folder: Path) -> seed.Story:
    """A release long ago, one that failed yesterday and was rolled back, and one that runs now."""
    story = seed.Story(folder, at=seed.START - 2 * DAY)
    seed.whole(story)
    story.at = seed.START - DAY
    failed = story.release("v1.1.0", "v1.3.0")
    story.play("review", "ci", "backup", "migration-check", "pull", "upgrade")
    story.at += 3
    story.start("restart")
    error, hint = "The service ended 0.4 s after it was started.", "Its last words are in the log."
    story.end("restart", StepState.FAILED, error, hint)
    story.wait(GateKind.FAILED, "restart", error, hint)
    story.rollback(failed, ["revert-release", "restart", "health"], "v1.3.0", "v1.1.0")
    story.play("revert-release", "restart", "health")
    story.done()
    story.at = seed.START
    story.release("v1.1.0", "v1.2.0")
    story.play("review", "ci")
    story.start("backup")
    return story


def bad_watch(story: seed.Story) -> int:
    """A release that went well until its monitor, which sees more errors and slower answers after 20 s."""
    run = story.release("v1.1.0", "v1.3.0")
    story.play(*(s.id for s in RELEASE_STEPS if s.id != "monitor"))
    story.at = seed.START + 72  # 12 s after the restart
    story.start("monitor", facts=0)
    with story._frozen() as journal:
        for i in range(1, 28):
            wave, bad = (i * 7) % 5, i > 20
            journal.add_sample(
                story.attempt,
                Sample(
                    at=story.at + i,
                    elapsed=float(i),
                    seconds=1.0,
                    requests=30.0 + wave,
                    errors=2.0 + wave / 2 if bad else 0.0,
                    p50=9.0 + wave,
                    p95=(640.0 if bad else 44.0) + 6 * wave,
                    p99=(980.0 if bad else 71.0) + 9 * wave,
                    problem="HTTP 503 from /metrics" if i == 12 else "",
                ),
            )
    return run


def destructive(story: seed.Story) -> int:
    """A release whose migrations took a column away and added another: going back needs the database down."""
    run = story.release("v1.1.0", "v1.2.0")
    story.play("review", "ci", "backup", "migration-check", "pull")
    story.start("upgrade")
    pending: list[dict[str, Any]] = [
        {
            "revision": "e7d0315fb2c8",
            "message": "drop node.notes",
            "destructive": True,
            "drops": [],
            "takes": {"node.notes": 12},
        },
        {"revision": "f3aa10c94d17", "message": "add vm.owner", "destructive": False, "drops": ["vm.owner"]},
    ]
    with story._frozen() as journal:
        before = {"revision": "d2a95be81c07", "pending": pending}
        change = journal.intend_change(
            run, story.attempt, "upgrade", ChangeKind.DATABASE, "database panel.db", before
        )
        journal.settle_change(change, ChangeState.DONE, {"revision": "f3aa10c94d17"})
    story.end("upgrade")
    story.play("restart")
    story.ready("health")
    return run


def counted(view: RunView, options: RollbackOptions) -> RollbackPlan:
    """The plan with rows counted, as the question to the live database would answer it."""
    losses = {"vm.owner": 61, "node.region": 12}
    run, begun = view.run, view.run.state in BEGUN_ROLLBACK_STATES
    return plan_rollback(run.id, run.to_version, run.from_version, view.changes, options, losses, begun=begun)
