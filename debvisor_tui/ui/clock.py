"""The clock that screens go by; tests and snapshots put a standing one in its place."""

from dataclasses import dataclass

from debvisor_tui.model.instants import Instant
from debvisor_tui.store.clock import present


class Clock:
    def now(self) -> Instant:
        return present()


@dataclass(frozen=True)
class StandingClock(Clock):
    """Always `at` (unix seconds)."""

    at: float

    def now(self) -> Instant:
        return Instant(self.at)
