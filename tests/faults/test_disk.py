"""The journal's disk is full, its file locked, damaged or removed: the run stands still and loses nothing."""

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from foreign import Page, web
from release_host import ANNA, Host, answer, attached, until
from sandboxes import make_sandbox
from story import quick
from world import look

from debvisor_tui.model.errors import DebvisorError, NoReply
from debvisor_tui.model.gates import Answer, GateKind
from debvisor_tui.model.states import RunState, StepState
from debvisor_tui.runner.client import RunnerClient
from debvisor_tui.runner.paths import TargetPaths
from debvisor_tui.runner.spawn import start_release, start_resume
from debvisor_tui.runner.step_log import HIGH_WATER
from debvisor_tui.store.connection import BUSY_TIMEOUT

LINES = 3000
TALKS = f"""
import time
for n in range({LINES}):
    print("line", n, "x" * 400, flush=True)
    if n % 300 == 299:
        time.sleep(0.1)
"""
#: Talks, and once it may, writes as fast as it can; says in `count` how many lines it has got rid of.
SHOUTS = """
import os, time
n = 0
while True:
    print("line", n, flush=True)
    n += 1
    if not os.path.exists({go!r}):
        time.sleep(0.02)
    elif n % 1000 == 0:
        open({count!r}, "w").write(str(n))
"""
KEEPS_TALKING = "import time\nn = 0\nwhile True:\n    print('line', n, flush=True)\n    n += 1\n    time.sleep(0.02)"


def mounted(folder: Path, size: str) -> bool:
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "none", folder], capture_output=True, check=False
    )
    return done.returncode == 0


def grow(folder: Path, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)


@pytest.fixture
def small_disk() -> Iterator[Callable[[str], Path]]:
    """A real file system of a few megabytes; the test is skipped where none can be mounted."""
    with tempfile.TemporaryDirectory(prefix="debvisor-disk-") as parent:
        made: list[Path] = []

        def make(size: str) -> Path:
            folder = Path(parent) / f"disk{len(made)}"
            if os.geteuid() != 0 or not mounted(folder, size):
                pytest.skip("no file system can be mounted here: it takes root")
            made.append(folder)
            return folder

        yield make
        for folder in made:
            subprocess.run(["umount", "-l", folder], check=False)


class Small(Host):
    """A host whose journal lies on a disk of its own."""

    disk: Path

    @property
    def places(self) -> TargetPaths:
        return TargetPaths(self.disk, "sandbox")

    def fill(self) -> Path:
        """Fill the disk to its last block; what does it."""
        ballast = self.disk / "ballast"
        with ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            for size in (65_536, 4096, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(b"\0" * size)
        return ballast


@pytest.fixture
def host(tmp_path: Path, small_disk: Callable[[str], Path]) -> Iterator[Small]:
    sandbox = make_sandbox(tmp_path / "host", monitor="1s")
    made = Small(sandbox)
    made.disk = small_disk("24m")
    quick(made)
    sandbox.start()
    yield made
    made.end_runner()
    sandbox.destroy()


def review(host: Host, code: str) -> None:
    host.configure(lambda c: c.update(steps={"review": {"command": [sys.executable, "-c", code]}}))


async def begin(host: Host) -> int:
    """A release whose first step has begun to talk."""
    run = await start_release(host.settings, host.places, "v1.1.0", ANNA)
    gate = await host.gate(run, GateKind.READY, "review")
    async with attached(host) as (client, _):
        await answer(client, gate, Answer.RUN)
    await until(lambda: bool(host.view(run).step("review").attempts), "the step began")
    await until(lambda: any(line.startswith("line") for line in host.lines(run, "review")), "it talks")
    return run


def trouble(heard: list[dict[str, object]]) -> str:
    return next((f"{m['what']} {m['hint']}" for m in reversed(heard) if m["type"] == "trouble"), "")


def test_a_full_disk_holds_the_run_still_and_ends_nothing(host: Small) -> None:
    review(host, TALKS)

    async def story() -> int:
        run = await begin(host)
        ballast = host.fill()
        async with attached(host, observe=True) as (_, heard):
            await until(lambda: "disk is full" in trouble(heard) or "disk I/O" in trouble(heard), "it is told")
            assert "df -h" in trouble(heard)
            later: list[dict[str, object]]
            async with attached(host, observe=True) as (_, later):
                await until(lambda: bool(trouble(later)), "who comes later is told too")
            ballast.unlink()
            await until(lambda: heard[-1]["type"] != "trouble" and "stands" not in trouble(heard), "it goes on")
        await host.gate(run, GateKind.READY, "ci")
        return run

    run = asyncio.run(story())
    lines = [line for line in host.lines(run, "review") if line.startswith("line ")]
    assert lines == [f"line {n} {'x' * 400}" for n in range(LINES)]
    assert host.view(run).step("review").state is StepState.SUCCEEDED


def test_killed_while_it_stands_still_it_is_taken_up_again(host: Small) -> None:
    review(host, TALKS)

    async def story() -> None:
        run = await begin(host)
        ballast = host.fill()
        async with attached(host, observe=True) as (_, heard):
            await until(lambda: bool(trouble(heard)), "it is told")
            known = host.lines(run, "review")
            host.end_runner()
        await until(lambda: not host.runner_pid(), "the lock is free")
        with pytest.raises(DebvisorError):  # no room even to begin: said, and nothing is touched
            await start_resume(host.settings, host.places, run, ANNA)
        ballast.unlink()
        await start_resume(host.settings, host.places, run, ANNA)
        gate = await host.gate(run, GateKind.INTERRUPTED, "review")
        assert host.lines(run, "review")[: len(known)] == known
        async with attached(host) as (client, _):
            await answer(client, gate, Answer.RETRY)
            await host.gate(run, GateKind.READY, "ci")

    asyncio.run(story())


def test_on_a_full_disk_nothing_is_started(host: Small) -> None:
    host.places.prepare()
    host.fill()
    before = look(host.sandbox)

    async def story() -> None:
        with pytest.raises(DebvisorError, match=r"[Nn]o space left|disk is full|full") as refused:
            await start_release(host.settings, host.places, "v1.1.0", ANNA)
        assert "df -h" in refused.value.hint

    asyncio.run(story())
    assert not host.runner_pid()
    assert look(host.sandbox) == before


def test_a_journal_held_longer_than_anybody_waits(host: Small) -> None:
    review(host, TALKS)

    async def story() -> None:
        run = await begin(host)
        async with attached(host, observe=True) as (_, heard):
            other = sqlite3.connect(host.places.journal, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            await until(lambda: "database is locked" in trouble(heard), "it is told")
            assert f"fuser -v {host.places.journal}" in trouble(heard)
            other.close()
            await until(lambda: "stands" not in trouble(heard), "it goes on")
        await host.gate(run, GateKind.READY, "ci")
        assert len([line for line in host.lines(run, "review") if line.startswith("line ")]) == LINES

    asyncio.run(story())


@pytest.mark.parametrize("harm", ["overwritten", "removed"])
def test_a_journal_that_is_harmed_under_the_runner(host: Small, harm: str) -> None:
    review(host, KEEPS_TALKING)

    async def story() -> None:
        run = await begin(host)
        async with attached(host, observe=True) as (_, heard):
            child = _child(host)
            if harm == "removed":
                known = host.lines(run, "review")
                for file in host.places.folder.glob("journal.db*"):
                    file.unlink()
                await until(lambda: host.places.journal.exists(), "it is put back")
                await until(lambda: len(host.lines(run, "review")) > len(known) + 20, "and written on")
                assert host.lines(run, "review")[: len(known)] == known
            else:
                good = host.places.folder / "good"
                with contextlib.closing(sqlite3.connect(host.places.journal)) as now:
                    now.execute("VACUUM INTO ?", (str(good),))
                broken = host.places.folder / "broken"
                broken.write_bytes(b"not a database" * 1000)
                os.replace(broken, host.places.journal)
                await until(lambda: "not a database" in trouble(heard), "it is told")
                assert ".recover" in trouble(heard)
                assert _child(host) == child, "the command goes on"
        assert _child(host) == child
        host.end_runner(15)
        await until(lambda: not host.runner_pid(), "the runner ends when it is told to")

    asyncio.run(story())


def test_a_child_that_shouts_does_not_keep_a_runner_that_is_told_to_end(host: Small, tmp_path: Path) -> None:
    go, count = tmp_path / "go", tmp_path / "count"
    review(host, SHOUTS.format(go=str(go), count=str(count)))

    async def story() -> None:
        await begin(host)
        async with attached(host, observe=True) as (_, heard):
            other = sqlite3.connect(host.places.journal, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            await until(lambda: "database is locked" in trouble(heard), "it is told")
            go.touch()
            await until(lambda: _stands_at(count) >= HIGH_WATER, "it is held back")
            host.end_runner(15)
            await until(lambda: not host.runner_pid(), "the runner ends when it is told to")
        assert _child(host) == 0
        other.close()

    asyncio.run(story())


def test_a_deadline_stands_still_with_the_run(host: Small) -> None:
    limit = BUSY_TIMEOUT + 2.0  # seconds, more than the journal is waited for before that is told

    async def story() -> None:
        with web() as site:
            site.pages |= {"/live": Page(200, b'{"status": "ok"}'), "/ready": Page(503, b"warming up")}

            def change(config: dict[str, dict[str, object]]) -> None:
                config["health"] |= {
                    "live": f"{site.url}/live",
                    "ready": f"{site.url}/ready",
                    "timeout": f"{limit:g}s",
                }

            host.configure(change)
            run = await start_release(host.settings, host.places, "v1.1.0", ANNA, auto=True)
            async with attached(host) as (client, heard):
                gate = await host.gate(run, GateKind.ATTEST, "review")
                await answer(client, gate, Answer.ATTEST, reason="read")
                await until(lambda: host.view(run).step("health").state is StepState.RUNNING, "health is probed")
                begun = time.monotonic()
                other = sqlite3.connect(host.places.journal, isolation_level=None)
                other.execute("BEGIN IMMEDIATE")
                await until(lambda: "database is locked" in trouble(heard), "it is told")
                await until(lambda: time.monotonic() - begun > limit + 2, "the time would be over")
                site.pages["/ready"] = Page(200, b'{"status": "ok", "version": "v1.1.0"}')
                other.close()
                await until(lambda: host.view(run).step("health").state is not StepState.RUNNING, "it is over")
            ended = host.view(run).step("health")
            assert (ended.state, ended.attempt.error if ended.attempt else "") == (StepState.SUCCEEDED, "")

    asyncio.run(story())


def test_without_a_terminal_it_is_said_that_the_run_stands_still(host: Small, tmp_path: Path) -> None:
    review(host, TALKS)
    said = tmp_path / "said"
    argv = [sys.executable, "-m", "debvisor_tui", "--config", str(host.sandbox.config_path)]
    argv += ["--state-dir", str(host.disk)]
    options = ["release", "v1.1.0", "--headless", "--auto"]

    async def story() -> None:
        try:
            await until(lambda: bool(host.runner_pid()) and _talks(host), "it talks")
            other = sqlite3.connect(host.places.journal, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            await until(lambda: "The run stands still." in said.read_text(), "it is said")
            other.close()
            await until(lambda: "The run goes on." in said.read_text(), "and that it goes on")
            assert "fuser -v" in said.read_text()
            assert await asyncio.to_thread(release.wait, 60) == 0, said.read_text()
        finally:
            release.kill()
            release.wait()

    with said.open("wb") as errors:
        release = subprocess.Popen([*argv, *options], stdout=subprocess.DEVNULL, stderr=errors)
    asyncio.run(story())


def test_an_answer_that_waits_for_the_journal_is_not_called_lost(
    host: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("debvisor_tui.runner.client.REPLY_TIMEOUT", 1.0)

    async def story() -> None:
        run = await start_release(host.settings, host.places, "v1.1.0", ANNA)
        gate = await host.gate(run, GateKind.READY, "review")
        async with attached(host) as (client, _):
            other = sqlite3.connect(host.places.journal, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(NoReply, match="has not replied for 1 s") as silence:
                await answer(client, gate, Answer.SKIP, reason="while it is held")
            assert "as soon as the journal can be written" in silence.value.hint
            other.close()
            await host.gate(run, GateKind.READY, "ci")
        assert [d.reason for d in host.view(run).decisions] == ["while it is held"]

    asyncio.run(story())


def _stands_at(count: Path) -> int:
    """The number in `count`, once it has not been written anew for half a second."""
    return int(count.read_text()) if count.exists() and time.time() - count.stat().st_mtime > 0.5 else 0


def _talks(host: Host) -> bool:
    with contextlib.suppress(DebvisorError, AssertionError, IndexError):
        return any(line.startswith("line") for line in host.lines(1, "review"))
    return False


def _child(host: Host) -> int:
    """The pid of the step's command."""
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            environ = Path(f"/proc/{entry}/environ").read_bytes()
            if b"DEBVISOR_TUI_CHILD=" in environ and os.fsencode(host.sandbox.dir) in environ:
                return int(entry)
    return 0


def test_a_full_backup_disk_is_a_failed_gate_with_nothing_left_behind(
    make_host: Callable[[], Host], small_disk: Callable[[str], Path]
) -> None:
    host, disk = make_host(), small_disk("16k")
    host.configure(lambda c: c["backup"].update(dir=str(disk)))

    async def story() -> None:
        run = await start_release(host.settings, host.places, "v1.1.0", ANNA, auto=True)
        async with attached(host) as (client, _):
            gate = await host.gate(run, GateKind.ATTEST, "review")
            await answer(client, gate, Answer.ATTEST, reason="read")
            gate = await host.gate(run, GateKind.FAILED, "backup")
            assert f"df -h {disk}" in gate.detail or "room" in gate.detail.lower(), gate
            assert [file.name for file in disk.iterdir() if file.suffix in {".partial", ".db"}] == []
            await asyncio.to_thread(grow, disk, "16m")
            await answer(client, gate, Answer.RETRY)
            await until(lambda: host.view(run).step("backup").state is StepState.SUCCEEDED, "a retry does it")

    asyncio.run(story())


def test_who_reads_on_a_full_disk_still_reads(host: Small) -> None:
    async def ended() -> int:
        run = await start_release(host.settings, host.places, "v1.1.0", ANNA)
        gate = await host.gate(run, GateKind.READY, "review")
        async with attached(host) as (client, _):
            await answer(client, gate, Answer.ABORT, reason="enough")
        await until(lambda: not host.runner_pid(), "the runner ends")
        return run

    run = asyncio.run(ended())
    host.fill()
    assert host.view(run).run.state is RunState.ABORTED
    done = subprocess.run(
        [
            *(sys.executable, "-m", "debvisor_tui", "--config", host.sandbox.config_path, "--state-dir", host.disk),
            *("history", "list"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, "aborted" in done.stdout) == (0, True), done.stderr


def test_nobody_answers_for_a_journal_that_is_not_there(host: Small) -> None:
    async def story() -> None:
        with pytest.raises(DebvisorError, match="No release is running"):
            await RunnerClient.connect(host.places, ANNA)

    asyncio.run(story())
