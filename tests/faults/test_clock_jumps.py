"""The wall clock jumps by an hour in the middle of things: no deadline and no duration heeds it.

The runner and all that it starts read a shifted wall clock, by a sitecustomize.py that looks into a file at each
call. (libfaketime, which would do it below Python, fails clock_nanosleep(2), and so time.sleep, on Debian 12.)
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from release_host import ANNA, Host, answer, attached, until

from debvisor_tui.model.gates import Answer, GateKind
from debvisor_tui.model.states import RunState, StepState
from debvisor_tui.runner.spawn import start_release
from debvisor_tui.store.history import History

HOUR = 3600
WORKS = 3.0  # seconds that the step works; its limit is not far above
SLOW = f"""
import time
end = time.monotonic() + {WORKS}
while time.monotonic() < end:
    time.sleep(0.01)
"""

SHIFTED = """
import os, time
real, file = time.time, os.environ["SHIFTED_CLOCK"]
def shifted():
    with open(file) as offset:
        return real() + float(offset.read())
time.time = shifted
time.time_ns = lambda: int(shifted() * 1e9)
"""


@pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["an hour on", "an hour back"])
def test_the_clock_is_set_in_mid_step_and_in_mid_watch(
    jump: int, make_host: Callable[[], Host], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = make_host()

    def change(config: dict[str, dict[str, object]]) -> None:
        config["steps"] = {"review": {"command": [sys.executable, "-c", SLOW], "timeout": "8s"}}
        config["monitor"] |= {"duration": "3s", "interval": "200ms"}

    host.configure(change)
    clock = tmp_path / "clock"
    set_to(clock, 0)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(SHIFTED, encoding="utf-8")
    path = os.pathsep.join(filter(None, [str(tmp_path / "site"), os.environ.get("PYTHONPATH")]))
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.setenv("SHIFTED_CLOCK", str(clock))

    async def story() -> int:
        run = await start_release(host.settings, host.places, "v1.1.0", ANNA, auto=True)
        begun = (
            time.monotonic()
        )  # a run begins when it is journaled: how long its runner takes to start is not its own
        async with attached(host) as (client, _):
            await until(lambda: bool(host.view(run).step("review").attempts), "the step works")
            set_to(clock, jump)
            await until(lambda: host.view(run).step("review").state is StepState.SUCCEEDED, "it ends")
            await until(lambda: bool(host.view(run).step("monitor").attempts), "the watch begins")
            set_to(clock, 0)
            await until(lambda: host.state(run) is not RunState.RUNNING, "the run ends")
            gate = host.view(run).gate
            if gate is not None and gate.kind is GateKind.ATTEST:
                await answer(client, gate, Answer.ATTEST, reason="seen")
            await until(lambda: host.state(run) is RunState.SUCCEEDED, "the run ends well")
        seconds = host.view(run).run.seconds
        assert seconds is not None
        assert seconds == pytest.approx(time.monotonic() - begun, abs=1.5)
        return run

    run = asyncio.run(story())
    view = host.view(run)
    took = {step.id: step.attempts[0].seconds for step in view.steps}
    assert took["review"] == pytest.approx(WORKS, abs=1.0)
    assert took["monitor"] == pytest.approx(3.0, abs=1.0)
    assert all(seconds is not None and 0 <= seconds < 20 for seconds in took.values()), took
    history = History(host.places.journal)
    events = history.events(run)
    history.close()
    assert [event.seq for event in events] == sorted(event.seq for event in events)
    apart = max(event.at for event in events) - min(event.at for event in events)
    assert apart > HOUR - 60, "the clock was set: the times that are shown are the wall clock's"


def set_to(clock: Path, offset: int) -> None:
    """The wall clock of the runner goes `offset` seconds before or behind ours, from now on."""
    new = clock.with_suffix(".new")
    new.write_text(f"{offset}\n", encoding="ascii")
    os.replace(new, clock)
