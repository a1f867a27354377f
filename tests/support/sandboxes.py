"""Sandbox hosts for tests: made once a process, and copied."""

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

from debvisor_tui.sandbox.build import free_port, take_folder
from debvisor_tui.sandbox.config_file import write_config
from debvisor_tui.sandbox.faults import arrange
from debvisor_tui.sandbox.host import Sandbox
from debvisor_tui.sandbox.layout import Layout


def make_sandbox(folder: Path, *, fault: str | None = None, monitor: str = "30s") -> Sandbox:
    """As `Sandbox.create(folder, …)` makes it, in a tenth of the time: git and alembic have been at work already."""
    layout, port = Layout(folder.resolve()), free_port()
    take_folder(layout.dir)
    shutil.copytree(_template(), layout.dir, symlinks=True, dirs_exist_ok=True)
    config = layout.checkout / ".git" / "config"
    config.write_text(config.read_text().replace(str(_template()), str(layout.dir)))
    layout.write_marker(port)
    arrange(layout, fault, layout.version())
    write_config(layout, port, monitor)
    return Sandbox.open(layout.dir)


@functools.cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="debvisor-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Sandbox.create(folder / "sandbox").dir
