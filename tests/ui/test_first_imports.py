"""What the first screen needs is imported, and nothing else: start-up is imports."""

import subprocess
import sys

LATER = (
    "pydantic",
    "sqlalchemy",
    "alembic",
    "httpx",
    "docker",
    "plotext",
    "typer",
    "prometheus_client",
    "debvisor_tui.model.views",
    "debvisor_tui.ui.screens.run",
)


def test_home_is_there_without_what_only_later_screens_need() -> None:
    code = "import sys, debvisor_tui.ui.app, debvisor_tui.ui.driver, debvisor_tui.cli.entry; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert not set(LATER) & set(done.stdout.split())
