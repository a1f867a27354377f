"""Steps that the config does otherwise: by hand, by another command, with commands around; the record stays true."""

import asyncio
from pathlib import Path

import pytest
from releasing import Host, Told, git, make_host

from debvisor_tui.model.changes import ChangeKind, ChangeState
from debvisor_tui.model.errors import CommandFailed, WorkFailed
from debvisor_tui.model.findings import Found
from debvisor_tui.model.gates import Answer
from debvisor_tui.model.playbook import RELEASE_STEPS, ROLLBACK_STEPS, RunKind
from debvisor_tui.tasks.base import Task
from debvisor_tui.tasks.registry import task_for


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return make_host(tmp_path)


def step(host: Host, step_id: str, **override: object) -> tuple[Task, Told]:
    settings = host.settings(steps={step_id: override})
    return task_for(RunKind.RELEASE, step_id, settings), Told(settings, host.job("v1.1.0"), step_id)


def test_every_step_of_the_playbook_has_its_task(host: Host) -> None:
    settings = host.settings()
    for kind, specs in ((RunKind.RELEASE, RELEASE_STEPS), (RunKind.ROLLBACK, ROLLBACK_STEPS)):
        for spec in specs:
            name = "".join(word.title() for word in spec.id.split("-")) + "Task"
            assert type(task_for(kind, spec.id, settings)).__name__ == name
    with pytest.raises(WorkFailed, match="has no step revert-release"):
        task_for(RunKind.RELEASE, "revert-release", settings)


def test_a_command_of_the_config_does_the_step_and_its_change_is_recorded(host: Host) -> None:
    old = host.head()
    script = 'cd checkout; git fetch -q --tags && git reset -q --hard "$DEBVISOR_VERSION" && echo "$DEBVISOR_STEP"'
    task, ctx = step(host, "pull", command=["sh", "-c", script])
    asyncio.run(task.run(ctx))
    assert "out: pull" in ctx.lines
    [change] = ctx.made
    assert (change.kind, change.state, change.before["commit"]) == (ChangeKind.CODE, ChangeState.DONE, old)
    assert change.after == {"commit": ctx.job.new.exact, "version": "v1.1.0"}
    assert asyncio.run(task.inspect(ctx)).found is Found.DONE


def test_a_step_by_hand_is_attested_and_its_change_is_recorded(host: Host) -> None:
    task, ctx = step(host, "pull", manual=True)
    asyncio.run(task.run(ctx))
    assert f"git -C {host.checkout} merge --ff-only {ctx.job.new.exact}" in ctx.gates[0].detail
    assert ctx.evidences("attested")[0].value["statement"] == "read them all"
    assert ctx.made[0].after["commit"] == host.head()
    declined = Told(ctx.settings, ctx.job, "pull", answer=Answer.DECLINE)
    with pytest.raises(WorkFailed):
        asyncio.run(task.run(declined))
    assert declined.made[0].state is ChangeState.FAILED


def test_commands_run_around_the_step_in_order_and_stop_at_a_failure(host: Host) -> None:
    before, after = ["sh", "-c", "echo drained"], ["sh", "-c", "echo undrained"]
    task, ctx = step(host, "pull", before=[before], after=[after])
    commands = task.commands(ctx.settings, ctx.job)
    assert (commands[0], commands[-1]) == ("sh -c 'echo drained'", "sh -c 'echo undrained'")
    assert len(commands) == 4
    asyncio.run(task.run(ctx))
    assert [line for line in ctx.lines if "drained" in line and line.startswith("out")] == [
        "out: drained",
        "out: undrained",
    ]
    git(host.checkout, "reset", "-q", "--hard", "v1.0.0")
    task, ctx = step(host, "pull", before=[["false"]], after=[after])
    with pytest.raises(CommandFailed, match="false failed with exit code 1"):
        asyncio.run(task.run(ctx))
    assert ctx.made == []
    assert "undrained" not in ctx.log_text
