"""Whether a key was meant as an answer: typed when the question was on the screen, after a pause, and not held down.

A key that repeats (each 33 ms), or a lagging line that delivers many keys at once, is nobody's decision: five seconds
of held Enter once shipped a release.
"""

import math
from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Final

from textual import events

SETTLE: Final = 0.25  # seconds that a question must have been on the screen: nobody has read and answered it sooner
PAUSE: Final = 0.15  # seconds without a key before an answer; key repeat is faster
REMEMBERED: Final = 2000  # keys

TOO_SOON: Final = "That key came too soon: look at what is asked, then press it."
HELD: Final = "A held or repeated key answers nothing: look, then press it once."


class Hand:
    """Hears every key when it arrives. `careful` off: any key counts, for tests that type as fast as they can."""

    def __init__(self, *, careful: bool = True) -> None:
        self._careful = careful
        self._last: tuple[float, str] = (-math.inf, "")
        self._before: OrderedDict[float, tuple[float, str]] = OrderedDict()  # by a key's time, the key before it
        self._together: deque[float] = deque(maxlen=REMEMBERED)

    def came_together(self, times: Iterable[float]) -> None:
        """Keys with these times came in one read; called by the thread that reads, before any of them is heard."""
        self._together.extend(times)

    def heard(self, key: events.Key) -> None:
        self._before[key.time] = self._last
        self._last = (key.time, key.key)
        while len(self._before) > REMEMBERED:
            self._before.popitem(last=False)

    def is_new(self, key: events.Key) -> bool:
        """Whether `key`, just heard, is another press and not the repeat of the one before it."""
        before, _ = self._before.get(key.time, self._last)
        return key.time - before >= PAUSE

    def why_not(self, key: events.Key | None, asked_at: float) -> str:
        """Why `key` answers nothing that was on the screen from `asked_at` on (monotonic seconds), or "" if it
        does."""
        if not self._careful or key is None:
            return ""
        if key.time < asked_at + SETTLE:
            return TOO_SOON
        before, _ = self._before.get(key.time, self._last)
        return HELD if key.time - before < PAUSE or key.time in self._together else ""

    def ends_a_text(self, key: events.Key, asked_at: float) -> bool:
        """Whether Enter ends what was typed into a field; it may follow its text closely, but not another Enter."""
        if not self._careful:
            return True
        before, name = self._before.get(key.time, self._last)
        return key.time >= asked_at + SETTLE and not (name == "enter" and key.time - before < PAUSE)
