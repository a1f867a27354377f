"""Reading the clocks: the one that people set, and the one that counts since boot."""

import functools
import time
from pathlib import Path

from debvisor_tui.model.moments import Moment


def present() -> Moment:
    return Moment(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME), boot_id())


@functools.cache
def boot_id() -> str:
    """The kernel's random id of this boot (random(4))."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
