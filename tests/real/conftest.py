"""A sandbox host that ships a release in seconds, and a real SSH server to log in to it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from release_host import Host
from sshd import Server, why_not
from story import quick

from debvisor_tui.sandbox.host import Sandbox


@pytest.fixture
def server() -> Iterator[Server]:
    if reason := why_not():
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="debvisor-sshd-") as folder:
        running = Server(Path(folder))
        yield running
        running.close()


@pytest.fixture
def host(server: Server) -> Iterator[Host]:
    # Not in pytest's own folder: what its long path takes of 24 rows no real host's does.
    with tempfile.TemporaryDirectory(prefix="host-") as folder:
        sandbox = Sandbox.create(Path(folder) / "demo", monitor="1s")
        made = Host(sandbox)
        quick(made)
        sandbox.start()
        yield made
        made.end_runner()
        sandbox.destroy()
