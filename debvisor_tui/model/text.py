"""Foreign text made safe, once, where it enters: control sequences out, secrets out, lines of bounded length.

What is stripped: ECMA-48 CSI, OSC, DCS, SOS, PM and APC sequences (also when unterminated) and nF/Fp/Fe/Fs
escapes. What becomes U+FFFD: other C0 controls, DEL, C1 controls, bidi controls and U+2028/9, which could
reorder or hide what an operator reads (Unicode TR36, "Trojan Source").
"""

import re
from collections.abc import Iterable

MAX_LINE = 16_384  # characters; what is longer is continued on further lines
REDACTED = "••••••"
MIN_SECRET = 4  # characters; a shorter secret would redact half of every log

_SEQUENCE = re.compile(
    r"\x1b\[[0-?]*[ -/]*(?:[@-~]|$)"  # CSI
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|\x9c|$)"  # OSC, DCS, SOS, PM, APC, ended or not
    r"|\x1b[ -/]*(?:[0-~]|$)"  # nF, Fp, Fe, Fs
    r"|\x9b[0-?]*[ -/]*(?:[@-~]|$)"  # CSI in C1
    r"|[\x90\x98\x9d\x9e\x9f].*?(?:\x07|\x1b\\|\x9c|$)",  # DCS, SOS, OSC, PM, APC in C1
    re.MULTILINE,
)
_BAD = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def sanitise(text: str) -> str:
    """`text` without control sequences; newlines and tabs stay. Clean text costs one regex scan."""
    if not _BAD.search(text):
        return text
    return _BAD.sub("\ufffd", _SEQUENCE.sub("", text))


def one_line(text: str, limit: int = 500) -> str:
    """`text` for a place that has one line: sanitised, white space folded, cut at `limit` characters."""
    folded = " ".join(sanitise(text).split())
    return folded if len(folded) <= limit else folded[: limit - 1] + "…"


class Redactor:
    """Replaces every known secret in a text; knows the secrets' values and nothing else of them."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._pattern: re.Pattern[str] | None = None
        self._secrets: set[str] = set()
        self.add(*secrets)

    def add(self, *secrets: str) -> None:
        self._secrets.update(s for s in secrets if len(s) >= MIN_SECRET)
        if self._secrets:  # the longest first: one secret may begin with another
            longest_first = sorted(self._secrets, key=len, reverse=True)
            self._pattern = re.compile("|".join(re.escape(s) for s in longest_first))

    def __call__(self, text: str) -> str:
        return self._pattern.sub(REDACTED, text) if self._pattern else text


class LineAssembler:
    """Turns chunks of a child's output into clean lines.

    `\\r` alone means "the line is written anew" (progress bars), so only what stands after the last one is kept;
    invalid UTF-8 is replaced; a line longer than `max_line` characters goes on in further lines. What is held
    back between two calls is bounded by `max_line` characters (4 bytes each).
    """

    def __init__(self, redact: Redactor, max_line: int = MAX_LINE) -> None:
        self._redact = redact
        self._max = max_line
        self._rest = b""

    def feed(self, chunk: bytes) -> list[str]:
        """The complete lines that `chunk` ends, without their newlines."""
        block, newline, rest = (self._rest + chunk).rpartition(b"\n")
        self._rest = rest
        lines = self._lines(block) if newline else []
        if len(self._rest) > self._max * 4:  # an endless line must not fill the memory
            lines += self._lines(self._rest)
            self._rest = b""
        return lines

    def close(self) -> list[str]:
        """What the child wrote last, without a newline."""
        rest, self._rest = self._rest, b""
        return self._lines(rest) if rest else []

    def _lines(self, block: bytes) -> list[str]:
        text = block.decode("utf-8", "replace")
        if "\r" in text:
            text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
        lines = sanitise(self._redact(text)).split("\n")
        if len(text) > self._max:
            lines = [piece for line in lines for piece in self._pieces(line)]
        return lines

    def _pieces(self, line: str) -> list[str]:
        if len(line) <= self._max:
            return [line]
        return [line[i : i + self._max] for i in range(0, len(line), self._max)]
