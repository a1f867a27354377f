"""The wall clock that screens show; tests and snapshots put a standing one in its place."""

import time
from dataclasses import dataclass


class Clock:
    def now(self) -> float:
        """Unix seconds."""
        return time.time()


@dataclass(frozen=True)
class StandingClock(Clock):
    """Always `at` (unix seconds)."""

    at: float

    def now(self) -> float:
        return self.at


def local_time(at: float) -> str:
    """`at` as the host's local HH:MM:SS."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def short_day(at: float, now: float) -> str:
    """`at` in 12 cells at most: "22:14:02" if that was today, "16 Mar 22:14" this year, "16 Mar 2025" otherwise."""
    then, today = time.localtime(at), time.localtime(now)
    if then[:3] == today[:3]:
        return time.strftime("%H:%M:%S", then)
    return time.strftime("%d %b %H:%M" if then[0] == today[0] else "%d %b %Y", then)


def local_day(at: float, now: float) -> str:
    """`at` as "22:14:02" if that was today, "yesterday 22:14" or "2026-03-01 22:14" otherwise."""
    then, today = time.localtime(at), time.localtime(now)
    if then[:3] == today[:3]:
        return time.strftime("%H:%M:%S", then)
    if then[:3] == time.localtime(now - 86_400)[:3]:
        return time.strftime("yesterday %H:%M", then)
    return time.strftime("%Y-%m-%d %H:%M", then)
