"""What a runner that is gone left running, on real processes: all of ours is ended, and nothing else is touched."""

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from other_user import only_root, said_by_nobody
from release_host import ANNA, Host, answer, attached, until

from debvisor_tui.adapters.platforms.process import read_process
from debvisor_tui.adapters.sources import open_source
from debvisor_tui.model.errors import UsageError
from debvisor_tui.model.events import EventKind
from debvisor_tui.model.gates import Answer, GateKind
from debvisor_tui.model.rollback import RollbackOptions
from debvisor_tui.model.states import RunState, StepState
from debvisor_tui.model.text import REDACTED
from debvisor_tui.model.views import Child
from debvisor_tui.runner import orphans as leftovers
from debvisor_tui.runner.lock import TargetLock
from debvisor_tui.runner.orphans import MARK, Orphan, end_orphans, new_mark
from debvisor_tui.runner.session import Session
from debvisor_tui.runner.spawn import start_release, start_resume
from debvisor_tui.store.history import History
from debvisor_tui.system.procfs import groups_of_session, identify

WAIT = "while :; do sleep 600; done"
#: `timeout` puts what it runs, and itself, into a process group of its own.
OTHER_GROUP = f"timeout 600 sh -c 'echo ready; {WAIT}' &"

Start = Callable[..., Child]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a shell script as a step's command is started; its row in the journal, once it said `ready` N times."""
    started: list[tuple[subprocess.Popen[str], str]] = []

    def start(script: str, ready: int = 1, step: str = "upgrade") -> Child:
        nonce = new_mark()
        argv = ["sh", "-c", script]
        process = subprocess.Popen(
            argv,
            env={**os.environ, MARK: nonce},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )
        started.append((process, nonce))
        assert process.stdout is not None
        for _ in range(ready):
            assert process.stdout.readline() == "ready\n"
        who = identify(process.pid)
        assert who is not None
        return Child(1, step, nonce, who.boot_id, argv, who.pid, who.start_ticks)

    yield start
    for process, nonce in started:
        for _ in range(100):  # a shell whose sleep was killed may start another before it is killed itself
            for pid in (left := _marked(nonce)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if not left:
                break
        process.communicate(timeout=10)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "GRACE", 0.3)


def end(child: Child) -> list[Orphan]:
    return asyncio.run(end_orphans(child, spare=child.step == "restart"))


def let_go(child: Child) -> Child:
    """The command itself ends, and what it started lives on."""
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # its zombie keeps the pid: gone, and nobody else's
    return child


def alive(child: Child) -> bool:
    return child.pid is not None and read_process(child.pid) is not None


def test_it_is_ended_with_all_that_it_started_in_any_group(start: Start) -> None:
    stubborn = f"sh -c 'trap \"\" TERM; echo ready; {WAIT}' &"
    child = start(f"{OTHER_GROUP} {stubborn} echo ready; {WAIT}", ready=3)
    assert child.pid is not None
    assert len(groups_of_session(child.pid)) == 2
    [found] = end(child)
    assert (found.pid, found.ended, found.spared) == (child.pid, True, False)
    assert found.command.startswith("sh -c timeout 600")
    assert groups_of_session(child.pid) == set()
    assert end(child) == [], "it is gone: there is nothing to tell"


def test_what_a_command_that_has_ended_left_behind_is_ended_in_any_group(start: Start) -> None:
    child = let_go(start(f"{OTHER_GROUP} echo ready; {WAIT}", ready=2))
    assert child.pid is not None
    found = end(child)
    assert found[0].command.startswith("timeout 600 sh -c"), "it leads a group of its own"
    assert all(leftover.ended for leftover in found)
    assert groups_of_session(child.pid) == set()


def test_at_the_restart_what_was_left_behind_may_be_the_service_and_is_spared(start: Start) -> None:
    child = let_go(start(f"sh -c 'echo ready; {WAIT}' & echo ready; {WAIT}", ready=2, step="restart"))
    assert child.pid is not None
    found = end(child)
    assert {(leftover.ended, leftover.spared) for leftover in found} == {(False, True)}
    assert any(leftover.command.startswith("sh -c echo ready") for leftover in found)
    assert groups_of_session(child.pid) == {child.pid}


def test_a_restart_that_is_still_under_way_is_ended_without_the_groups_that_it_made(start: Start) -> None:
    child = start(f"{OTHER_GROUP} echo ready; {WAIT}", ready=2, step="restart")
    assert child.pid is not None
    [found] = end(child)
    assert (found.pid, found.ended) == (child.pid, True)
    others = groups_of_session(child.pid) - {child.pid}
    assert len(others) == 1
    asyncio.run(until(lambda: groups_of_session(child.pid or 0) == others, "its own group is gone"))


def test_of_a_restart_under_way_what_ignores_term_in_its_own_group_is_killed_too(start: Start) -> None:
    child = start(f"sh -c 'trap \"\" TERM; echo ready; {WAIT}' & echo ready; {WAIT}", ready=2, step="restart")
    assert child.pid is not None
    [found] = end(child)
    assert found.ended
    assert groups_of_session(child.pid) == set()


def test_a_process_that_ignores_term_is_killed(start: Start) -> None:
    child = start(f"trap '' TERM; echo ready; {WAIT}")
    [found] = end(child)
    assert found.ended
    assert not alive(child)


def test_one_that_was_stopped_gets_to_end_in_its_own_way(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "GRACE", 20.0)
    child = start(f"trap 'echo tidy > {tmp_path}/end; exit' TERM; echo ready; while :; do sleep 0.05; done")
    assert child.pid is not None
    os.kill(child.pid, signal.SIGSTOP)
    [found] = end(child)
    assert found.ended
    assert (tmp_path / "end").read_text() == "tidy\n"


def test_a_stranger_who_has_the_pid_now_is_not_touched(start: Start) -> None:
    stranger = start(f"echo ready; {WAIT}")
    assert stranger.start_ticks is not None
    assert end(replace(stranger, nonce=new_mark(), start_ticks=stranger.start_ticks - 100)) == []
    assert end(replace(stranger, nonce=new_mark(), start_ticks=None)) == []
    assert alive(stranger)


@pytest.mark.parametrize("known", ["pid", "mark"])
def test_after_the_host_was_restarted_nothing_is_touched(start: Start, known: str) -> None:
    child = start(f"echo ready; {WAIT}")
    before_boot = replace(child, boot_id="00000000-0000-0000-0000-000000000000")
    if known == "mark":
        before_boot = replace(before_boot, pid=None, start_ticks=None)
    assert end(before_boot) == []
    assert alive(child)
    assert end(replace(child, boot_id="")) == [], "nor where the boot is not known"
    assert alive(child)
    assert end(child)[0].ended, "that alone had spared it"


def test_a_child_whose_pid_was_never_journaled_is_found_by_its_mark(start: Start) -> None:
    script = f"setsid sh -c 'echo ready; {WAIT}' & echo ready; {WAIT}"
    child = start(script, ready=2)  # what leads another session carries the mark, and other words
    twin = start(script, ready=2)  # the same words, another mark
    [found] = end(replace(child, pid=None, start_ticks=None))
    assert (found.pid, found.ended) == (child.pid, True)
    assert alive(twin)
    assert end(replace(child, pid=None, start_ticks=None, nonce=new_mark())) == []
    assert end(replace(let_go(child), pid=None, start_ticks=None)) == []
    assert [p for p in _marked(child.nonce) if os.getsid(p) == p], "a session of its own is its own"


def _marked(nonce: str) -> list[int]:
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            environ = Path("/proc", entry, "environ").read_bytes()
        except OSError:
            continue
        if f"{MARK}={nonce}".encode() in environ.split(b"\0"):
            found.append(int(entry))
    return found


@only_root
def test_what_belongs_to_another_user_is_not_touched_and_not_called_ended(start: Start) -> None:
    child = start(f"echo ready; {WAIT}")
    code = """
from debvisor_tui.model.views import Child
leftovers.GRACE = leftovers.AFTER_KILL = 0.1
for known in (True, False):
    it = Child(**eval(sys.argv[1]))
    it = it if known else Child(it.id, it.step, it.nonce, it.boot_id, it.argv, None, None)
    found = asyncio.run(leftovers.end_orphans(it))
    print([leftover.pid for leftover in found[:1]], [leftover.ended for leftover in found if leftover.ended])"""
    assert said_by_nobody(code, repr(asdict(child))) == f"[{child.pid}] []\n[] []\n"
    assert alive(child)


@pytest.mark.slow
def test_after_a_reboot_in_mid_step_the_gate_says_so_and_no_process_is_touched(host: Host) -> None:
    code = "import time\nprint('working', flush=True)\ntime.sleep(600)"
    host.configure(lambda c: c.update(steps={"review": {"command": [sys.executable, "-c", code]}}))

    async def story() -> None:
        run = await start_release(host.settings, host.places, "v1.1.0", ANNA)
        gate = await host.gate(run, GateKind.READY, "review")
        async with attached(host) as (client, _):
            await answer(client, gate, Answer.RUN)
            await until(
                lambda: bool(host.view(run).step("review").attempts) and "working" in host.lines(run, "review"),
                "the step is under way",
            )
        host.end_runner(signal.SIGKILL)
        await until(lambda: host.runner_pid() == 0, "the lock is free")
        pid = _as_after_a_reboot(host.places.journal)
        try:
            await start_resume(host.settings, host.places, run, ANNA)
            gate = await host.gate(run, GateKind.INTERRUPTED, "review")
            assert gate.question == "Code review was under way when its runner was gone."
            assert "The host was restarted since" in gate.detail
            assert not gate.danger
            assert any("The host was restarted since" in line for line in host.lines(run, "review"))
            assert [a.state for a in host.view(run).step("review").attempts] == [StepState.INTERRUPTED]
            assert read_process(pid) is not None, "whoever has that pid now is a stranger"
        finally:
            os.killpg(pid, signal.SIGKILL)

    asyncio.run(story())


async def _killed_in_the_upgrade(host: Host, secret: str) -> int:
    """A release whose runner was killed in the upgrade, and left a command running that has `secret` in its words."""
    # not sys.executable: how long the checkout's path is must not decide where the words are cut
    after = ["/bin/sh", "-c", "echo working; sleep 600; :", f"--password={secret}"]
    host.configure(lambda c: c.update(steps={"upgrade": {"after": [after]}}))
    run = await start_release(host.settings, host.places, "v1.1.0", ANNA, auto=True)
    gate = await host.gate(run, GateKind.ATTEST, "review")
    async with attached(host) as (client, _):
        await answer(client, gate, Answer.ATTEST, reason="read")
    await until(
        lambda: bool(host.view(run).step("upgrade").attempts) and "working" in host.lines(run, "upgrade"), "it works"
    )
    host.end_runner(signal.SIGKILL)
    await until(lambda: host.runner_pid() == 0, "the lock is free")
    return run


@pytest.mark.slow
def test_what_was_left_running_is_told_at_the_gate_without_its_secrets(host: Host) -> None:
    secret = Path(host.settings.smoke.password.file or "").read_text().strip()

    async def story() -> None:
        run = await _killed_in_the_upgrade(host, secret)
        await start_resume(host.settings, host.places, run, ANNA)
        gate = await host.gate(run, GateKind.INTERRUPTED, "upgrade")
        assert f"--password={REDACTED}) was left running, and was ended" in gate.detail
        assert secret not in "\n".join([gate.detail, *host.lines(run, "upgrade")])

    asyncio.run(story())


@pytest.mark.slow
def test_no_rollback_begins_beside_what_could_not_be_ended(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = Path(host.settings.smoke.password.file or "").read_text().strip()
    monkeypatch.setattr(leftovers, "AFTER_KILL", 0.1)

    async def story() -> None:
        run = await _killed_in_the_upgrade(host, secret)
        lock = TargetLock.acquire(host.places, "anna", "rollback", open_source(host.settings).locks())
        session = Session(host.settings, host.places, lock, "setsid")
        try:
            with monkeypatch.context() as context:
                context.setattr(os, "killpg", lambda *_: None)  # as a process that hangs in the kernel hears them
                with pytest.raises(UsageError, match="STILL RUNS") as refused:
                    await session.new_rollback(run, RollbackOptions(), ANNA)
            assert "End it" in refused.value.hint
            assert secret not in str(refused.value)
            assert host.state(run) is RunState.INTERRUPTED
            assert await session.new_rollback(run, RollbackOptions(), ANNA) == run + 1
        finally:
            await session.close("over")
            lock.release()
        history = History(host.places.journal)
        told = [str(e.data["what"]) for e in history.events(run, 0) if e.kind == EventKind.RUNNER]
        history.close()
        assert any("STILL RUNS" in what for what in told), told
        assert "was left running, and was ended" in told[-1]
        assert secret not in "".join(told)

    asyncio.run(story())


def _as_after_a_reboot(journal: Path) -> int:
    """All that was journaled is of another boot; the pid that the step's command had."""
    with closing(sqlite3.connect(journal)) as connection:
        for table in ("run", "attempt", "child"):
            connection.execute(f"UPDATE {table} SET boot_id = 'the boot before'")
        connection.commit()
        return int(connection.execute("SELECT pid FROM child WHERE ended_at IS NULL").fetchone()[0])
