"""The sandbox as a folder and two processes: made whole, bound to itself, stopped whole."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from by_hand import Hand, gone, wait_for

from debvisor_tui.config.load import load_settings
from debvisor_tui.model.errors import CommandFailed, UsageError, WorkFailed
from debvisor_tui.sandbox.host import Sandbox


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def listeners(port: int) -> set[str]:
    """The local addresses, as the kernel writes them, on which somebody listens at `port`."""
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            address, _, number = fields[1].rpartition(":")
            if fields[3] == "0A" and int(number, 16) == port:
                found.add(address)
    return found


def test_a_new_sandbox_is_a_clean_host_at_the_first_release(hand: Hand) -> None:
    settings = load_settings(hand.sandbox.config_path)
    assert settings.name == "sandbox"
    assert not settings.production
    assert (
        settings.smoke.password.resolve("smoke.password").reveal()
        == (hand.dir / "smoke-password").read_text().strip()
    )
    assert mode(hand.dir / "smoke-password") == 0o600
    assert mode(hand.sandbox.state_dir) == 0o700
    assert hand.git("status", "--porcelain", "--branch").strip() == "## main...origin/main [behind 10]"
    assert hand.git("describe").strip() == "v1.0.0"
    status = Path(str(settings.ci.status_file).replace("{commit}", hand.git("rev-parse", "v1.3.0^{commit}").strip()))
    assert '"passed"' in status.read_text()
    assert hand.ready() == (200, {"status": "ok", "version": "v1.0.0", "checks": {"database": "ok", "cache": "ok"}})
    assert listeners(hand.sandbox.port) == {"0100007F"}  # 127.0.0.1 and nothing else


@pytest.mark.slow
def test_start_and_stop_may_be_said_twice_and_the_port_stays(hand: Hand) -> None:
    panel, traffic = hand.pid(), hand.pid("traffic")
    hand.sandbox.start()
    assert (hand.pid(), hand.pid("traffic")) == (panel, traffic)
    hand.sandbox.stop()
    hand.sandbox.stop()
    assert gone(panel)
    assert gone(traffic)
    assert not hand.sandbox.running()
    again = Sandbox.open(hand.dir)
    assert again.port == hand.sandbox.port
    again.start()
    assert again.running()
    os.kill(hand.pid(), signal.SIGKILL)
    assert wait_for(lambda: not again.running())
    again.start()
    assert hand.ready()[0] == 200


def test_what_has_the_pid_of_a_dead_panel_is_left_alone(hand: Hand) -> None:
    panel = hand.pid()
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        (hand.dir / "run" / "panel.pid").write_text(f"{stranger.pid}\n1\nv1.0.0\n")
        assert hand.panelctl("stop").stdout == "panel: was not running\n"
        assert stranger.poll() is None
    finally:
        stranger.communicate(b"\n", timeout=10)
        os.kill(panel, signal.SIGTERM)


def test_what_was_started_ends_when_the_folder_is_gone(hand: Hand) -> None:
    processes = (hand.pid(), hand.pid("traffic"))
    moved = hand.dir.rename(hand.dir.with_name("elsewhere"))
    assert wait_for(lambda: all(gone(pid) for pid in processes))
    moved.rename(hand.dir)


def test_a_folder_that_is_not_its_own_is_neither_taken_nor_removed(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    precious = tmp_path / "mine" / "precious"
    precious.write_text("x")
    with pytest.raises(UsageError, match="not empty"):
        Sandbox.create(tmp_path / "mine")
    with pytest.raises(UsageError, match="is not a sandbox"):
        Sandbox.open(tmp_path / "mine")
    with pytest.raises(UsageError, match="cannot be used"):
        Sandbox.create(precious)
    with pytest.raises(UsageError, match="characters in its path"):
        Sandbox.create(tmp_path / "50% {off}")
    with pytest.raises(UsageError, match="no fault named 'boredom'"):
        Sandbox.create(tmp_path / "new", fault="boredom")
    with pytest.raises(UsageError, match="expected a duration"):
        Sandbox.create(tmp_path / "new", monitor="soon")
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "mine", precious]


def test_destroy_ends_and_removes_all_of_it(hand: Hand) -> None:
    processes = (hand.pid(), hand.pid("traffic"))
    (hand.dir / ".debvisor-sandbox").rename(hand.dir / "aside")
    with pytest.raises(UsageError, match="is not a sandbox"):
        hand.sandbox.destroy()
    assert hand.ready()[0] == 200
    (hand.dir / "aside").rename(hand.dir / ".debvisor-sandbox")
    hand.sandbox.destroy()
    hand.sandbox.stop()
    assert not hand.dir.exists()
    assert all(gone(pid) for pid in processes)


def test_a_sandbox_that_cannot_be_made_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandFailed, match="git is not installed"):
        Sandbox.create(tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_broken_release_does_not_keep_a_sandbox_from_being_opened(hand: Hand) -> None:
    hand.sandbox.set_fault("crash")
    hand.git("merge", "--quiet", "--ff-only", "v1.1.0")
    assert hand.panelctl("restart").returncode == 1
    with pytest.raises(WorkFailed) as failed:
        hand.sandbox.start()
    assert 'cannot load plugin "quota"' in failed.value.hint
    hand.sandbox.start(must_be_ready=False)
    assert not gone(hand.pid("traffic"))
