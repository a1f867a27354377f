"""From the bytes that the terminal sends to messages: garbage, floods and endless pastes do no harm."""

import time
from codecs import getincrementaldecoder
from collections.abc import Iterable

from textual import events
from textual._xterm_parser import XTermParser
from textual.geometry import Size
from textual.message import Message

AT_ONCE = 512  # keys and clicks in one read that a person, or a slow line, can be behind
QUIET = 0.25  # seconds without a byte that end a flood
PASTE_SHOWN = 10_000  # characters of a paste that reach a field
PASTE_LIMIT = 4_000_000  # bytes that make no message: a paste without an end
WIDEST = Size(1000, 500)  # cells of a terminal that reports its size by itself


class Typed:
    """`flooded` is True from a flood on until the terminal was quiet: its bytes are thrown away.

    A flood (a paste by a terminal that does not mark pastes, a cat of the wrong file) is nobody's decision.
    """

    def __init__(self, *, debug: bool = False) -> None:
        self._debug = debug
        self._begin()
        self.flooded = False
        self._heard = 0.0
        self._silent = 0

    def _begin(self) -> None:
        self._parser = XTermParser(self._debug)
        self._decode = getincrementaldecoder("utf-8")("replace").decode

    def feed(self, data: bytes) -> list[Message]:
        """The messages in `data`; a byte that is no UTF-8 counts as a key that means nothing."""
        now = time.monotonic()
        if self.flooded and now - self._heard < QUIET:
            self._heard = now
            return []
        self.flooded, self._heard = False, now
        text = self._decode(data)
        if not text:  # the beginning of a character: to the parser, nothing would be the end of all input
            return []
        messages = self._parse(text)
        self._silent = 0 if messages else self._silent + len(data)
        if len(messages) > AT_ONCE or self._silent > PASTE_LIMIT:
            self.flooded, self._silent = True, 0
            self._begin()
            return []
        return messages

    def tick(self) -> list[Message]:
        """What time alone decides: an ESC that no sequence followed."""
        return _sane(self._parser.tick())

    def _parse(self, text: str) -> list[Message]:
        try:
            return _sane(self._parser.feed(text))
        except (ValueError, ArithmeticError, LookupError, RuntimeError):  # it tripped over a malformed sequence
            self._begin()
            return []


def _sane(messages: Iterable[Message]) -> list[Message]:
    """Without what cannot be meant; of a mouse's way only its end."""
    kept: list[Message] = []
    for message in messages:
        if isinstance(message, events.Resize) and not _is_size(message.size):
            continue
        if isinstance(message, events.Paste) and len(message.text) > PASTE_SHOWN:
            message = events.Paste(message.text[:PASTE_SHOWN])
        if isinstance(message, events.MouseMove) and kept and isinstance(kept[-1], events.MouseMove):
            kept.pop()
        kept.append(message)
    return kept


def _is_size(size: Size) -> bool:
    return 0 < size.width <= WIDEST.width and 0 < size.height <= WIDEST.height
