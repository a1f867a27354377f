"""What every screen and dialog with a question knows: since when its question is on the terminal."""

import math
import time
from typing import ClassVar, Protocol, cast

from textual.await_remove import AwaitRemove
from textual.screen import Screen, ScreenResultType


class _Drains(Protocol):
    @property
    def drain_seconds(self) -> float: ...


class Asks(Screen[ScreenResultType]):
    """`ANSWERS`: the actions that decide something; the app asks its :class:`.hand.Hand` whether their key was
    meant."""

    ANSWERS: ClassVar[frozenset[str]] = frozenset()

    asked_at: float = math.inf
    """When the present question was painted, monotonic seconds; infinite while it was not."""

    def ask_anew(self) -> None:
        """The question has changed: no key that was typed before it is painted answers it."""
        self.asked_at = math.inf
        self.call_after_refresh(self._painted)

    def _painted(self) -> None:
        # A frame that is on its way to a slow terminal is not seen yet.
        driver = self.app._driver
        slow = cast("_Drains", driver).drain_seconds if hasattr(driver, "drain_seconds") else 0.0
        self.asked_at = time.monotonic() + slow

    def on_screen_resume(self) -> None:
        self.ask_anew()

    def remove(self) -> AwaitRemove:
        # Textual ends a node's workers after its children are gone: one that ends between would find half a screen.
        self.workers.cancel_node(self)
        return super().remove()
