"""Several people at one real run: who may act, and what none of them can do to it, whatever they send."""

import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from line_client import connect, lines_to, memory, open_files
from other_user import only_root, said_by_nobody
from release_host import ANNA, Host, answer, attached, until
from sandboxes import make_sandbox

from debvisor_tui.model.errors import LockHeld, Refused, UsageError
from debvisor_tui.model.events import EventKind
from debvisor_tui.model.gates import Answer, Gate, GateKind
from debvisor_tui.model.people import Person
from debvisor_tui.model.states import RunState
from debvisor_tui.model.views import Event
from debvisor_tui.runner.client import RunnerClient
from debvisor_tui.runner.paths import TargetPaths
from debvisor_tui.runner.protocol import encode
from debvisor_tui.runner.spawn import start_release
from debvisor_tui.store.history import History

LINES = 60_000
FAST = f"for n in range({LINES}): print('line', n, 'x' * 60)"
MEGABYTE = 2**20


@pytest.fixture
def host() -> Iterator[Host]:
    """In a folder that other users can reach: what keeps them out is the program's doing."""
    with tempfile.TemporaryDirectory(prefix="debvisor-people-") as folder:
        Path(folder).chmod(0o755)
        sandbox = make_sandbox(Path(folder) / "host", monitor="6s")
        sandbox.start()
        made = Host(sandbox)
        made.configure(lambda c: c["backup"].update(verify="read"))
        yield made
        made.end_runner()
        sandbox.destroy()


def override(host: Host, *steps: str) -> None:
    command = {"command": [sys.executable, "-c", FAST]}
    host.configure(lambda c: c.update(steps=dict.fromkeys(steps, command)))


def events(host: Host, run: int, kind: EventKind) -> list[Event]:
    history = History(host.places.journal)
    try:
        return [event for event in history.events(run, 0) if event.kind == kind]
    finally:
        history.close()


async def finish(host: Host, client: RunnerClient, run: int) -> None:
    """Answer whatever is asked until the release has succeeded."""
    answered: set[tuple[str, str]] = set()

    def news() -> Gate | None:
        gate = host.view(run).gate
        return gate if gate is not None and (gate.kind, gate.step) not in answered else None

    def moved() -> bool:
        return news() is not None or host.state(run) is RunState.SUCCEEDED

    while True:
        await until(moved, "the next gate, or the end")
        if (gate := news()) is None:
            return
        answered.add((gate.kind, gate.step))
        with_ = {GateKind.READY: Answer.RUN, GateKind.ATTEST: Answer.ATTEST}[gate.kind]
        await answer(client, gate, with_, reason="seen")


async def seize(client: RunnerClient, gate: Gate) -> bool:
    """Take over and answer at once; whether the answer was taken."""
    await client.command("take-over")
    try:
        await answer(client, gate, Answer.RUN)
    except Refused:
        return False
    return True


def test_of_people_who_race_for_one_gate_one_decides_and_it_is_recorded_whole(host: Host) -> None:
    override(host, "review", "ci")

    async def story() -> None:
        run = await start_release(host.settings, host.places, "v1.1.0", ANNA)
        async with contextlib.AsyncExitStack() as stack:
            people = [(await stack.enter_async_context(attached(host, Person(n, "test")))) for n in ("a", "b", "c")]
            clients = [client for client, _ in people]
            assert [client.role for client in clients] == ["operator", "observer", "observer"]
            for step in ("review", "ci"):
                gate = await host.gate(run, GateKind.READY, step)
                taken = await asyncio.gather(*(seize(client, gate) for client in clients))
                assert taken.count(True) == 1
            await host.gate(run, GateKind.READY, "backup")
            decisions = host.view(run).decisions
            assert [(d.step, d.answer) for d in decisions] == [("review", "run"), ("ci", "run")]
            await until(lambda: [c.role for c in clients].count("operator") == 1, "one operates")
            took = [event.data for event in events(host, run, EventKind.CLIENT) if event.data["what"] == "took over"]
            operator = next(c for c in clients if c.role == "operator")
            assert {c.operator for c in clients} == {took[-1]["who"]}
            # Who decided had taken over, or was the first one, and its name is the account's word.
            account = " as root (test)" if os.getuid() == 0 else " (test)"
            assert all(d.who.endswith(account) for d in decisions)
            await finish(host, operator, run)
        assert host.state(run) is RunState.SUCCEEDED

    asyncio.run(story())


def test_no_client_touches_the_run_or_holds_it_back(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    override(host, "review", "ci")

    async def story() -> None:
        run = await start_release(host.settings, host.places, "v1.1.0", ANNA)
        gate = await host.gate(run, GateKind.READY, "review")
        pid = host.runner_pid()
        async with attached(host) as (client, _):
            files, before = open_files(pid), memory(pid)
            stalled = [await connect(host.places) for _ in range(5)]
            for each in stalled:
                await each.greet("stalled")
                each.reader._transport.pause_reading()  # type: ignore[attr-defined]
            flood = await connect(host.places)
            await flood.greet("flood")
            pouring = asyncio.create_task(_pour(flood))
            await answer(client, gate, Answer.RUN)
            for garbage in (b"\0" * 100_000, b"[" * 60_000 + b"\n", b'{"type":"command","id":{}}\n', b'{"type":"co'):
                async with lines_to(host.places) as bad:
                    await bad.greet("bad")
                    await bad.say(garbage)
            crowd = [await connect(host.places) for _ in range(1_000)]
            peak = open_files(pid)
            for each in crowd:
                each.writer.transport.abort()
            await host.gate(run, GateKind.READY, "ci")
            after = memory(pid)
            lines = [line for line in host.lines(run, "review") if line.startswith("line ")]
            assert lines == [f"line {n} {'x' * 60}" for n in range(LINES)]
            pouring.cancel()
            for each in (*stalled, flood):
                each.writer.transport.abort()
            await until(lambda: open_files(pid) <= files, f"the runner has its {files} file descriptors again")
            gate = await host.gate(run, GateKind.READY, "ci")
            await answer(client, gate, Answer.RUN)
            await host.gate(run, GateKind.READY, "backup")
            crowded, alone = (_seconds(host, run, step) for step in ("review", "ci"))
            with capsys.disabled():
                print(
                    f"\n{LINES} lines: {crowded:.2f} s among 5 stalled, 1 flooding, 1000 coming; {alone:.2f} s alone;"
                    f" runner {before / MEGABYTE:.0f} → {after / MEGABYTE:.0f} MB,"
                    f" {files} → {peak} → {open_files(pid)} file descriptors"
                )
            assert after - before < 32 * MEGABYTE
            assert peak < 400
            assert crowded < 20 * alone, "it goes on, if not as fast: the crowd takes its share of the processors"
            await finish(host, client, run)
            assert open_files(pid) <= files
        assert host.state(run) is RunState.SUCCEEDED
        decisions = host.view(run).decisions
        assert {d.who for d in decisions} == {decisions[0].who}, "nobody else decided anything"
        assert "Traceback" not in host.places.runner_log.read_text(encoding="utf-8")

    asyncio.run(story())


async def _pour(flood: object) -> None:
    frame = encode({"type": "command", "id": 1, "name": "take-over-not", "args": {"x": "y" * 900}}) * 50
    while True:
        await flood.say(frame)  # type: ignore[attr-defined]


def _seconds(host: Host, run: int, step: str) -> float:
    attempt = host.view(run).step(step).attempts[-1]
    assert attempt.ended_at is not None
    return attempt.ended_at - attempt.started_at


def test_a_second_release_finds_the_lock_however_it_looks_for_a_way_in(host: Host) -> None:
    async def story() -> None:
        run = await start_release(host.settings, host.places, "v1.1.0", ANNA)
        places = host.places
        places.lock.unlink()  # "it is stuck"
        with pytest.raises(LockHeld, match=r" runs release v1\.1\.0 on sandbox since "):
            await start_release(host.settings, places, "v1.1.0", Person("bert"))
        elsewhere = TargetPaths(host.sandbox.dir / "elsewhere", "sandbox")
        with pytest.raises(LockHeld, match=rf"It keeps its state in {places.state_dir}\.") as refused:
            await start_release(host.settings, elsewhere, "v1.1.0", Person("bert"))
        assert f"debvisor-tui --state-dir {places.state_dir} attach" in refused.value.hint
        host.end_runner()
        await until(lambda: host.runner_pid() == 0, "a dead runner's lock is free")
        with pytest.raises(UsageError, match=f"Run {run} .* was not ended"):  # the lock is not what stops it
            await start_release(host.settings, places, "v1.1.0", Person("bert"))
        assert await start_release(host.settings, elsewhere, "v1.1.0", Person("bert")) == 1
        if pid := Host(host.sandbox).runner_pid():
            raise AssertionError(f"{pid} runs in the first folder")
        await _end(elsewhere)

    asyncio.run(story())


async def _end(places: TargetPaths) -> None:
    async with asyncio.timeout(30):
        history = History(places.journal)
        await until(lambda: (view := history.run(1)) is not None and view.gate is not None, "its first gate")
        history.close()
        client = await RunnerClient.connect(places, ANNA)
        try:
            heard = asyncio.create_task(_all(client))
            await client.command("answer", answer="abort", gate={"kind": "ready", "step": "review"}, reason="enough")
            await heard
        finally:
            await client.close()


async def _all(client: RunnerClient) -> None:
    async for _ in client:
        pass


@only_root
def test_another_user_can_neither_see_nor_do_anything(host: Host) -> None:
    code = """
places = TargetPaths(Path(sys.argv[1]), "sandbox")
async def main():
    for what in (client.RunnerClient.connect(places, Person("root")), asyncio.to_thread(find_holder, places),
                 spawn.start_release(None, places, "v1.1.0", Person("root"))):
        try: print("no error:", await what)
        except DebvisorError as error: print(type(error).__name__, error.what)
        except ConnectionError as error: print("gone")
asyncio.run(main())"""

    async def story() -> None:
        run = await start_release(host.settings, host.places, "v1.1.0", ANNA)
        folder = host.places.folder
        said = await asyncio.to_thread(said_by_nobody, code, host.places.state_dir)
        assert [line.partition(" ")[0] for line in said.splitlines()] == ["Refused", "UsageError", "UsageError"], said
        for path in (*list(folder.parents)[:3], folder):
            path.chmod(0o755)
        host.places.socket.chmod(0o777)
        said = await asyncio.to_thread(said_by_nobody, code, host.places.state_dir)
        assert "Refused This runner belongs to user root; you are nobody." in said
        assert "UsageError The state folder" in said
        assert host.view(run).decisions == ()
        assert [e.data["who"] for e in events(host, run, EventKind.CLIENT)] == []

    asyncio.run(story())
