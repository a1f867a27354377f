"""For all tests: snapshots lie in the top-level folder snapshots/, local time is UTC, hypothesis draws the same."""

import gc
import os
import time
from pathlib import Path

import hypothesis
import pytest_textual_snapshot
from syrupy.location import PyTestLocation

gc.set_threshold(50_000)  # what the tests import stays: looking through it again and again costs a tenth
os.environ["TZ"] = "UTC"
time.tzset()

# The same examples each time, and none is late because the machine is busy. `make stories` has more, and new ones.
hypothesis.settings.register_profile("quick", max_examples=25, derandomize=True, deadline=None)
hypothesis.settings.register_profile("thorough", max_examples=100, deadline=None, print_blob=True)
hypothesis.settings.load_profile("quick")


class TopLevelSnapshots(pytest_textual_snapshot.SVGImageExtension):  # type: ignore[misc]
    @classmethod
    def dirname(cls, *, test_location: PyTestLocation) -> str:
        return str(Path(__file__).parent.parent / "snapshots" / Path(test_location.filepath).stem)


pytest_textual_snapshot.SVGImageExtension = TopLevelSnapshots
