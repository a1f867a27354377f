"""For all tests: snapshots lie in the top-level folder snapshots/, and local time is UTC."""

import os
import time
from pathlib import Path

import pytest_textual_snapshot
from syrupy.location import PyTestLocation

os.environ["TZ"] = "UTC"
time.tzset()


class TopLevelSnapshots(pytest_textual_snapshot.SVGImageExtension):  # type: ignore[misc]
    @classmethod
    def dirname(cls, *, test_location: PyTestLocation) -> str:
        return str(Path(__file__).parent.parent / "snapshots" / Path(test_location.filepath).stem)


pytest_textual_snapshot.SVGImageExtension = TopLevelSnapshots
