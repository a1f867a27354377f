"""scripts/venv.sh where Debian's Python has no ensurepip: it installs python3-venv as root, or says what to do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "venv.sh"

# Stands for a Python without ensurepip until apt-get was run; its venv holds a Python that says yes to everything.
PYTHON = """#!/bin/sh
case "$*" in
    "-c import ensurepip, venv") test -e "$SHIM/installed" ;;
    "-m venv "*) mkdir -p "$3/bin" && printf '#!/bin/sh\\necho "$*" >>"$SHIM/calls"\\n' >"$3/bin/python" &&
        chmod +x "$3/bin/python" && cp "$3/bin/python" "$3/bin/pip" ;;
    *) exec REAL "$@" ;;
esac
"""
APT = '#!/bin/sh\necho "apt-get $*" >>"$SHIM/calls"\ntouch "$SHIM/installed"\n'


def script(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


@pytest.fixture
def shim(tmp_path: Path) -> Path:
    """A folder that stands first on the PATH."""
    script(tmp_path / "python3", PYTHON.replace("REAL", sys.executable))
    script(tmp_path / "apt-get", APT)
    script(tmp_path / "id", "#!/bin/sh\necho 0\n")
    script(tmp_path / "sudo", "#!/bin/sh\nexit 1\n")
    return tmp_path


def make_venv(shim: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SCRIPT), str(shim / "venv"), "dev"],
        env={**os.environ, "PATH": f"{shim}:{os.environ['PATH']}", "SHIM": str(shim)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def calls(shim: Path) -> str:
    path = shim / "calls"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def test_root_installs_the_package_and_goes_on_with_pinned_versions(shim: Path) -> None:
    done = make_venv(shim)
    assert done.returncode == 0, done.stderr
    made = calls(shim)
    assert "apt-get update" in made
    assert f"--no-install-recommends python3.{sys.version_info[1]}-venv" in made
    assert "constraints.txt --no-build-isolation --editable" in made
    (shim / "calls").unlink()
    assert make_venv(shim).returncode == 0
    assert "apt-get" not in calls(shim)


def test_without_root_it_says_what_to_install_and_touches_nothing(shim: Path) -> None:
    script(shim / "id", "#!/bin/sh\necho 1000\n")
    done = make_venv(shim)
    assert done.returncode != 0
    assert "sudo apt-get install python3" in done.stderr
    assert "Traceback" not in done.stderr
    assert calls(shim) == ""
    assert not (shim / "venv").exists()


def test_a_python_that_is_too_old_is_refused(shim: Path) -> None:
    script(shim / "python3", '#!/bin/sh\n[ "$1" != --version ] || echo Python 3.9.2\nexit "${2:+1}"\n')
    done = make_venv(shim)
    assert done.returncode != 0
    assert "Python 3.9.2 is too old: Python 3.11 or newer is needed" in done.stderr
