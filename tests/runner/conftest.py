"""A sandbox host of its own for each story."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from release_host import Host
from sandboxes import make_sandbox


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    sandbox = make_sandbox(tmp_path / "host", monitor="6s")
    sandbox.start()
    made = Host(sandbox)
    made.configure(lambda c: c["backup"].update(verify="read"))
    yield made
    made.end_runner()
    sandbox.destroy()
