"""What `pipx install .` installs: every file of the package, the ones that are no Python included."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_package(tmp_path: Path) -> None:
    ignore = shutil.ignore_patterns("__pycache__", ".*_cache")
    shutil.copytree(ROOT / "debvisor_tui", tmp_path / "debvisor_tui", ignore=ignore)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", "dist", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
        entries = next(archive.read(n).decode() for n in inside if n.endswith("entry_points.txt"))
    there = {p.relative_to(tmp_path).as_posix() for p in (tmp_path / "debvisor_tui").rglob("*") if p.is_file()}
    assert there - inside == set()
    with (ROOT / "pyproject.toml").open("rb") as file:
        scripts = tomllib.load(file)["project"]["scripts"]
    assert set(scripts) == {"debvisor-tui", "debvisor-cli"}
    assert [line for line in (f"{name} = {where}" for name, where in scripts.items()) if line not in entries] == []
