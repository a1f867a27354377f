"""How a sandbox is made: the folder, its programs, the repositories, the migrated and filled database, the config."""

import random
import secrets
import shutil
import socket
import sys
from pathlib import Path
from typing import Final

from debvisor_tui.config.trust import make_trusted_folder
from debvisor_tui.model.errors import UsageError, WorkFailed
from debvisor_tui.sandbox.commands import call
from debvisor_tui.sandbox.config_file import write_config
from debvisor_tui.sandbox.faults import arrange, write_ci
from debvisor_tui.sandbox.history import make_repositories
from debvisor_tui.sandbox.layout import TEMPLATE, Layout, write_atomically
from debvisor_tui.sandbox.seed import seed

PORTS: Final = range(20_000, 32_000)  # below those that Linux hands out to clients
UNFIT: Final = "?#%{}\"'\\"  # characters of a path that a URL, an ini file or a {placeholder} would read otherwise


def fit_path(path: Path) -> Path:
    """`path` made absolute; UsageError if the sandbox could not work there."""
    absolute = path.expanduser().resolve()
    bad = sorted({c for c in str(absolute) if c in UNFIT or not c.isprintable()})
    if bad:
        raise UsageError(
            f"The sandbox's folder has characters in its path that it cannot work with: {' '.join(map(repr, bad))}",
            "Choose a folder of letters, digits, spaces, - _ . and /.",
        )
    return absolute


def take_folder(path: Path) -> bool:
    """Make the folder; whether it was there. UsageError if it is not empty, or cannot be made."""
    try:
        existed = path.is_dir()
        if existed and any(path.iterdir()):
            raise UsageError(f"{path} is not empty", "Name a folder that is empty or not there yet.")
        make_trusted_folder(path, "sandbox's folder")  # its programs run with the caller's rights
    except OSError as error:
        raise UsageError(
            f"The folder {path} cannot be used: {error.strerror}", "Name another one with --dir."
        ) from None
    return existed


def clear(path: Path, *, existed: bool) -> None:
    """Leave `path` as :func:`take_folder` found it."""
    for child in path.iterdir():
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(child, ignore_errors=True)
        else:
            child.unlink(missing_ok=True)
    if not existed:
        shutil.rmtree(path, ignore_errors=True)


def free_port() -> int:
    """A port on 127.0.0.1 that nobody listens on now."""
    for _ in range(200):
        port = random.choice(PORTS)  # noqa: S311 - no secret
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tried:
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise WorkFailed("No free port was found on 127.0.0.1", f"Free one between {PORTS.start} and {PORTS.stop}.")


def fill(layout: Layout, port: int, monitor: str, fault: str | None) -> None:
    """Make all of the sandbox in its empty folder. OSError, sqlite3.Error or CommandFailed if that does not work."""
    for folder in (layout.database.parent, layout.backups, layout.ci, layout.run):
        folder.mkdir()
    layout.state.mkdir(mode=0o700)
    layout.write_marker(port)
    password = secrets.token_urlsafe(12)
    write_atomically(layout.password, password + "\n", 0o600)
    _copy_programs(layout)
    make_repositories(layout)
    _make_database(layout, password)
    write_ci(layout)
    arrange(layout, fault, layout.version())
    write_config(layout, port, monitor)


def _copy_programs(layout: Layout) -> None:
    source = (TEMPLATE / "panelctl.py").read_text(encoding="utf-8")
    write_atomically(layout.panelctl, f"#!{sys.executable}\n{source}", 0o755)
    shutil.copyfile(TEMPLATE / "traffic.py", layout.dir / "traffic.py")


def _make_database(layout: Layout, password: str) -> None:
    ini = str(layout.checkout / "alembic.ini")
    call(
        (sys.executable, "-m", "alembic", "-c", ini, "upgrade", "head"),
        cwd=layout.checkout,
        env={"DATABASE_URL": layout.database_url, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    seed(layout.database, password)
