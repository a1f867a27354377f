"""The main states of a run, one function each: it tells the story, and what the stage needs besides."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from seed import Story, whole

from debvisor_tui.model.gates import GateKind
from debvisor_tui.model.states import RunState, StepState

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
