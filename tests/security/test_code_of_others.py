"""No everyday command runs what another user has laid in the way: no module, no sandbox, no "run that goes on"."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from other_user import BECOME, NOBODY, only_root
from release_host import Host
from sandboxes import make_sandbox
from stranger import Stranger, debvisor

from debvisor_tui.runner import discovery as going_on
from debvisor_tui.runner.discovery import GoingOn, register, runs_going_on, unregister
from debvisor_tui.runner.runner_args import RunnerArgv
from debvisor_tui.system.procfs import myself

pytestmark = only_root


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    sandbox = make_sandbox(tmp_path / "host", monitor="1s")
    made = Host(sandbox)
    sandbox.start()
    yield made
    made.end_runner()
    sandbox.destroy()


@pytest.fixture
def registry(stranger: Stranger, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry of this test's own, in a folder that root owns."""
    folder = stranger.folder.parent / "registry"
    monkeypatch.setattr(going_on, "registry", lambda: folder)
    return folder


@pytest.mark.slow
def test_no_module_is_taken_from_the_folder_where_the_caller_stands(host: Host, stranger: Stranger) -> None:
    for name in ("tomllib", "secrets", "json", "debvisor_tui"):
        module = stranger.folder / f"{name}.py"
        module.write_text(f"open({str(stranger.mark)!r}, 'w')\n", encoding="utf-8")
        stranger.own(module, 0o644)
    options = ("--config", host.sandbox.config_path, "--state-dir", host.sandbox.state_dir)
    ships = ("release", "v1.1.0", "--headless", "--auto", "--yes")
    done = debvisor(*options, *ships, cwd=stranger.folder)
    assert (done.returncode, stranger.obeyed) == (0, False), done.stdout + done.stderr
    # The home screen asks in a process of its own.
    code = (
        "import asyncio, os, sys\n"
        "from pathlib import Path\n"
        "from debvisor_tui.config.load import load_settings\n"
        "from debvisor_tui.runner.query_client import ask_now\n"
        "from debvisor_tui.runner.paths import TargetPaths\n"
        "settings = load_settings(Path(sys.argv[1]))\n"
        "os.chdir(sys.argv[3])\n"
        "print(asyncio.run(ask_now(settings, TargetPaths(Path(sys.argv[2]), settings.name))).version)\n"
    )
    asks = [sys.executable, "-P", "-c", code, *map(str, (options[1], options[3], stranger.folder))]
    said = subprocess.run(asks, capture_output=True, text=True, timeout=60, check=False)
    assert (said.stdout, stranger.obeyed) == ("v1.1.0\n", False), said.stderr


def test_no_process_s_arguments_are_believed(stranger: Stranger, tmp_path: Path) -> None:
    """A setuid program is root's, and its arguments are whoever's started it."""
    theirs = stranger.folder / "theirs.toml"
    theirs.touch()
    words = RunnerArgv("start", str(theirs), str(stranger.folder / "state"), "release v1.2.0", "root").words
    code = "import time; print('there', flush=True); time.sleep(600)"
    # As root's own process has it: su, or anything else that has become root, looks no other.
    argv = [words[0], "-P", "-c", code, *words[3:]]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "there\n"
            assert RunnerArgv.parse(Path(f"/proc/{process.pid}/cmdline").read_text().split("\0")[3:-1]) is not None
            assert theirs not in [run.config for run in runs_going_on()]
            done = debvisor("attach", cwd=tmp_path, HOME=str(tmp_path), XDG_CONFIG_HOME="")
            assert done.returncode == 2
            assert str(stranger.folder) not in done.stderr
        finally:
            process.kill()


def test_what_is_registered_is_believed_only_from_a_folder_of_one_s_own(registry: Path, stranger: Stranger) -> None:
    this = GoingOn(Path("/etc/debvisor-tui/web1.toml"), Path("/var/lib/debvisor-tui"))
    register(this)
    assert runs_going_on() == [this]
    (entry,) = registry.iterdir()
    assert (registry.stat().st_mode & 0o777, entry.stat().st_mode & 0o777) == (0o700, 0o600)
    registry.chmod(0o777)
    assert runs_going_on() == [], "others could have written there"
    registry.chmod(0o755)
    os.chown(entry, NOBODY.pw_uid, NOBODY.pw_gid)
    assert runs_going_on() == [], "another's file"
    os.chown(entry, 0, 0)
    os.chown(registry, NOBODY.pw_uid, NOBODY.pw_gid)
    assert runs_going_on() == [], "another's folder"
    register(this)  # and none is written there
    os.chown(registry, 0, 0)
    real = registry.rename(stranger.folder / "moved")
    registry.symlink_to(real)
    assert runs_going_on() == [], "a link to where others may write"
    registry.unlink()
    real.rename(registry)
    assert runs_going_on() == [this]
    unregister()
    assert runs_going_on() == []


def test_a_dead_runner_s_registration_counts_for_nothing_and_is_swept(registry: Path) -> None:
    registry.mkdir(mode=0o700)
    dead = registry / "1.json"
    gone = {"pid": 1, "start_ticks": 1, "boot_id": "another", "config": "/a.toml", "state_dir": "/a"}
    dead.write_text(json.dumps(gone), encoding="utf-8")
    dead.chmod(0o600)
    (registry / "2.json").write_text("[", encoding="utf-8")
    assert runs_going_on() == []
    register(GoingOn(Path("/b.toml"), Path("/b")))
    assert [path.name for path in registry.iterdir()] == [f"{myself().pid}.json"]


def test_the_demo_runs_no_sandbox_of_another(stranger: Stranger) -> None:
    evil = stranger.folder / "debvisor-demo-evil"
    evil.mkdir()
    owner = {"pid": 999_999, "start_ticks": 1, "boot_id": "x"}
    files = {
        "owner.json": json.dumps(owner),
        ".debvisor-sandbox": json.dumps({"format": 1, "port": 20_001}),
        "panelctl": f"open({str(stranger.mark)!r}, 'w')\n",
        "debvisor.toml": 'name = "x"\n',
    }
    for name, text in files.items():
        (evil / name).write_text(text, encoding="utf-8")
        stranger.own(evil / name, 0o755)
    stranger.own(evil, 0o755)
    sticky = stranger.folder.parent / "tmp"
    sticky.mkdir()
    sticky.chmod(0o1777)
    evil = evil.rename(sticky / evil.name)
    swept = debvisor("demo", "--fault", "nonsense", cwd=sticky, TMPDIR=str(sticky))
    assert (swept.returncode, [path.name for path in sticky.iterdir()]) == (2, [evil.name])
    opened = debvisor("demo", "--dir", evil, "--headless", cwd=sticky)
    stopped = debvisor("demo", "--dir", evil, "--stop", cwd=sticky)
    assert not stranger.obeyed
    for done in (opened, stopped):
        assert (done.returncode, "is not used: the user nobody owns" in done.stderr) == (2, True), done.stderr


@pytest.mark.slow
def test_the_demo_makes_no_sandbox_where_another_could_change_it(stranger: Stranger) -> None:
    empty = stranger.folder / "empty"
    empty.mkdir()
    for folder in (stranger.own(empty, 0o755), stranger.folder / "new"):
        done = debvisor("demo", "--dir", folder, "--headless", cwd=stranger.folder.parent)
        assert (done.returncode, "is not used" in done.stderr) == (2, True), done.stderr
    assert [*empty.iterdir()] == []
    assert not (stranger.folder / "new").exists()


def test_another_user_s_own_runs_are_found_by_that_user(open_folder: Path) -> None:
    """The registry is not root's alone."""
    home = open_folder / "home"
    home.mkdir()
    os.chown(home, NOBODY.pw_uid, NOBODY.pw_gid)
    code = (
        "import time\n"
        "from debvisor_tui.runner.discovery import GoingOn, register, runs_going_on, unregister\n"
        "os.environ.update(HOME=sys.argv[1], XDG_STATE_HOME='')\n"
        "this = GoingOn(Path('/a.toml'), Path('/a'))\n"
        "register(this)\n"
        "print(runs_going_on() == [this])\n"
        "unregister()\n"
        "print(runs_going_on())\n"
    )
    preloaded = "import debvisor_tui.runner.discovery, platformdirs.unix\n"
    process = subprocess.run(
        [sys.executable, "-c", preloaded + BECOME + code, home],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (process.stdout, process.stderr) == ("True\n[]\n", "")
