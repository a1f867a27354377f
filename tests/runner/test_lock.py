"""One run a target: the kernel knows who holds the lock, and a dead holder's is free."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from other_user import NOBODY, as_nobody, only_root, said_by_nobody
from other_user import open_folder as open_folder

from debvisor_tui.model.errors import LockHeld, UsageError
from debvisor_tui.runner.lock import TargetLock, by_hand, find_holder
from debvisor_tui.runner.paths import TargetPaths
from debvisor_tui.runner.runner_args import RunnerArgv

HOLD = """
import sys
from pathlib import Path
from debvisor_tui.runner.lock import TargetLock
from debvisor_tui.runner.paths import TargetPaths
paths = TargetPaths(Path(sys.argv[1]), "t")
lock = TargetLock.acquire(paths, "anna (ssh)", "release v2", [Path(p) for p in sys.argv[2:]])
lock.name_run(42)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def places(tmp_path: Path) -> TargetPaths:
    places = TargetPaths(tmp_path, "t")
    places.prepare()
    return places


@contextmanager
def held(*args: str | Path) -> "Iterator[subprocess.Popen[str]]":
    """Another process holds the lock; it ends with the block."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, *map(str, args)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder


def test_a_second_run_hears_who_runs_what_and_a_killed_holder_frees_it(places: TargetPaths, tmp_path: Path) -> None:
    with held(tmp_path) as holder:
        with pytest.raises(LockHeld, match=r"anna \(ssh\) runs release v2 on t since .* \(run 42, process \d+\)"):
            TargetLock.acquire(places, "bert", "release v3")
        found = find_holder(places)
        assert found is not None
        assert found.run == 42
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        assert find_holder(places) is None
        TargetLock.acquire(places, "bert", "release v3").release()


def test_removing_the_lock_file_does_not_let_a_second_run_in(places: TargetPaths, tmp_path: Path) -> None:
    with held(tmp_path) as holder:
        places.lock.unlink()
        with pytest.raises(LockHeld, match=rf"since .* \(process {holder.pid}\)"):  # what the kernel knows
            TargetLock.acquire(places, "bert", "release v3")


def test_a_lock_held_since_another_day_says_which(places: TargetPaths, tmp_path: Path) -> None:
    with held(tmp_path):
        words = json.loads(places.lock.read_bytes())
        places.lock.write_text(json.dumps(words | {"since": time.time() - 3 * 86_400}), encoding="utf-8")
        with pytest.raises(LockHeld, match=r"since \d{4}-\d\d-\d\d \d\d:\d\d ") as refused:
            TargetLock.acquire(places, "bert", "release v3")
        assert refused.value.hint == "Attach to it: debvisor-tui attach"


def test_what_a_dead_holder_said_of_itself_is_not_taken_for_the_next_ones_words(places: TargetPaths) -> None:
    with subprocess.Popen(["true"]) as dead:
        dead.wait()
    lock = TargetLock.acquire(places, "anna", "release v2")
    words = json.loads(places.lock.read_bytes())
    places.lock.write_text(json.dumps(words | {"pid": dead.pid, "who": "the dead"}), encoding="utf-8")
    holder = find_holder(places)
    lock.release()
    assert holder is not None
    assert holder.pid == os.getpid()
    assert "dead" not in holder.who


def test_a_child_does_not_inherit_the_lock(places: TargetPaths, tmp_path: Path) -> None:
    lock = TargetLock.acquire(places, "anna", "release v2", [tmp_path])
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        lock.release()
        assert find_holder(places) is None
        TargetLock.acquire(places, "bert", "release v3", [tmp_path]).release()
        assert child.poll() is None


def test_who_is_refused_frees_nothing(places: TargetPaths, tmp_path: Path) -> None:
    lock = TargetLock.acquire(places, "anna", "release v2")
    for _ in range(2):
        with pytest.raises(LockHeld, match="anna runs release v2"):
            TargetLock.acquire(places, "bert", "release v3", [tmp_path])
    lock.release()


def test_of_many_that_come_at_once_one_gets_the_lock(places: TargetPaths, tmp_path: Path) -> None:
    got: list[TargetLock] = []
    refused: list[LockHeld] = []

    def come() -> None:
        try:
            got.append(TargetLock.acquire(places, "anna", "release v2", [tmp_path]))
        except LockHeld as error:
            refused.append(error)

    threads = [threading.Thread(target=come) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (len(got), len(refused)) == (1, 19)
    got[0].release()


def test_a_holder_that_is_ending_is_waited_for(places: TargetPaths) -> None:
    lock = TargetLock.acquire(places, "anna", "release v2")
    lock.say_ending()
    timer = threading.Timer(0.2, lock.release)
    timer.start()
    TargetLock.acquire(places, "bert", "release v3").release()
    timer.join()


def test_a_full_disk_takes_the_words_and_not_the_lock(places: TargetPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(json, "dump", full)
    lock = TargetLock.acquire(places, "anna", "release v2")
    lock.name_run(42)
    lock.say_ending()
    with pytest.raises(LockHeld):
        TargetLock.acquire(places, "bert", "release v3")
    lock.release()
    TargetLock.acquire(places, "bert", "release v3").release()


def test_the_same_checkout_from_another_state_folder_is_the_same_target(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    for name in ("a", "b"):
        TargetPaths(tmp_path / name, "t").prepare()
    with held(tmp_path / "a", checkout) as holder:
        with pytest.raises(LockHeld, match=rf"has locked {checkout} since .*: .*python.* \(process {holder.pid}"):
            TargetLock.acquire(TargetPaths(tmp_path / "b", "t"), "bert", "release v3", [checkout])
        assert find_holder(TargetPaths(tmp_path / "b", "t")) is None, "what was taken first is given back"
    assert list(checkout.iterdir()) == [], "nothing is written where the service's code lies"
    TargetLock.acquire(TargetPaths(tmp_path / "b", "t"), "bert", "release v3", [checkout, tmp_path / "no"]).release()


@only_root
def test_nobodys_runner_is_named_to_root_with_where_it_keeps_its_state(open_folder: Path) -> None:
    checkout = open_folder / "checkout"
    checkout.mkdir()
    theirs, mine = TargetPaths(open_folder / "theirs", "t"), TargetPaths(open_folder / "mine", "t")
    theirs.folder.mkdir(parents=True)
    os.chown(theirs.folder, NOBODY.pw_uid, NOBODY.pw_gid)
    mine.prepare()
    # Its command line is that of a runner.
    runner = RunnerArgv(str(checkout), "t.toml", str(theirs.state_dir), "release v1.2.0", "nobody")
    code = """
lock = TargetLock.acquire(TargetPaths(Path(sys.argv[4]), "t"), "x", "x", [Path(sys.argv[2])])
print("held", flush=True); sys.stdin.read()"""
    with as_nobody(code, *runner.words[3:]) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LockHeld) as refused:
            TargetLock.acquire(mine, "anna", "release v3", [checkout])
        assert refused.value.what.startswith(f"nobody runs release v1.2.0 on {checkout} since ")
        assert f"It keeps its state in {theirs.state_dir}." in refused.value.what
        assert refused.value.hint == f"Attach to it, as nobody: debvisor-tui --state-dir {theirs.state_dir} attach"
        holder.kill()
    TargetLock.acquire(mine, "anna", "release v3", [checkout]).release()


@only_root
@pytest.mark.parametrize(
    "call", ["find_holder(places)", "TargetLock.acquire(places, 'nobody', 'release v2')", "places.has_journal()"]
)
def test_a_folder_that_another_may_not_read_is_no_lock_and_not_free(places: TargetPaths, call: str) -> None:
    lock = TargetLock.acquire(places, "anna", "release v2")
    said = said_by_nobody(
        f"""
places = TargetPaths(Path(sys.argv[1]), "t")
try:
    print("no error:", {call})
except DebvisorError as error:
    print(error.exit_code, error)""",
        places.state_dir,
    )
    lock.release()
    assert said.startswith("2 The ")
    assert f"folder {places.folder} cannot be read: Permission denied.\n" in said


@only_root
def test_what_another_user_does_by_hand_is_seen_although_its_file_is_theirs(open_folder: Path) -> None:
    places = TargetPaths(open_folder / "state", "t")
    places.prepare()
    for folder in (places.state_dir, places.folder.parent, places.folder):
        folder.chmod(0o755)
    ask = """
from debvisor_tui.runner.lock import done_by_hand
print("said:", done_by_hand(TargetPaths(Path(sys.argv[1]), "t")))"""
    with by_hand(places, "bea", "debvisor-cli db upgrade"):
        assert said_by_nobody(ask, places.state_dir).startswith("said: root runs ")
    assert places.by_hand.exists()
    assert said_by_nobody(ask, places.state_dir) == "said: \n"


def test_a_checkout_that_cannot_be_read_is_no_lock(places: TargetPaths, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(UsageError, match="cannot be read: Too many levels of symbolic links"):
        TargetLock.acquire(places, "anna", "release v2", [tmp_path / "loop"])
    assert find_holder(places) is None


def test_the_folders_are_private(places: TargetPaths) -> None:
    assert places.folder.stat().st_mode & 0o777 == 0o700
    places.folder.chmod(0o777)
    with pytest.raises(UsageError, match="everybody may write to it"):
        places.prepare()


def test_a_state_folder_that_cannot_be_made_is_said_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be used: Not a directory"):
        TargetPaths(tmp_path / "file", "t").prepare()


def test_what_lies_in_the_sockets_place_is_said_before_anything_starts(places: TargetPaths) -> None:
    places.socket.mkdir()
    with pytest.raises(UsageError, match="is not a socket"):
        places.prepare()


def test_a_socket_path_that_is_too_long_is_moved(tmp_path: Path) -> None:
    long = TargetPaths(tmp_path / ("x" * 120), "t")
    assert len(os.fsencode(long.socket)) <= 100
    assert long.socket != TargetPaths(tmp_path / ("y" * 120), "t").socket
