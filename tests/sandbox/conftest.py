"""A running sandbox."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from by_hand import Hand

from debvisor_tui.sandbox.host import Sandbox


@pytest.fixture
def hand(tmp_path: Path) -> Iterator[Hand]:
    sandbox = Sandbox.create(tmp_path / "host")
    try:
        sandbox.start()
        yield Hand(sandbox)
    finally:
        sandbox.stop()
