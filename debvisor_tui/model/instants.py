"""Points in time that keep their distance when somebody sets the clock."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Instant:
    """`at`: unix seconds, for showing. `uptime`: seconds on CLOCK_BOOTTIME of the boot `boot_id`; None: not known.

    CLOCK_BOOTTIME (clock_gettime(2)) is set by nobody, goes on while the host sleeps, and begins anew with
    each boot.
    """

    at: float
    uptime: float | None = None
    boot_id: str | None = None


def elapsed(since: Instant, now: Instant) -> float:
    """Seconds from `since` to `now`, never negative; over a reboot the wall clock's, for there is no better one."""
    same_boot = since.boot_id is not None and since.boot_id == now.boot_id
    if same_boot and since.uptime is not None and now.uptime is not None:
        return max(now.uptime - since.uptime, 0.0)
    return max(now.at - since.at, 0.0)
