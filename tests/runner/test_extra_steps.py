"""A config's own steps, through a real runner: in their place, journaled, inspected, undone."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from release_host import ANNA, Host, answer, attached, until

from debvisor_tui.model.changes import ChangeKind, ChangeState
from debvisor_tui.model.gates import Answer, GateKind
from debvisor_tui.model.rollback import RollbackOptions
from debvisor_tui.model.states import RunState, StepState
from debvisor_tui.runner.spawn import start_release, start_resume, start_rollback

pytestmark = pytest.mark.slow

#: A load balancer: one file, and each call written down with what it was called for.
LBCTL = """
import os, sys, time
from pathlib import Path
here = Path(sys.argv[1])
verb = sys.argv[2]
with (here / "calls").open("a") as calls:
    print(verb, *sys.argv[3:], os.environ["DEBVISOR_STEP"], os.environ["DEBVISOR_VERSION"], file=calls)
if verb == "drain":
    (here / "drained").touch()
    while (here / "stuck").exists():
        time.sleep(0.05)
if verb == "undrain":
    (here / "drained").unlink()
if verb == "is-drained":
    sys.exit(0 if (here / "drained").exists() else 1)
"""


@pytest.fixture
def balancer(host: Host, tmp_path: Path) -> Path:
    (tmp_path / "lbctl").write_text(LBCTL)

    def lbctl(verb: str) -> list[str]:
        return [sys.executable, str(tmp_path / "lbctl"), str(tmp_path), verb]

    drain = {
        "id": "drain",
        "title": "Drain",
        "why": "Nobody is sent here while the service restarts.",
        "before": "restart",
        "command": lbctl("drain"),
        "undo": lbctl("undrain"),
        "check": lbctl("is-drained"),
    }

    def change(config: Any) -> None:
        config["extra_step"] = [drain]
        config["monitor"].update(duration="1s", interval="200ms")

    host.configure(change)
    return tmp_path


def calls(balancer: Path) -> list[str]:
    return (balancer / "calls").read_text().splitlines()


async def come_to(host: Host, run: int, client: Any, step: str) -> None:
    """Answer each gate before `step`'s as it wants to be."""
    while True:
        await until(lambda: host.view(run).gate is not None, "a gate")
        gate = host.view(run).gate
        assert gate is not None
        if gate.step == step:
            return
        match gate.kind:
            case GateKind.READY:
                await answer(client, gate, Answer.RUN)
            case GateKind.ATTEST:
                await answer(client, gate, Answer.ATTEST, reason="seen by all")
            case _:
                await answer(client, gate, Answer.ACKNOWLEDGE)
        await until(lambda known=gate: host.view(run).gate != known, "it goes on")  # type: ignore[misc]


def test_it_stands_in_its_place_and_is_undone_after_the_old_release_answers(host: Host, balancer: Path) -> None:
    async def story() -> None:
        run = await start_release(host.settings, host.places, "v1.1.0", ANNA)
        ids = [step.id for step in host.view(run).steps]
        assert ids[ids.index("upgrade") :][:3] == ["upgrade", "drain", "restart"]
        drain = host.view(run).step("drain")
        assert (drain.title, drain.why) == ("Drain", "Nobody is sent here while the service restarts.")
        assert drain.commands[0].endswith(" drain")
        async with attached(host) as (client, _):
            await come_to(host, run, client, "health")
            [change] = [c for c in host.view(run).changes if c.kind is ChangeKind.OWN]
            assert (change.state, change.subject, change.step) == (ChangeState.DONE, "Drain", "drain")
            assert calls(balancer) == ["drain drain v1.1.0"]
            await client.command("rollback", options=RollbackOptions(database=True).to_json())
            await until(lambda: host.state(run) is RunState.ROLLED_BACK, "it is rolled back")
        back = host.view(run + 1)
        assert [step.id for step in back.steps] == [
            *("revert-database", "revert-release", "restart", "health", "undo-drain"),
        ]
        assert {step.state for step in back.steps} == {StepState.SUCCEEDED}
        assert calls(balancer)[-1] == "undrain undo-drain v1.0.0"
        assert not (balancer / "drained").exists()
        [change] = [c for c in host.view(run).changes if c.kind is ChangeKind.OWN]
        assert change.state is ChangeState.UNDONE

    asyncio.run(story())


@pytest.mark.parametrize("checked", [True, False])
def test_a_kill_in_its_middle_is_inspected_by_its_check(host: Host, balancer: Path, checked: bool) -> None:
    if not checked:
        host.configure(lambda c: c["extra_step"][0].pop("check"))
    (balancer / "stuck").touch()

    async def story() -> None:
        run = await start_release(host.settings, host.places, "v1.1.0", ANNA)
        async with attached(host) as (client, _):
            await come_to(host, run, client, "drain")
            gate = await host.gate(run, GateKind.READY, "drain")
            await answer(client, gate, Answer.RUN)
            await until((balancer / "drained").exists, "it drains")
            host.end_runner()
        await until(lambda: host.runner_pid() == 0, "the runner is gone")
        (balancer / "stuck").unlink()
        await start_resume(host.settings, host.places, run, ANNA)
        gate = await host.gate(run, GateKind.INTERRUPTED, "drain")
        assert gate.finding == ("done" if checked else "unknown")
        assert ("says that it is done" if checked else "has no check") in gate.detail
        [change] = [c for c in host.view(run).changes if c.kind is ChangeKind.OWN]
        assert change.state is (ChangeState.DONE if checked else ChangeState.INTENDED)
        async with attached(host) as (client, _):
            # It may have been done: the way back undoes it either way.
            await client.command("rollback", options=RollbackOptions(database=True).to_json())
            await until(lambda: host.state(run) is RunState.ROLLED_BACK, "it is rolled back")
        assert not (balancer / "drained").exists()

    asyncio.run(story())


@pytest.mark.parametrize("edited", [False, True])
def test_an_undo_that_holds_a_secret_is_run_with_it_or_not_at_all(host: Host, balancer: Path, edited: bool) -> None:
    """The journal keeps no secret, so it does not keep this command whole."""
    secret = Path(host.settings.smoke.password.file or "").read_text().strip()
    host.configure(lambda c: c["extra_step"][0]["undo"].append(f"--key={secret}"))

    async def story() -> None:
        run = await start_release(host.settings, host.places, "v1.1.0", ANNA)
        async with attached(host) as (client, _):
            await come_to(host, run, client, "restart")
            [change] = [c for c in host.view(run).changes if c.kind is ChangeKind.OWN]
            assert secret not in str(change.before)
            if not edited:
                await client.command("rollback", options=RollbackOptions(database=True).to_json())
                await until(lambda: host.state(run) is RunState.ROLLED_BACK, "it is rolled back")
                assert calls(balancer)[-1] == f"undrain --key={secret} undo-drain v1.0.0"
                return
        host.end_runner()
        await until(lambda: host.runner_pid() == 0, "the runner is gone")
        host.configure(lambda c: c["extra_step"][0]["undo"].append("--more"))
        back = await start_rollback(host.settings, host.places, run, RollbackOptions(database=True), ANNA)
        gate = await host.gate(back, GateKind.FAILED, "undo-drain")
        assert "held a secret, which is not kept" in gate.question
        assert [call for call in calls(balancer) if call.startswith("undrain")] == []

    asyncio.run(story())
