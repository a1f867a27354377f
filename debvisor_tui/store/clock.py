"""The present, on both clocks: the one that people set, and the one that counts since boot."""

import time

from debvisor_tui.model.instants import Instant
from debvisor_tui.system.procfs import boot_id


def present() -> Instant:
    return Instant(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME), boot_id())
