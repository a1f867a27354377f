"""Text from a hostile world: what it holds, a web server that answers with it, and what of it reached a terminal."""

import json
import re
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

#: What an attacker would have a terminal do. Each carries words that are nowhere else, inside the sequence.
SEQUENCES = (
    "\x1b]52;c;UFdORUQ3ZjM=\x07",  # the clipboard
    "\x1b]0;PWNED7f3\x07",  # the window's title
    "\x1b]2;PWNED7f3\x1b\\",
    "\x1b]8;;http://PWNED7f3.invalid/\x1b\\",  # a link
    "\x1b[2J\x1b[3J\x1b[H",  # the screen, and what was scrolled off it
    "\x1b[?1049l\x1b[6n\x1b[5i\x1b[8m",  # leave the alternate screen, answer, print, hide
    "\x1bc\x1b(0\x1b#8",  # reset, other letters, fill
    "\x1bP$qPWNED7f3\x1b\\\x1b_PWNED7f3\x1b\\\x1b^PWNED7f3\x1b\\",  # DCS, APC, PM
    "\x9b2J\x9d0;PWNED7f3\x9c\x90PWNED7f3\x9c",  # the same in C1, as UTF-8
)
REORDERED = "\u202egnp.exe\u2066\u200f"  # bidi controls
HIDDEN = "a\u200bb\u2060c\u00add\U000e0041"  # characters of no width
HEAP = "e" + "\u0301" * 40
WIDE = "日本語の行"
MARKUP = "[bold red]alarm[/] [link=http://x]here[/link] [@click=app.quit]no[/] [/]"
#: One line of it all; SEEN must be legible wherever the whole of it is shown.
LINE = f"before7f3 {MARKUP} {''.join(SEQUENCES)}{REORDERED} {HIDDEN} {HEAP} {WIDE} \a\b\x7f\x0e after7f3"
SEEN = ("before7f3", "[bold red]alarm[/]", "[link=http://x]here[/link]", "[@click=app.quit]no[/]", WIDE, "after7f3")

_NEVER = (b"PWNED7f3", b"UFdORUQ3ZjM")
#: All that Textual and this program's driver write: colours, the cursor, modes, the keyboard, the pointer's shape.
_OURS = re.compile(
    r"\x1b\[[0-9;:]*m|\x1b\[\d+;\d+H|\x1b\[\?(?:25|7|1000|1003|1004|1006|1015|1016|1049|2004|2026|2048)(?:[hl]|\$p)"
    r"|\x1b\[[<>=?]\d*u|\x1b\]22;[a-z]+\x07|\x1b\[2[23];2t|\x1b\]2;(?:! )?debvisor(?:: [A-Za-z ]+)?\x07"
)
#: How the driver ends what it had half written when it was told to leave.
_CUT = re.compile(rb"(?:[\xc2-\xf4][\x80-\xbf]{0,2})?(?:\x1b(?:\[[0-9;?]*)?)?\x1b\\\x1b\[\?2026l\x1b\[0m")
_HIDDEN = re.compile(r"\x1b\[[0-9;:]*\b8m")
_MARKS = 3  # on one letter, at most


def intruders(output: bytes) -> list[str]:
    """What of `output`, the bytes written to a terminal, is neither text nor one of our own control sequences."""
    found = [word.decode() for word in _NEVER if word in output]
    text = _CUT.sub(b"", output).decode("utf-8")  # what is no text at all is an error of its own
    found += _HIDDEN.findall(text)
    rest = _OURS.sub("", text)
    for at, character in enumerate(rest):
        if character not in "\r\n" and unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
            found.append(repr(rest[max(at - 20, 0) : at + 20]))
    found += [repr(heap) for heap in re.findall(f"[\u0300-\u036f]{{{_MARKS + 1},}}", rest)]
    return found


@dataclass
class Page:
    """`reason` stands in the status line."""

    status: int = 200
    body: bytes = b""
    reason: str = "OK"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Web:
    """A server whose pages are changed while it runs. `echo` (a path) answers with what was sent to it."""

    url: str
    pages: dict[str, Page] = field(default_factory=dict)


@contextmanager
def web() -> Iterator[Web]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("content-length", 0))))

        def _answer(self, sent: bytes) -> None:
            page = site.pages.get(self.path.partition("?")[0], Page(404, reason="Not Found"))
            body = page.body.replace(b"{sent}", sent)
            # Not send_response: it would look after what stands in the status line.
            head = [f"HTTP/1.1 {page.status} {page.reason}", f"Content-Length: {len(body)}", "Connection: close"]
            head += [f"{name}: {value.replace('{sent}', sent.decode())}" for name, value in page.headers.items()]
            self.wfile.write("\r\n".join([*head, "", ""]).encode("utf-8") + body)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = Web(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def report(status: str, **checks: str) -> bytes:
    """A health report as JSON."""
    return json.dumps({"status": status, "checks": checks}, ensure_ascii=False).encode()
