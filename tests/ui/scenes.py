"""The main states of a run, one function each: it tells the story, and what the stage needs besides."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from seed import Story, whole

from debvisor_tui.adapters.migrations.alembic import Pending
from debvisor_tui.model.evidence import Migration, Operation
from debvisor_tui.model.gates import GateKind
from debvisor_tui.model.schema import Loss
from debvisor_tui.model.states import RunState, StepState
from debvisor_tui.model.trial import Break, Fit, Trial, Tried, Way
from debvisor_tui.tasks.migration_check import summary, summary_of, warn

PRE = ("review", "ci", "backup", "migration-check")
DEPLOYED = (*PRE, "pull", "upgrade", "restart")


@dataclass(frozen=True)
class Scene:
    """`tell` writes the journal; `runner`: one answers on the socket; `press`: keys, once the run is shown.

    `wait`: text that must be on the screen before the picture is taken.
    """

    tell: Callable[[Story], None]
    wait: str
    runner: bool = True
    press: tuple[str, ...] = ()
    progress: dict[str, Any] = field(default_factory=dict)


def _review(story: Story) -> None:
    story.release()
    story.start("review", 1)
    question = "Was every one of the 4 commits of v1.1.0 read and approved by somebody other than the author?"
    story.wait(GateKind.ATTEST, "review", question, "No forge is configured, so a person vouches for it.")


def _ready(story: Story) -> None:
    story.release()
    story.play("review", "ci")
    story.ready("backup")


def _backup(story: Story) -> None:
    story.release()
    story.play("review", "ci")
    story.start("backup", 1)
    story.at += 6


def _migrations(story: Story) -> None:
    story.release()
    story.play("review", "ci", "backup")
    story.start("migration-check")
    story.wait(
        GateKind.ACKNOWLEDGE,
        "migration-check",
        "The migrations destroy data, or may. Go on all the same?",
        "e7d0315fb2c8  drop node.notes\n  DESTROYS drop column node.notes",
        "drop column node.notes: 12 values",
    )


def _health(story: Story) -> None:
    story.release()
    story.play(*DEPLOYED)
    story.start("health")


def _failed(story: Story) -> None:
    _health(story)
    what, hint = "The service is not ready after 15 s: 503, cache failing.", "Its last lines are in the log."
    story.end("health", StepState.FAILED, what, hint)
    story.wait(GateKind.FAILED, "health", what, hint)


def _hundred_migrations(story: Story) -> None:
    """A release that was long in the making: what matters of its 100 revisions is not lost among the harmless."""
    bad = {17: "vm.owner", 58: "node.notes", 91: "audit_log.before"}
    pending, tried = [], []
    for n in range(100):
        revision, (table, _, column) = f"{n + 0xA3B0C1:012x}", bad.get(n, f"vm.c{n}").partition(".")
        goes = n in bad
        text = f"{'drop' if goes else 'add'} column {table}.{column}"
        operation = Operation(text, goes, f"{table}.{column}" if goes else "")
        back = Operation(f"{'add' if goes else 'drop'} column {table}.{column}", not goes)
        name = f"{table}.{column} {'is needed no more' if goes else 'is new'}"
        pending.append(Migration(revision, name, (operation,), (back,)))
        losses = (Loss(f"{table}.{column}", 61, 61),) if goes else ()
        gone = (f"{table}.{column}: all 61 values gone",) if goes else ()
        way, down = Way(0.02 + n / 5000), Way(0.03, left=gone)
        tried.append(Tried(revision, way, losses, (f"{text}s",), (table,), cuts=(), down=down, again=Way(0.02)))
    fit = Fit(4, 4, (Break("node", "read", "no such column: node.notes"),))
    trial = Trial(of="the backup pre-deploy-v2.0.0", rows=81_204, tried=tuple(tried), fit=fit, seconds=24.7)
    found = Pending("9c41d2e07ab3", pending[-1].revision, tuple(pending))
    story.evidence = {
        "migration-check": [
            ("migrations", summary(found, trial), found.to_json()),
            ("trial", summary_of(trial), trial.to_json()),
        ]
    }
    story.release(new="v2.0.0")
    story.play("review", "ci", "backup")
    story.start("migration-check")
    asked = warn(pending, {}, trial)
    assert asked is not None
    story.wait(GateKind.ACKNOWLEDGE, "migration-check", asked.question, asked.detail, asked.danger)


def _monitor(story: Story) -> None:
    story.release()
    story.play(*DEPLOYED, "health", "smoke")
    story.start("monitor", 0)
    story.samples(18)
    story.at += 18


def _ended(story: Story) -> None:
    whole(story)


def _gone(story: Story) -> None:
    story.release()
    story.play(*PRE)
    story.start("pull", 0)


def _rollback(story: Story) -> None:
    run = whole(story)
    story.rollback(run, ["revert-database", "revert-release", "restart", "health"])
    story.play("revert-database")
    story.start("revert-release")


def _aborted(story: Story) -> None:
    story.release()
    story.play(*PRE, "pull")
    story.ready("upgrade")
    story.done(RunState.ABORTED)


def _at(step: str) -> Callable[[Story], None]:
    def tell(story: Story) -> None:
        story.release()
        for done in (*DEPLOYED, "health", "smoke"):
            if done == step:
                break
            story.play(done)
        story.start(step)

    return tell


SCENES = {
    "review": Scene(_review, "vouches for it"),
    "review-attest": Scene(_review, "Recorded with it", press=("enter",)),
    "ready": Scene(_ready, "Run Backup?"),
    "ci": Scene(_at("ci"), "e2e"),
    "backup": Scene(
        _backup, "62%", progress={"step": "backup", "done": 31e6, "total": 50.1e6, "unit": "bytes", "note": ""}
    ),
    "migrations": Scene(_migrations, "12 values"),
    "migrations-sql": Scene(_migrations, "CREATE INDEX", press=("S", "e")),
    "migrations-100": Scene(_hundred_migrations, "3 of 100: loses data"),
    "pull": Scene(_at("pull"), "9 changed"),
    "upgrade": Scene(_at("upgrade"), "1.4 s"),
    "restart": Scene(_at("restart"), "pid 5822"),
    "health": Scene(_health, "cache ok"),
    "failed": Scene(_failed, "tries again"),
    "smoke": Scene(_at("smoke"), "holds “Nodes”"),
    "monitor": Scene(_monitor, "so far: pass"),
    "looking-back": Scene(_failed, "the run is at", press=("up", "up", "up")),
    "log": Scene(_backup, "integrity_check", press=("l",)),
    "ended": Scene(_ended, "the run has ended", runner=False),
    "aborted": Scene(_aborted, "Changed so far", runner=False),
    "gone": Scene(_gone, "resumes: checks what", runner=False),
    "rollback": Scene(_rollback, "ROLLBACK"),
}
