"""The executor on real processes: all output, bounded, and an end for everything it starts."""

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from debvisor_tui.model.errors import CommandFailed
from debvisor_tui.system import execute as module
from debvisor_tui.system.execute import Completed, execute, run_quietly

PYTHON = sys.executable


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_both_pipes_are_read_whole_and_the_exit_code_is_kept() -> None:
    script = (
        "import sys; sys.stdout.write('o' * 3_000_000); sys.stderr.write('eeee\\n' * 60_000 + 'last'); sys.exit(3)"
    )
    errors = bytearray()

    async def on_stderr(chunk: bytes) -> None:
        errors.extend(chunk)

    done = asyncio.run(execute([PYTHON, "-c", script], on_stderr=on_stderr, capture=True))
    assert (done.exit_code, len(done.stdout), len(errors)) == (3, 3_000_000, 300_004)
    assert done.stderr.endswith(b"\neeee\nlast")
    assert module.TAIL_LIMIT - 5 <= len(done.stderr) <= module.TAIL_LIMIT
    assert done.stderr.startswith(b"eeee\n")


@pytest.mark.parametrize("length", [module.TAIL_LIMIT, 40_000])
def test_last_words_of_one_line_are_kept_as_long_as_they_are_whole(length: int) -> None:
    script = f"import sys; sys.stderr.write('e' * {length})"
    assert asyncio.run(execute([PYTHON, "-c", script])).stderr == b"e" * length


def test_a_slow_sink_loses_nothing_that_the_child_wrote_before_it_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("debvisor_tui.system.pipes.LINGER", 0.05)
    got = 0

    async def slow(chunk: bytes) -> None:
        nonlocal got
        await asyncio.sleep(0.08)  # longer than the pump's patience: the time of a sink is not the pipe's
        got += len(chunk)

    asyncio.run(execute([PYTHON, "-c", "print('x' * 399_999)"], on_stdout=[slow]))
    assert got == 400_000


def test_a_daemon_that_keeps_the_pipe_open_does_not_hang_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("debvisor_tui.system.pipes.LINGER", 0.3)
    pid_file = tmp_path / "pid"
    script = f"setsid sleep 60 & echo $! > {pid_file}; echo started"
    begun = time.monotonic()
    done = asyncio.run(execute(["sh", "-c", script], capture=True))
    daemon = int(pid_file.read_text())
    try:
        assert (done.exit_code, done.stdout, done.left_open) == (0, b"started\n", True)
        assert time.monotonic() - begun < 5
        assert _alive(daemon)  # a restart command starts daemons: a command that ended well leaves them alone
    finally:
        os.kill(daemon, 9)


def test_cancelled_again_it_still_ends_the_group_before_it_is_said_to_be_ended() -> None:
    pid = 0

    async def story() -> None:
        started = asyncio.Event()

        async def on_stdout(chunk: bytes) -> None:
            nonlocal pid
            pid = int(chunk)
            started.set()

        script = "trap '' TERM; echo $$; while :; do sleep 0.05; done"
        task = asyncio.create_task(execute(["sh", "-c", script], on_stdout=[on_stdout], grace=0.5))
        async with asyncio.timeout(5):
            await started.wait()
            for _ in range(3):
                task.cancel()
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            assert not task.done()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert not _alive(pid)

    asyncio.run(story())


def test_cancelling_ends_the_whole_group_and_still_reads_its_last_words(tmp_path: Path) -> None:
    # The grandchild says itself that it is there: one that was only just forked may still swallow a TERM.
    script = "trap 'echo going; exit 0' TERM; sh -c 'echo $$; exec sleep 60' & wait"
    lines = bytearray()

    async def story() -> None:
        started = asyncio.Event()

        async def on_stdout(chunk: bytes) -> None:
            lines.extend(chunk)
            started.set()

        task = asyncio.create_task(execute(["sh", "-c", script], on_stdout=[on_stdout]))
        async with asyncio.timeout(5):
            await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    begun = time.monotonic()
    asyncio.run(story())
    assert time.monotonic() - begun < 4  # less than the grace: all of the group was told to go
    grandchild, _, rest = lines.decode().partition("\n")
    assert rest == "going\n"
    assert not _alive(int(grandchild))


def test_what_does_not_heed_term_is_killed() -> None:
    script = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    pids: list[int] = []

    async def story() -> None:
        started = asyncio.Event()

        async def on_start(pid: int) -> None:
            pids.append(pid)

        async def on_stdout(_: bytes) -> None:
            started.set()

        command = execute([PYTHON, "-c", script], on_stdout=[on_stdout], on_start=on_start, grace=0.2)
        task = asyncio.create_task(command)
        async with asyncio.timeout(10):
            await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    begun = time.monotonic()
    asyncio.run(story())
    assert not _alive(pids[0])
    assert time.monotonic() - begun < 10


def test_an_error_of_a_sink_ends_the_command_and_is_raised_as_it_is() -> None:
    async def full(_: bytes) -> None:
        raise CommandFailed("the journal's disk is full")

    with pytest.raises(CommandFailed, match="disk is full"):
        asyncio.run(execute(["sh", "-c", "echo x; exec sleep 60"], on_stdout=[full], grace=0.2))


@pytest.mark.parametrize(
    ("argv", "what"),
    [
        (["no-such-program-here"], "no-such-program-here was not found"),
        ([__file__], f"{__file__} cannot be executed: permission denied"),
        (["echo", "a\0b"], "echo cannot be started: embedded null byte"),
        (
            ["sh", "-c", "echo first >&2; printf 'x\\033[31mred\\n\\n' >&2; exit 4"],
            "sh failed with exit code 4: xred",
        ),
        (["sh", "-c", "kill -9 $$"], "sh was ended by SIGKILL"),
    ],
)
def test_a_failure_is_said_in_words_with_what_can_be_done(argv: list[str], what: str) -> None:
    with pytest.raises(CommandFailed) as failure:
        asyncio.run(run_quietly(argv))
    assert failure.value.what == what
    assert failure.value.hint


def test_a_folder_that_is_not_there_is_not_called_a_missing_program(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"its folder .*gone is not there"):
        asyncio.run(run_quietly(["true"], cwd=tmp_path / "gone"))


def test_the_environment_is_added_to_and_stdin_is_empty() -> None:
    done: Completed = asyncio.run(
        run_quietly(["sh", "-c", 'cat; echo "$HOME|$EXTRA"'], env={"EXTRA": "x"}, capture=True)
    )
    assert done.text == f"{os.environ['HOME']}|x\n"


def test_each_whole_line_is_heard_as_it_comes_however_it_is_cut() -> None:
    script = """
import os, time
for part in (b"one\\ntw", b"o\\n", b"\\xff\\n\\nlast"):
    os.write(1, part)
    time.sleep(0.05)
"""
    heard: list[str] = []

    async def hear(line: str) -> bytes:
        heard.append(line)
        return b""

    asyncio.run(run_quietly([PYTHON, "-c", script], converse=hear))
    assert heard == ["one", "two", "\ufffd", "last"]


def test_a_command_may_be_answered_line_by_line() -> None:
    script = "print('first?', flush=True)\nprint('got', input(), flush=True)\nprint('got', input(), flush=True)"
    heard: list[str] = []

    async def answer(line: str) -> bytes:
        heard.append(line)
        return b"yes\nno\n" if line == "first?" else b""

    done = asyncio.run(run_quietly([PYTHON, "-c", script], converse=answer, capture=True))
    assert heard == ["first?", "got yes", "got no"] == done.text.splitlines()


def test_answers_to_a_command_that_does_not_listen_are_lost_and_no_error() -> None:
    async def answer(line: str) -> bytes:
        return b"x" * 1000

    script = "import os\nos.close(0)\nfor n in range(3): print(n, flush=True)"
    assert asyncio.run(run_quietly([PYTHON, "-c", script], converse=answer)).exit_code == 0


def test_what_hears_the_lines_may_end_the_command() -> None:
    async def refuse(line: str) -> bytes:
        raise KeyError(line)

    with pytest.raises(KeyError, match="begun"):
        asyncio.run(run_quietly(["sh", "-c", "echo begun; exec sleep 60"], converse=refuse))
