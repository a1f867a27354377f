"""A running sandbox."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from by_hand import Hand
from sandboxes import make_sandbox


@pytest.fixture
def hand(tmp_path: Path) -> Iterator[Hand]:
    sandbox = make_sandbox(tmp_path / "host")
    try:
        sandbox.start()
        yield Hand(sandbox)
    finally:
        sandbox.stop()
