"""A run whose runner was killed is taken up again from its screen, and every screen on it sees it live again."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from release_host import ANNA, Host
from terminal import Terminal

from debvisor_tui.model.gates import GateKind
from debvisor_tui.model.states import RunState
from debvisor_tui.runner.spawn import start_release

PROGRAM = Path(sys.executable).with_name("debvisor-tui")


def attach(host: Host, *words: str) -> Terminal:
    options = ("--config", str(host.sandbox.config_path), "--state-dir", str(host.sandbox.state_dir))
    return Terminal([PROGRAM, *options, "attach", *words])


@pytest.mark.parametrize("patience", [0.0, 3.0], ids=["at once", "after a while"])
def test_enter_resumes_and_the_observer_comes_back_by_itself(make_host: Callable[[], Host], patience: float) -> None:
    host = make_host()

    async def begin() -> int:
        run = await start_release(host.settings, host.places, "v1.1.0", ANNA)
        await host.gate(run, GateKind.READY, "review")
        return run

    run = asyncio.run(begin())
    terminals = [attach(host), attach(host, "--observe")]
    mine, other = terminals
    try:
        mine.until(lambda text: "enter runs it" in text, "I operate")
        other.until(lambda text: "decides" in text, "the other one watches")
        pid = host.runner_pid()
        assert pid
        os.kill(pid, signal.SIGKILL)
        for terminal in terminals:
            terminal.until(lambda text: "The runner is gone" in text, "both see that it is gone")
        threading.Event().wait(patience)
        mine.decide(b"\r", lambda text: "enter runs it" in text, "the run waits at its gate again")
        other.until(lambda text: "decides" in text and "The runner is gone" not in text, "the other one is back")
        assert "PRE-DEPLOY" in "\n".join(other.lines)
        # It is not only drawn: the resumed run obeys.
        mine.decide(b"\r", lambda text: "enter confirm it" in text, "the step ran and asks")
    finally:
        for terminal in terminals:
            terminal.close()
    assert host.state(run) in {RunState.WAITING, RunState.RUNNING}
