"""The story that this program is for: SSH is lost in the middle of the upgrade, and the release is not."""

import os
import re
import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from release_host import Host
from sshd import Login, Server, until
from world import look, stragglers

import debvisor_tui
from debvisor_tui.model.changes import ChangeState
from debvisor_tui.model.gates import Answer
from debvisor_tui.model.states import RunState, StepState
from debvisor_tui.system.procfs import identify

pytestmark = [pytest.mark.real, pytest.mark.slow]

VERSION = "v1.2.0"
RELEASE, ROLLBACK = 1, 2  # the runs
LINES, HELD_AT = 200, 150
SECONDS_TO_END = 10.0  # for the TUI, once its line is gone
#: Slow, and at HELD_AT it waits to be let go on, so that who comes back comes back in its middle.
SLOW = """
import pathlib, sys, time
held_at, lines = map(int, sys.argv[2:])
for n in range(1, lines + 1):
    print(f"migrating part {n:03} of {lines}", flush=True)
    time.sleep(0.02)
    while n == held_at and not pathlib.Path(sys.argv[1]).exists():
        time.sleep(0.02)
"""


def part(number: int) -> str:
    return f"migrating part {number:03} of {LINES}"


@pytest.fixture
def let_go(host: Host, tmp_path: Path) -> Callable[[], None]:
    """The upgrade takes its time; this lets it get to its end."""
    script, file = host.sandbox.dir / "slow.py", tmp_path / "go"
    script.write_text(SLOW, encoding="utf-8")
    slow = [sys.executable, str(script), str(file), str(HELD_AT), str(LINES)]
    host.configure(lambda c: c.update(steps={"upgrade": {"after": [slow]}}))
    return file.touch


def places(host: Host) -> tuple[str, ...]:
    return ("--config", str(host.sandbox.config_path), "--state-dir", str(host.sandbox.state_dir))


def run(login: Login, *arguments: str, cwd: Path = Path("/"), **environment: str) -> None:
    """Type `debvisor-tui ARGUMENTS` in the login's shell."""
    environment["PYTHONPATH"] = str(Path(debvisor_tui.__file__).parents[1])
    program = (sys.executable, "-m", "debvisor_tui", *arguments)
    pairs = (f"{name}={value}" for name, value in environment.items())
    login.type(f"clear; cd {shlex.quote(str(cwd))}; {shlex.join(['env', *pairs, *program])}\r")


def without(words: str) -> Callable[[str], bool]:
    return lambda screen: words not in screen


def pass_gates(login: Login, *titles: str) -> None:
    for title in titles:
        login.read_until("waiting for you", f"{title} is next.")
        login.decide("\r", without(f"{title} is next."))


def up_to_the_middle_of_the_upgrade(login: Login) -> int:
    """By keys, from the plan on; the last part that the operator has seen."""
    login.read_until("Nothing is touched yet.", "enter start the release")
    login.decide("\r", without("Nothing is touched yet."))
    pass_gates(login, "Code review")
    login.read_until("waiting for you", "enter attest")
    login.decide("\r", "enter confirm it")
    login.decide("\t", "All changes were reviewed and are on origin/main. ")
    login.decide("\r", without("enter confirm it"))
    pass_gates(login, "CI", "Backup", "Migrations")
    login.read_until("waiting for you", "enter agree…")
    login.decide("\r", "y accept and continue")
    login.decide("y", "Pull is next.")
    pass_gates(login, "Pull", "Upgrade")
    login.read_until(lambda screen: re.search(r"part 0[2-9]\d of", screen))
    return max(map(int, re.findall(r"part (\d+) of", login.screen)))


def lose_the_line(server: Server, host: Host, lose: Callable[[], None]) -> None:
    """The TUI ends with its line; nothing happens to the runner."""
    (tui,) = (identify(pid) for pid in server.find(f"-m {debvisor_tui.__name__} "))
    assert tui is not None
    runner = host.runner_pid()
    lose()
    until(lambda: not tui.alive(), "the TUI ends with its line", SECONDS_TO_END)
    assert host.runner_pid() == runner != 0
    assert host.view(RELEASE).step("upgrade").state is StepState.RUNNING


def find_it_where_it_was(login: Login) -> None:
    """Where the upgrade holds: its step, its log's end, and the keys to decide about it."""
    login.read_until("Upgrade  ▶ running", "attempt 1", part(HELD_AT), "R ROLL BACK")
    assert part(HELD_AT + 1) not in login.screen


def parts_logged(host: Host) -> list[str]:
    return [line for line in host.lines(RELEASE, "upgrade") if line.startswith("migrating part ")]


def who_decided(host: Host, run: int) -> list[tuple[str, str]]:
    return [(decision.step, decision.who) for decision in host.view(run).decisions]


def test_killed_sshd_the_release_goes_on_and_is_finished_at_the_next_login(
    server: Server, host: Host, let_go: Callable[[], None]
) -> None:
    first = server.log_in()
    run(first, *places(host))
    first.read_until("n new release", "RUNS NOW")
    first.type("n")
    first.read_until("Which version?", VERSION)
    first.type("\x1b[B\r")  # the newest is v1.3.0
    first.read_until(f"new release · {VERSION}")
    up_to_the_middle_of_the_upgrade(first)
    sessions = server.sessions()

    def kill_sshd() -> None:
        for pid in sessions:
            os.kill(pid, signal.SIGKILL)

    assert sessions
    lose_the_line(server, host, kill_sshd)
    first.read_to_end()

    second = server.log_in()
    run(second, "attach", cwd=host.sandbox.dir)  # the state folder is not at hand: it is found
    find_it_where_it_was(second)
    let_go()
    second.read_until("Restart is next.")
    assert parts_logged(host) == [part(n) for n in range(1, LINES + 1)]
    pass_gates(second, "Restart", "Health", "Smoke test", "Monitor")
    second.read_until("the run has ended", f"{VERSION} runs now.")

    release, world = host.view(RELEASE), look(host.sandbox)
    assert release.run.state is RunState.SUCCEEDED
    assert world.answers == VERSION
    assert {step.id: len(step.attempts) for step in release.steps} == {step.id: 1 for step in release.steps}
    kinds = [change.kind for change in release.changes]
    assert len(kinds) == len(set(kinds))
    assert {who for _, who in who_decided(host, RELEASE)} == {"root (ssh 127.0.0.1)"}


def test_killed_ssh_another_person_comes_and_rolls_back_in_the_middle(
    server: Server, host: Host, let_go: Callable[[], None]
) -> None:
    before = look(host.sandbox)
    anna = server.log_in()
    run(anna, *places(host), "release", VERSION, SUDO_USER="anna")
    seen = up_to_the_middle_of_the_upgrade(anna)
    lose_the_line(server, host, lambda: os.kill(anna.pid, signal.SIGKILL))

    ben = server.log_in()
    run(ben, *places(host), "attach", SUDO_USER="ben")
    find_it_where_it_was(ben)
    assert parts_logged(host) == [part(n) for n in range(1, HELD_AT + 1)]
    assert seen <= HELD_AT
    ben.type("R")
    ben.read_until("Back to v1.0.0.", "Nothing is done before you press enter.", "Upgrade is running now")
    # The migrations are applied already: what they took stays lost, so it is asked once more, and said at the end.
    ben.decide("\r", "y roll back", "12 values of node.notes")
    ben.decide("y", without("y roll back"))
    ben.read_until("the run has ended", "Rolled back: v1.0.0 runs again; 12")

    release, rollback, world = host.view(RELEASE), host.view(ROLLBACK), look(host.sandbox)
    assert (release.run.state, rollback.run.state) == (RunState.ROLLED_BACK, RunState.SUCCEEDED)
    assert release.step("upgrade").state is StepState.CANCELLED
    assert (world.answers, world.commit, world.revision, world.nodes, world.clean) == (
        before.answers, before.commit, before.revision, before.nodes, True,
    )  # fmt: skip
    assert before.answers == "v1.0.0"
    assert parts_logged(host) == [part(n) for n in range(1, HELD_AT + 1)]
    assert not stragglers(host.sandbox)
    assert {change.state for change in release.changes if change.kind != "backup"} == {ChangeState.UNDONE}
    for view in (release, rollback):
        assert all(len(step.attempts) <= 1 for step in view.steps)
    anna_is, ben_is = "anna as root (ssh 127.0.0.1)", "ben as root (ssh 127.0.0.1)"
    assert {who for _, who in who_decided(host, RELEASE)} == {anna_is, ben_is}
    assert [d.who for d in release.decisions if d.answer == Answer.ROLLBACK] == [ben_is]
