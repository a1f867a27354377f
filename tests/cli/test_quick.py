"""The quick way into the TUI: only where nothing but a target is named, and with the same errors."""

import subprocess
import sys
from pathlib import Path

import pytest

from debvisor_tui.cli.entry import plain
from debvisor_tui.cli.target import Choice


def test_nothing_but_a_target_goes_straight_to_the_tui() -> None:
    assert plain([]) == Choice()
    assert plain(["--config", "a.toml", "--state-dir=/s"]) == Choice(config=Path("a.toml"), state_dir=Path("/s"))
    assert plain(["--target", "web1"]) == Choice(target="web1")


@pytest.mark.parametrize("line", ["status", "--help", "--config", "--config --json", "--config a --config b"])
def test_all_else_goes_to_the_whole_command_line(line: str) -> None:
    assert plain(line.split()) is None


def test_its_errors_are_those_of_the_whole_command_line(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "debvisor_tui", "--config", str(tmp_path / "none.toml")]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert str(tmp_path / "none.toml") in done.stderr
    assert "Traceback" not in done.stderr


def test_it_imports_no_command_line() -> None:
    code = "import sys, debvisor_tui.cli.entry; sys.exit('typer' in sys.modules or 'pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=30, check=False).returncode == 0
