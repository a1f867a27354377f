"""Steps that hang: cancelled or over their time limit, all that they started is ended, and what stands is told."""

import asyncio
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from release_host import ANNA, Host, answer, attached, until
from world import look, stragglers

from debvisor_tui.model.gates import Answer, Gate, GateKind
from debvisor_tui.model.states import RunState, StepState
from debvisor_tui.runner.spawn import start_release

PYTHON = sys.executable
ALIVE = "import os, time; print('hangs', os.getpid(), flush=True); time.sleep(600)"
HANGS = {
    "sleeps": [PYTHON, "-c", ALIVE],
    "ignores TERM": [PYTHON, "-c", f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {ALIVE}"],
    "stopped": [PYTHON, "-c", "import os, signal; print('hangs', flush=True); os.kill(os.getpid(), signal.SIGSTOP)"],
    "a grandchild": [PYTHON, "-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {ALIVE!r}])"],
    "in another group": ["timeout", "700", PYTHON, "-c", ALIVE],
    "left by its parent": [
        PYTHON,
        "-c",
        f"import os, subprocess, sys; subprocess.Popen([sys.executable, '-c', {ALIVE!r}]); os.wait()",
    ],
}


async def _hanging(host: Host, step: str) -> int:
    """A release that hangs in `step`: its run."""
    run = await start_release(host.settings, host.places, "v1.1.0", ANNA, auto=True)
    async with attached(host) as (client, _):
        if step != "review":
            gate = await host.gate(run, GateKind.ATTEST, "review")
            await answer(client, gate, Answer.ATTEST, reason="read")
        await until(
            lambda: (
                bool(host.view(run).step(step).attempts)
                and any(line.startswith("hangs") for line in host.lines(run, step))
            ),
            "it hangs",
        )
    return run


async def _ended(host: Host, run: int, gate: Gate) -> None:
    """The run is ended; nothing of it is left."""
    host.configure(lambda c: c.pop("steps"))
    async with attached(host) as (client, _):
        await answer(client, gate, Answer.ABORT, reason="seen enough")
    await until(lambda: host.state(run) in {RunState.ABORTED, RunState.FAILED}, "the run ended")
    assert stragglers(host.sandbox) == []


@pytest.mark.parametrize("kind", HANGS)
def test_cancelling_ends_all_that_the_step_has_started(kind: str, make_host: Callable[[], Host]) -> None:
    host = make_host()
    host.configure(lambda c: c.update(steps={"review": {"command": HANGS[kind]}}))

    async def story() -> None:
        run = await _hanging(host, "review")
        async with attached(host) as (client, _):
            await client.command("cancel")
        gate = await host.gate(run, GateKind.CANCELLED, "review")
        assert stragglers(host.sandbox) == []
        assert "Inspection:" in gate.detail
        await _ended(host, run, gate)

    asyncio.run(story())


def test_over_its_time_limit_the_gate_says_whether_the_effect_happened(make_host: Callable[[], Host]) -> None:
    """The upgrade is done, what comes after it hangs."""
    host = make_host()
    upgrade = {"after": [HANGS["ignores TERM"]], "timeout": "4s"}
    host.configure(lambda c: c.update(steps={"upgrade": upgrade}))

    async def story() -> None:
        run = await _hanging(host, "upgrade")
        gate = await host.gate(run, GateKind.FAILED, "upgrade")
        assert gate.question == "Upgrade did not end within 4 s."
        head = look(host.sandbox).revision
        assert f"Inspection: done. the database is at {head}" in gate.detail
        assert stragglers(host.sandbox) == []
        assert host.view(run).step("upgrade").state is StepState.FAILED
        await _ended(host, run, gate)

    asyncio.run(story())


@contextmanager
def deaf_server() -> Iterator[int]:
    """Accepts, and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    kept.append(server.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        for connection in kept:
            connection.close()


def test_a_probe_that_is_never_answered_ends_in_time(make_host: Callable[[], Host]) -> None:
    host = make_host()
    with deaf_server() as port:

        def change(config: dict[str, dict[str, object]]) -> None:
            config["health"] |= {"live": f"http://127.0.0.1:{port}/live", "timeout": "4s"}

        host.configure(change)

        async def story() -> None:
            run = await start_release(host.settings, host.places, "v1.1.0", ANNA, auto=True)
            async with attached(host) as (client, _):
                gate = await host.gate(run, GateKind.ATTEST, "review")
                await answer(client, gate, Answer.ATTEST, reason="read")
            gate = await host.gate(run, GateKind.FAILED, "health")
            assert "Not alive and ready" in gate.question
            seconds = host.view(run).step("health").attempts[0].seconds
            assert seconds is not None
            assert seconds < 8.0
            async with attached(host) as (client, _):
                await client.command("rollback", options={})
            await until(lambda: host.state(run) is RunState.ROLLBACK_FAILED or _at_health(host, run), "it goes back")

        asyncio.run(story())


def _at_health(host: Host, run: int) -> bool:
    """The rollback has done its work, and its own proof fails for the same reason."""
    try:
        gate = host.view(run + 1).gate
    except AssertionError:
        return False
    return gate is not None and gate.step == "health"
