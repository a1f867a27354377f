"""Foreign text made safe, once, where it enters: control sequences out, secrets out, lines of bounded length.

What is stripped: ECMA-48 CSI, OSC, DCS, SOS, PM and APC sequences (also when unterminated) and nF/Fp/Fe/Fs
escapes. What becomes U+FFFD: other C0 controls, DEL, C1 controls, bidi controls, U+2028/9, and characters without a
width, which could reorder or hide what an operator reads (Unicode TR36, "Trojan Source"). Joiners and variation
selectors are dropped: terminals do not agree on their width. Combining marks are kept, MARKS at most on one letter.
"""

import base64
import json
import re
import shlex
from codecs import getincrementaldecoder
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

MAX_LINE = 16_384  # characters; what is longer is continued on further lines
REDACTED = "••••••"
CUT = "…"  # what one_line ends with where it has cut
MIN_SECRET = 4  # characters; a shorter secret would redact half of every log
MARKS = 3

_SEQUENCE = re.compile(
    r"\x1b\[[0-?]*[ -/]*(?:[@-~]|$)"  # CSI
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|\x9c|$)"  # OSC, DCS, SOS, PM, APC, ended or not
    r"|\x1b[ -/]*(?:[0-~]|$)"  # nF, Fp, Fe, Fs
    r"|\x9b[0-?]*[ -/]*(?:[@-~]|$)"  # CSI in C1
    r"|[\x90\x98\x9d\x9e\x9f].*?(?:\x07|\x1b\\|\x9c|$)",  # DCS, SOS, OSC, PM, APC in C1
    re.MULTILINE,
)
_CONTROLS = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
    "\xad\u034f\u115f\u1160\u180e\u200b\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f"
)
_JOINERS = "\u200c\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef"
_COMBINING = "\u0300-\u034e\u0350-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_HARMLESS = bytes([*b"\t\n", *range(0x20, 0x7F)])  # taking them away beats looking for others
_BAD = re.compile(f"[{_CONTROLS}]")
_SUSPECT = re.compile(f"[{_CONTROLS}{_JOINERS}{_COMBINING}]")
_DROPPED = re.compile(f"[{_JOINERS}]")
_HEAP = re.compile(f"([{_COMBINING}]{{{MARKS}}})[{_COMBINING}]+")
_ON_NOTHING = re.compile(f"(?m)^(?=[{_COMBINING}])")  # a mark that would stand on the frame beside the line


def sanitise(text: str) -> str:
    """`text` without control sequences; newlines and tabs stay. Clean text costs one scan; a log is mostly that."""
    if not (text.encode("ascii").translate(None, _HARMLESS) if text.isascii() else _SUSPECT.search(text)):
        return text
    text = _DROPPED.sub("", _BAD.sub("\ufffd", _SEQUENCE.sub("", text)))
    return _ON_NOTHING.sub("\u25cc", _HEAP.sub(r"\1", text))


def one_line(text: str, limit: int = 500) -> str:
    """`text` for a place that has one line: sanitised, white space folded, cut at `limit` characters."""
    folded = " ".join(sanitise(text).split())
    return folded if len(folded) <= limit else folded[: limit - 1] + CUT


class Redactor:
    """Replaces every known secret in a text, also as URLs, JSON, shells and basic authentication write it.

    It knows the secrets' values and nothing else of them. It is for sanitised text: what stood inside a secret there,
    such as a colour, is gone by then. Each line of a secret of several lines counts by itself. So does the beginning
    of one before the … of :func:`one_line`: most texts are cut before anybody knows the secrets.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._pattern: re.Pattern[str] | None = None
        self._begun: dict[str, list[str]] | None = None  # made when first needed
        self._secrets: set[str] = set()
        self.longest = 0  # characters
        self.add(*secrets)

    def add(self, *secrets: str) -> None:
        parts = {part for secret in secrets for part in (secret, *secret.splitlines())}
        new = {form for part in parts for form in _forms(part) if len(form) >= MIN_SECRET} - self._secrets
        if new:
            self._secrets |= new
            self.longest = max(map(len, self._secrets))
            longest_first = sorted(self._secrets, key=lambda s: (-len(s), s))  # one may begin with another
            self._pattern = re.compile("|".join(map(re.escape, longest_first)))
            self._begun = None

    def __call__(self, text: str) -> str:
        if self._pattern is None:
            return text
        text = self._pattern.sub(REDACTED, text)
        if CUT not in text:
            return text
        *cut, last = text.split(CUT)
        return CUT.join([*map(self._without_begun, cut), last])

    def _without_begun(self, text: str) -> str:
        """`text`, which was cut at its end, without the longest beginning of a secret that it ends with."""
        if self._begun is None:
            self._begun = {}
            for secret in self._secrets:
                for end in range(MIN_SECRET, len(secret)):
                    self._begun.setdefault(secret[end - MIN_SECRET : end], []).append(secret[:end])
        begun = [start for start in self._begun.get(text[-MIN_SECRET:], ()) if text.endswith(start)]
        return text[: -max(map(len, begun))] + REDACTED if begun else text

    def safe_cut(self, text: str, at: int) -> int:
        """Where `text` may be cut, at `at` or before it, without cutting a secret in two."""
        for found in self._pattern.finditer(text) if self._pattern else ():
            if found.start() < at < found.end():
                return found.start()
            if found.start() >= at:
                break
        return at


def _forms(secret: str) -> set[str]:
    """`secret` as it may be written: plainly, in a URL, in JSON, for a shell, by Python, in base64."""
    if len(secret) < MIN_SECRET:
        return set()
    data = secret.encode("utf-8", "surrogatepass")
    quoted = {quote(data), quote(data, safe=""), quote_plus(data)}
    forms = {secret, *quoted, *(re.sub("%..", lambda m: m[0].lower(), form) for form in quoted)}
    forms |= {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]}
    forms |= {shlex.quote(secret).removeprefix("'").removesuffix("'"), *(_base64(data, at) for at in range(3))}
    forms |= {" ".join(form.split()) for form in forms}  # as one_line has it
    return {sanitise(form) for form in forms}


def _base64(data: bytes, at: int) -> str:
    """What base64 makes of `data` wherever it stands in what is encoded, `at` bytes after a multiple of three.

    Basic authentication encodes "name:password". The letters that hold bits of a neighbour are left out.
    """
    encoded = base64.b64encode(b"\0" * at + data).decode().rstrip("=")
    whole = len(encoded) if (at + len(data)) % 3 == 0 else len(encoded) - 1
    return encoded[(0, 2, 3)[at] : whole]


def clean(text: str, redact: Redactor) -> str:
    """Foreign text, safe to keep and to show: no control sequence, no secret."""
    return redact(sanitise(text))


def clean_all(value: Any, redact: Redactor) -> Any:
    """`value`, plain data, with every text in it cleaned, all the way down; tuples become lists.

    Keys keep their words: programs read them.
    """
    if isinstance(value, str):
        return clean(value, redact)
    if isinstance(value, Mapping):
        return {sanitise(str(k)): clean_all(v, redact) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [clean_all(v, redact) for v in value]
    return value


class LineAssembler:
    """Turns chunks of a child's output into clean lines.

    `\\r` alone means "the line is written anew" (progress bars), so only what stands after the last one is kept;
    invalid UTF-8 is replaced; a line longer than `max_line` characters goes on in further lines, and no secret and no
    control sequence is cut in two by that. What is held back between two calls is bounded by `max_line` characters
    (4 bytes each).
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
            lines += self._cut()
        return lines

    def close(self) -> list[str]:
        """What the child wrote last, without a newline."""
        rest, self._rest = self._rest, b""
        return self._lines(rest) if rest else []

    def _lines(self, block: bytes) -> list[str]:
        text = block.decode("utf-8", "replace")
        if "\r" in text:
            text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
        lines = clean(text, self._redact).split("\n")
        if len(text) > self._max:
            lines = [piece for line in lines for piece in self._pieces(line)]
        return lines

    def _cut(self) -> list[str]:
        """Lines from the beginning of the line that does not end; what could belong to what comes is kept."""
        decoder = getincrementaldecoder("utf-8")("replace")
        text = decoder.decode(self._rest)
        undecoded = decoder.getstate()[0]
        written = text.rstrip("\r")
        again = text[len(written) :]  # of "\\r\\n", perhaps
        written = written.rpartition("\r")[2]
        open_at = _open_sequence(written)
        safe, pending = sanitise(written[:open_at]), written[open_at:]
        at = self._redact.safe_cut(safe, max(len(safe) - self._redact.longest, 0))
        if len(pending) > self._max:  # a sequence that does not end is swallowed on and on
            pending = pending[:2] + pending[-2:]
        self._rest = (safe[at:] + pending + again).encode("utf-8", "surrogatepass") + undecoded
        return self._pieces(self._redact(safe[:at])) if at else []

    def _pieces(self, line: str) -> list[str]:
        if len(line) <= self._max:
            return [line]
        return [line[i : i + self._max] for i in range(0, len(line), self._max)]


def _open_sequence(text: str) -> int:
    """Where a control sequence begins that is not ended in `text`; its length if there is none."""
    at = len(text)
    for found in _SEQUENCE.finditer(text):
        if found.end() == len(text):
            at = found.start()
    return at
