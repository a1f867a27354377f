"""How a runner is started: as a service told nothing in public, else in a session; it outlives its starter."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from release_host import ANNA, Host, answer, attached, until

from debvisor_tui.adapters.platforms.process import read_process
from debvisor_tui.cli import main, releases
from debvisor_tui.model.errors import DebvisorError, UsageError
from debvisor_tui.model.events import EventKind
from debvisor_tui.model.gates import Answer, GateKind
from debvisor_tui.runner import launch, spawn
from debvisor_tui.runner.handshake import read_answer, reserve, take_start, write_answer, write_start
from debvisor_tui.runner.launch import PROPERTIES, find_service, logout_ends_it
from debvisor_tui.runner.spawn import start_release
from debvisor_tui.store.history import History

SECRET = "hunter2-of-the-environment"

#: Like systemd-run: starts what comes after its options apart from the caller, with an environment of the manager's.
WORKS = """
printf '%s\\n' "$0" "$@" > "$CALLS"
while [ "${1#--}" != "$1" ]; do shift; done
stat -c '%a' "$5" >> "$CALLS.mode"
setsid env -i PATH="$PATH" "$@" < /dev/null > /dev/null 2>&1 &
echo $! > "$CALLS.pid"
"""
FAILS = "echo 'Failed to start transient service unit: Access denied' >&2; exit 1"
HANGS = "exec sleep 600"
SYSTEMCTL = 'printf "%s\\n" "$@" > "$CALLS.systemctl"; cat "$CALLS.pid"'


class Programs:
    """A folder before all others on PATH."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder.mkdir()
        self.folder = folder
        self.calls = folder / "calls"
        monkeypatch.setenv("CALLS", str(self.calls))
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def add(self, name: str, script: str) -> None:
        program = self.folder / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """As on a host with systemd, which has no other programs of its own than those that a test adds."""
    (tmp_path / "systemd").mkdir()
    monkeypatch.setattr(launch, "SYSTEMD", tmp_path / "systemd")
    monkeypatch.setenv("DATABASE_PASSWORD", SECRET)
    return Programs(tmp_path / "bin", monkeypatch)


def without(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PATH with all programs but `name`."""
    folder.mkdir()
    for program in (p for entry in os.get_exec_path() if Path(entry).is_dir() for p in Path(entry).iterdir()):
        if program.name != name and not (folder / program.name).exists():
            (folder / program.name).symlink_to(program)
    monkeypatch.setenv("PATH", str(folder))


def how(host: Host, run: int) -> str:
    """How the runner says that it was started."""
    history = History(host.places.journal)
    try:
        [started] = [e for e in history.events(run) if e.kind == EventKind.RUNNER and e.data["what"] == "started"]
    finally:
        history.close()
    return str(started.data["how"])


def tell_environment(host: Host) -> None:
    code = "import os; print('told', os.environ['DATABASE_PASSWORD'], 'CALLS' in os.environ)"
    host.configure(lambda c: c.update(steps={"review": {"command": [sys.executable, "-c", code]}}))


async def released(host: Host) -> int:
    """A release that was started, and whose first step has told the runner's environment."""
    run = await start_release(host.settings, host.places, "v1.1.0", ANNA)
    gate = await host.gate(run, GateKind.READY, "review")
    async with attached(host) as (client, _):
        await answer(client, gate, Answer.RUN)
        await host.gate(run, GateKind.READY, "ci")
    assert f"told {SECRET} True" in host.lines(run, "review"), "the environment has reached the runner"
    assert list(host.places.folder.glob("start-*")) == [], "nothing of the start is left"
    return run


@pytest.mark.slow
def test_a_service_is_told_nothing_that_others_may_not_read(host: Host, programs: Programs) -> None:
    tell_environment(host)
    programs.add("systemd-run", WORKS)
    programs.add("systemctl", SYSTEMCTL)
    run = asyncio.run(released(host))
    assert how(host, run) == "systemd-run"
    called = programs.calls.read_text().splitlines()
    unit, start = called[3].partition("=")[2], called[-5]
    assert called == [
        str(programs.folder / "systemd-run"),
        "--quiet",
        "--collect",
        f"--unit={unit}",
        *[f"--property={value}" for value in PROPERTIES],
        *[sys.executable, "-P", "-m", "debvisor_tui.runner.process", start],
        *[str(host.sandbox.config_path), str(host.sandbox.state_dir), "release v1.1.0", ANNA.name],
    ]
    assert unit.startswith("debvisor-tui-sandbox-start")
    asked = Path(f"{programs.calls}.systemctl").read_text().splitlines()
    assert asked == ["show", "--property=MainPID", "--value", unit]
    pid = host.runner_pid()
    assert pid == int(Path(f"{programs.calls}.pid").read_text())
    for file in ("cmdline", "environ"):
        assert SECRET.encode() not in Path(f"/proc/{pid}/{file}").read_bytes()
    assert Path(f"{programs.calls}.mode").read_text() == "600\n", "START, which holds the environment"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("systemd_run", "why"),
    [
        ("", "setsid"),
        (FAILS, "setsid (systemd-run failed: Failed to start transient service unit: Access denied)"),
        (HANGS, "setsid (systemd-run failed: no answer within 1 s)"),
    ],
    ids=["missing", "fails", "hangs"],
)
def test_without_a_service_the_runner_gets_a_session_of_its_own(
    host: Host, programs: Programs, systemd_run: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "TIMEOUT", 1.0)
    tell_environment(host)
    if systemd_run:
        programs.add("systemd-run", systemd_run)
    else:
        without("systemd-run", tmp_path / "rest", monkeypatch)
    run = asyncio.run(released(host))
    assert how(host, run) == why
    pid = host.runner_pid()
    assert os.getsid(pid) not in {os.getsid(0), os.getpid()}
    assert os.getpgid(pid) != os.getpgid(0)
    assert ("systemd-run failed" in host.places.runner_log.read_text()) == bool(systemd_run)


@pytest.mark.slow
@pytest.mark.parametrize("systemctl", ["exit 1", "echo nonsense", HANGS])
def test_a_service_whose_pid_nobody_tells_is_not_started_twice(
    host: Host, programs: Programs, systemctl: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "TIMEOUT", 1.0)
    programs.add("systemd-run", WORKS)
    programs.add("systemctl", systemctl)
    run = asyncio.run(start_release(host.settings, host.places, "v1.1.0", ANNA))
    assert how(host, run) == "systemd-run"
    assert host.runner_pid() == int(Path(f"{programs.calls}.pid").read_text())


@pytest.mark.slow
def test_a_service_that_runs_although_it_is_said_to_have_failed_is_not_started_twice(
    host: Host, programs: Programs
) -> None:
    programs.add("systemd-run", WORKS + 'while [ -e "$5" ]; do :; done; exit 1')
    run = asyncio.run(start_release(host.settings, host.places, "v1.1.0", ANNA))
    assert how(host, run) == "systemd-run"
    assert host.runner_pid() == int(Path(f"{programs.calls}.pid").read_text())


STARTER = """
import asyncio, sys
from pathlib import Path
from debvisor_tui.config.load import load_settings
from debvisor_tui.model.people import Person
from debvisor_tui.runner import launch, spawn
from debvisor_tui.runner.paths import TargetPaths
from debvisor_tui.runner.spawn import start_release
launch.SYSTEMD = Path(sys.argv[3])
settings = load_settings(Path(sys.argv[1]))
run = asyncio.run(start_release(settings, TargetPaths(Path(sys.argv[2]), "sandbox"), "v1.1.0", Person("anna")))
print(run, flush=True)
sys.stdin.read()
"""


@pytest.mark.slow
@pytest.mark.parametrize("service", [True, False], ids=["service", "session"])
def test_it_outlives_whoever_started_it(host: Host, programs: Programs, service: bool) -> None:
    if service:
        programs.add("systemd-run", WORKS)
        programs.add("systemctl", SYSTEMCTL)
    argv = [host.sandbox.config_path, host.sandbox.state_dir, launch.SYSTEMD if service else "/nowhere"]
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, *map(str, argv)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as starter:
        assert starter.stdout is not None
        run = int(starter.stdout.readline())
        assert how(host, run) == ("systemd-run" if service else "setsid")
        pid = host.runner_pid()
        for number in (signal.SIGHUP, signal.SIGKILL):  # as when a terminal goes, and then with force
            os.killpg(starter.pid, number)
    assert host.runner_pid() == pid

    async def goes_on() -> None:
        gate = await host.gate(run, GateKind.READY, "review")
        async with attached(host) as (client, _):
            await answer(client, gate, Answer.ABORT, reason="seen enough")
            await until(lambda: host.runner_pid() == 0, "it ends with its run")

    asyncio.run(goes_on())


# -- who has a service, and who is told that a logout ends the run -----------------------------------------------


@pytest.fixture
def anna(programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Not root, on a host with systemd; the folder of those who linger."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(launch, "_user_name", lambda: "anna")
    monkeypatch.setattr(launch, "LINGER", tmp_path / "linger")
    monkeypatch.setattr(launch, "LOOK_TIMEOUT", 0.5)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    programs.add("systemd-run", "exit 1")
    for name in ("linger", "runtime"):
        (tmp_path / name).mkdir()
    (tmp_path / "runtime" / "bus").touch()
    return tmp_path / "linger"


def logind(everybody: str, only: str = "as 0", never: str = 'as 1 "root"') -> str:
    """What busctl says of it; it is asked for just this."""
    wanted = "get-property org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager"
    asked = f"{wanted} KillUserProcesses KillOnlyUsers KillExcludeUsers"
    return f"[ \"$*\" = '{asked}' ] && printf '%s\\n' 'b {everybody}' '{only}' '{never}'"


@pytest.mark.parametrize(
    ("busctl", "told"),
    [
        (logind("true"), True),
        (logind("false"), False),
        (logind("true", never='as 2 "root" "anna"'), False),
        (logind("true", only='as 1 "bert"'), False),
        (logind("false", only='as 2 "bert" "anna"'), True),
        ("echo 'Failed to get property: Access denied' >&2; exit 1", False),
        ("echo 'b true'", False),
        (HANGS, False),
    ],
    ids=["ends all", "ends nobody", "but her", "only bert", "only her", "refuses", "old", "hangs"],
)
def test_whose_run_a_logout_ends_is_told_so_with_what_to_do(
    programs: Programs, anna: Path, busctl: str, told: bool
) -> None:
    programs.add("busctl", busctl)
    warning = logout_ends_it()
    assert bool(warning) == told
    if told:
        assert warning == "A logout would end this run. First do: sudo loginctl enable-linger anna"


def test_who_lingers_has_a_service_and_no_warning(programs: Programs, anna: Path) -> None:
    programs.add("busctl", logind("true"))
    assert find_service() is None
    (anna / "anna").touch()  # as `loginctl enable-linger anna` leaves it
    service = find_service()
    assert service is not None
    assert service.argv("u", ["runner"])[:2] == ["systemd-run", "--user"]
    assert logout_ends_it() == ""
    (anna.parent / "runtime" / "bus").unlink()
    assert find_service() is None, "her manager cannot be asked"


def test_root_and_a_host_without_systemd_are_told_nothing(
    programs: Programs, anna: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.add("busctl", logind("true"))
    assert logout_ends_it()
    monkeypatch.setattr(launch, "SYSTEMD", anna / "none")
    assert (logout_ends_it(), find_service()) == ("", None)
    monkeypatch.undo()
    if os.geteuid() == 0:
        assert logout_ends_it() == ""


@pytest.mark.parametrize("options", [["--headless"], ["--auto"]], ids=["headless", "auto"])
def test_the_command_line_says_it_before_it_starts(
    programs: Programs, anna: Path, host: Host, options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.add("busctl", logind("true"))
    said: list[str] = []
    monkeypatch.setattr(releases, "say", said.append)

    async def start(*_: object, **__: object) -> int:
        assert said == [f"! {logout_ends_it()}"]
        raise UsageError("not now")

    monkeypatch.setattr(spawn, "start_release", start)
    app = typer.Typer()
    app.callback()(main.start)
    releases.mount(app)
    argv = ["--config", str(host.sandbox.config_path), "release", "v1.1.0", *options]
    with pytest.raises(UsageError, match="not now"):
        typer.main.get_command(app).main(argv, standalone_mode=False)


def test_a_runner_that_does_not_let_go_is_ended_with_what_it_has_forked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "FORK_TIMEOUT", 1.0)
    code = "import os, sys, time\nif os.fork():\n    os._exit(0)\nopen(sys.argv[1], 'w').write(str(os.getpid()))\n"
    pid = tmp_path / "pid"
    with pytest.raises(OSError, match="had not begun within 1 s, and was ended"):
        launch.launch_session([sys.executable, "-c", f"{code}time.sleep(600)", str(pid)], tmp_path / "log")
    asyncio.run(until(lambda: read_process(int(pid.read_text())) is None, "it is gone"))


@pytest.mark.slow
def test_a_start_that_nobody_waits_for_any_more_is_not_begun(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spawn, "START_TIMEOUT", 0.05)

    async def story() -> None:
        with pytest.raises(DebvisorError, match="was not ready within 0 s"):
            await spawn.start_release(host.settings, host.places, "v1.1.0", ANNA, auto=True)
        log = host.places.runner_log
        await until(lambda: log.exists() and ("given up waiting" in log.read_text()), "it says so")
        await until(lambda: host.runner_pid() == 0, "it has ended")
        assert [step.attempts for step in host.view(1).steps if step.attempts] == []

    asyncio.run(story())


# -- START and its answer -----------------------------------------------------------------------------------------


def test_start_is_private_and_gone_once_read(tmp_path: Path) -> None:
    path = tmp_path / "start.json"
    before = os.umask(0)
    try:
        write_start(path, {"environment": {"PASSWORD": SECRET}})
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    start = take_start(path)
    assert start == {"environment": {"PASSWORD": SECRET}, "ready": str(tmp_path / "ready.json")}
    assert not path.exists()
    with pytest.raises(FileNotFoundError):
        take_start(path)


def test_a_link_in_starts_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "start.json").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        write_start(tmp_path / "start.json", {})
    assert not (tmp_path / "elsewhere").exists()


def test_an_answer_is_there_whole_or_not_at_all_and_nobody_is_told_who_has_gone(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    assert read_answer(ready) is None
    reserve(ready)
    assert read_answer(ready) is None
    write_answer(ready, {"run": 7})
    assert read_answer(ready) == {"run": 7}
    ready.unlink()
    write_answer(ready, {"run": 8})  # who waited has taken the folder's files away
    assert read_answer(ready) is None
