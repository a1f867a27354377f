"""Foreign text (logs, commits, answers, names) is shown on a real terminal and commands nothing; no secret is kept.

The payloads are all of the kinds that a terminal obeys, or that a person is deceived by. Each has in it what may
never reach the terminal (GONE), between words that must (SEEN).
"""

import asyncio
import base64
import contextlib
import http.server
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from release_host import ANNA, Host, answer, attached, until
from terminal import Terminal

from debvisor_tui.model.gates import Answer, GateKind
from debvisor_tui.model.states import RunState, StepState
from debvisor_tui.runner.client import RunnerClient
from debvisor_tui.runner.spawn import start_release

VERSION = "v1.3.1"
COPIED = base64.b64encode(b"copied by a log line").decode()
GONE = ("PWND", COPIED, "\x9b", "\x9d", "\x90", "\u202e", "\u2066", "\u200b", "\x00", "\x07", "\x0e", "\x85")
#: A word stands on each side of what is taken away.
PAYLOADS = (
    f"osc52 \x1b]52;c;{COPIED}\x07 copied",
    "osc0 \x1b]0;PWND title\x1b\\ titled",
    "link \x1b]8;;http://PWND/\x1b\\linked\x1b]8;;\x1b\\ here",
    "wipe \x1b[2J\x1b[H\x1b[3J wiped",
    "modes \x1b[?1049l\x1b[?1000h\x1b[?25h moded",
    "reset \x1bc\x1b#8 done",
    "c1 \x9b2J\x9d0;PWND\x9c c1end",
    "dcs \x1bP+q544e;PWND\x1b\\ dcsend",
    "bidi \u202e\u2066txet\u2069\u202c ltr",
    "nul \x00 bell \x07 shift \x0e next \x85 end",
    "zero w\u200bi\u200bd\u200bt\u200bh zend",
    "marks e" + "\u0301" * 40 + " mend",
    "wide 漢字仮名 👩\u200d👩\u200d👧 wend",
    "[bold red]markup[/] [link=http://x]linked[/link] [@click=app.quit]quit[/] [/] {0} %s mkend",
)
SEEN = ("copied", "titled", "wiped", "moded", "c1end", "dcsend", "ltr", "zend", "mend", "漢字仮名", "mkend")
SAID = " | ".join(PAYLOADS)
SECRET = 'sP0tless"and/secret%word'

#: What Textual tells a terminal: styles, the cursor, modes, the keyboard, synchronised output.
TOLD = re.compile(
    rb"\x1b\[[0-9;:]*[mH]|\x1b\[[?>=<][0-9;]*(?:\$p|[hluc])|\x1b\[[0-9;]*[ABCDGJKu]|\x1b7|\x1b8"
    rb"|\x1b\]22;[a-z-]*\x07"  # the mouse pointer's shape
)
#: What Textual tells only at its end, which here it never comes to.
ENDS = re.compile(rb"\x1b\[[23]J|\x1b\[\?1049l")

STEP = f"""
import os, sys, time
said = {PAYLOADS!r}
for text in said:
    print("out:", text, flush=True)
    sys.stderr.write("err: " + text + "\\n")
sys.stderr.flush()
out = sys.stdout.buffer
out.write(b"invalid \\xff\\xfe\\xc3( \\xed\\xa0\\x80 bytes\\n")
out.write(b"progress 10%\\rprogress 55%\\rprogress 100%\\n")
secret = open(os.environ["SECRET_FILE"]).read()
print("whole", secret, flush=True)
for at in range(1, len(secret), 5):
    out.write(b"split " + secret[:at].encode()); out.flush(); time.sleep(0.01)
    out.write(secret[at:].encode() + b"\\n"); out.flush()
print("coloured", secret[:4] + "\\x1b[31m" + secret[4:], flush=True)
import base64, json, urllib.parse
print("url http://oncall:" + urllib.parse.quote(secret, safe="") + "@host/", json.dumps(secret), flush=True)
print("base64", base64.b64encode(secret.encode()).decode(), flush=True)
out.write(b"long " + b"y" * 10_000_000 + secret.encode() + b" lend\\n"); out.flush()
for n in range(50_000):
    out.write(b"many %d\\n" % n)
out.flush()
mark = os.environ["ONCE_FILE"]
if not os.path.exists(mark):
    open(mark, "w").close()
    sys.exit("failed: " + " | ".join(said) + " with " + secret)
"""


class Answers(http.server.BaseHTTPRequestHandler):
    """A service that says everything that it should not; well as soon as `well` is set, and when asked twice."""

    well = posted = False
    port = 0

    def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002

    def do_GET(self) -> None:
        match self.path:
            case "/health":
                status = "ready" if self.well else SAID
                body = {"status": status, "version": VERSION, "checks": {f"db {SAID}": "ok" if self.well else SAID}}
                self._say(200 if self.well else 503, json.dumps(body), "application/json")
            case "/login":
                fields = "<input name=user><input type=password name=pw><input type=hidden name=csrf_token value=abc>"
                self._say(200, f"<title>{SAID}</title><form method=post>{fields}</form>")
            case _:
                self._say(200, f"<h1>Nodes</h1>{SAID}")

    def do_POST(self) -> None:
        posted = self.rfile.read(int(self.headers["Content-Length"])).decode()
        secret = urllib.parse.parse_qs(posted)["pw"][0]
        if self.posted:
            self._say(200, f"<h1>Nodes</h1>{SAID} {posted}")
        else:
            type(self).posted = True
            self._say(500, f"<title>{SAID} {secret}</title>{posted} {secret}", f"text/html; said={secret}")

    def _say(self, status: int, text: str, kind: str = "text/html; charset=utf-8") -> None:
        body = text.encode("utf-8", "surrogatepass")
        self.send_response(status, "said [bold]PWND-reason[/]")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)


@pytest.fixture
def service() -> Iterator[type[Answers]]:
    class Mine(Answers):
        pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mine)
    Mine.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Mine
    server.shutdown()
    thread.join(5)
    server.server_close()


def hostile_commits(host: Host, folder: Path) -> None:
    """A release on main whose commits say everything that git lets them say."""
    git = ["git", "-c", "user.email=x@y", "-C", str(folder)]
    subprocess.run(["git", "clone", "-q", str(host.sandbox.dir / "origin.git"), str(folder)], check=True)
    for n, payload in enumerate(p.replace("\x00", "") for p in PAYLOADS):
        name = "-c", f"user.name=Eve [red]{payload}".replace("\n", " ")
        (folder / "VERSION").write_text(f"{VERSION}\n" if n == len(PAYLOADS) - 1 else f"{n}\n", encoding="utf-8")
        message = f"{payload}\n\nbody {payload}"
        subprocess.run([*git[:1], *name, *git[1:], "commit", "-qam", message], check=True)
    subprocess.run([*git, "tag", VERSION], check=True)
    subprocess.run([*git, "push", "-q", "origin", "HEAD:main", VERSION], check=True)
    passed = next((host.sandbox.dir / "ci").glob("*.json")).read_text(encoding="utf-8")
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    (host.sandbox.dir / "ci" / f"{head}.json").write_text(passed, encoding="utf-8")


def configure(host: Host, service: type[Answers], folder: Path) -> None:
    url = f"http://127.0.0.1:{service.port}"
    secret = folder / "secret"
    secret.write_text(SECRET, encoding="utf-8")
    script = folder / "step.py"
    script.write_text(STEP, encoding="utf-8")
    environment = ["env", f"SECRET_FILE={secret}", f"ONCE_FILE={folder / 'once'}"]

    def change(config: dict[str, dict[str, object]]) -> None:
        config["steps"] = {"review": {"command": [*environment, sys.executable, str(script)]}}
        config["health"] |= {"live": f"{url}/health", "ready": f"{url}/health", "timeout": "1s"}
        config["smoke"] |= {"login_url": f"{url}/login", "dashboard_url": f"{url}/dashboard"}
        config["smoke"]["password"] = {"file": str(secret)}
        config["monitor"]["max_error_rate"] = 1.0

    host.configure(change)


class Watched:
    """The argument lists of all processes there are, looked at again and again, for those that hold the secret."""

    def __init__(self) -> None:
        self.found: set[str] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Watched":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(5)

    def _look(self) -> None:
        while not self._over.wait(0.02):
            for entry in filter(str.isdigit, os.listdir("/proc")):
                with contextlib.suppress(OSError):
                    argv = Path(f"/proc/{entry}/cmdline").read_bytes()
                    if SECRET.encode() in argv:
                        self.found.add(argv.replace(b"\0", b" ").decode("utf-8", "replace")[:300])


def obeyed(output: bytes) -> list[str]:
    """What in the bytes that reached a terminal is none of the program's own."""
    rest = TOLD.sub(b"", output)
    text = rest.decode("utf-8", "replace")
    found = [repr(gone) for gone in GONE if gone in text]
    found += [repr(rest[m.start() : m.start() + 30]) for m in re.finditer(rb"\x1b", rest)]
    found += [repr(m[0]) for m in ENDS.finditer(output)]
    if SECRET in text:
        found.append("the secret")
    return found


def command(host: Host, *words: str) -> list[str]:
    options = ["--config", str(host.sandbox.config_path), "--state-dir", str(host.sandbox.state_dir)]
    return [sys.executable, "-m", "debvisor_tui", *options, *words]


def walk(terminal: Terminal, keys: str | bytes, seen: Callable[[str], bool], what: str) -> None:
    terminal.type(keys.encode() if isinstance(keys, str) else keys)
    terminal.until(seen, what)


def press(terminal: Terminal, *keys: bytes) -> None:
    """One key after the other; a terminal that shows nothing new for it is given a moment."""
    for key in keys:
        written = len(terminal.output)
        terminal.type(key)
        end = time.monotonic() + (0.2 if key == b"\x1b" else 0.1)
        while time.monotonic() < end and (key == b"\x1b" or len(terminal.output) == written):
            threading.Event().wait(0.01)


async def through(host: Host, terminal: Terminal, run: int, service: type[Answers], client: RunnerClient) -> None:
    """Answer gate by gate; look at what failed on the terminal."""
    retried: list[str] = []
    while True:
        await until(lambda: host.view(run).gate is not None or host.state(run) is RunState.SUCCEEDED, "a gate")
        gate = host.view(run).gate
        if gate is None:
            break
        match gate.kind:
            case GateKind.FAILED:
                assert gate.step not in retried, gate
                retried.append(gate.step)
                await asyncio.to_thread(look_at_failure, terminal)
                if gate.step == "health":
                    service.well = True
                await answer(client, gate, Answer.RETRY)
            case GateKind.ATTEST:
                await answer(client, gate, Answer.ATTEST, reason=SAID)
            case GateKind.ACKNOWLEDGE:
                await answer(client, gate, Answer.ACKNOWLEDGE)
            case _:
                await answer(client, gate, Answer.RUN)
        told = gate
        await until(lambda: host.view(run).gate != told, f"it goes on from {told}")  # noqa: B023
    assert retried == ["review", "health", "smoke"]


def look_at_failure(terminal: Terminal) -> None:
    terminal.until(lambda text: "tries again" in text or "failed" in text, "the failure is shown")
    press(terminal, b"e", b"e", b"l", b"\x1b[5~", b"\x1b[5~", b"\x1b[H", b"\x1b[F", b"l", b"?", b"\x1b", b"k", b"f")


def test_foreign_text_commands_nothing(make_host: Callable[[], Host], tmp_path: Path, service: type[Answers]) -> None:
    host = make_host()
    hostile_commits(host, tmp_path / "clone")
    configure(host, service, tmp_path)
    outputs: list[bytes] = []

    async def story() -> tuple[int, list[object]]:
        run = await start_release(host.settings, host.places, VERSION, ANNA)
        async with attached(host) as (client, heard):
            terminal = Terminal(command(host, "attach", "--observe"))
            try:
                terminal.until(lambda text: "Code review" in text, "the run")
                await through(host, terminal, run, service, client)
                terminal.until(lambda text: "has ended" in text, "the end")
                outputs.append(terminal.output)
            finally:
                terminal.close()
            return run, heard

    plan = Terminal(command(host))
    try:
        plan.until(lambda text: "new release" in text, "home")
        walk(plan, "n", lambda text: VERSION in text, "the versions")
        walk(plan, "\r", lambda text: "Eve" in text or "mkend" in text, "the plan with its commits")
        press(plan, b"\x1b[6~", b"\x1b[6~", b"\x1b[6~", b"?", b"\x1b")
        outputs.append(plan.output)
    finally:
        plan.close()
    with Watched() as watched:
        run, heard = asyncio.run(story())
        assert host.view(run).step("review").state is StepState.SUCCEEDED
        for words in (
            ["status"],
            ["history", "list"],
            ["history", "show", str(run)],
            ["history", "show", str(run), "--json"],
            ["history", "log", str(run), "--step", "review"],
            ["history", "log", str(run), "--step", "health", "--json"],
            ["history", "search", "mkend"],
        ):
            told = Terminal(command(host, *words), draws=False)
            try:
                assert told.wait() == 0, (words, told.output[-2000:])
                outputs.append(told.output)
            finally:
                told.close()
        history_walk(host, run, outputs)
    found = [found for output in outputs for found in obeyed(output)]
    assert not found, "\n".join(found)
    log = "\n".join(host.lines(run, "review"))
    assert [word for word in SEEN if word not in log] == []
    assert "[bold red]markup[/]" in log
    assert "progress 100%" in log
    assert "progress 55%" not in log
    assert "lend" in log
    assert f"many {49_999}" in log
    assert b"[bold red]markup[/]" in b"".join(outputs), "markup is shown as what it is"
    assert watched.found == set()
    assert kept(host, heard) == []


def history_walk(host: Host, run: int, outputs: list[bytes]) -> None:
    """Home, the run's history with all its sections and logs, the search, the way back, help, the palette."""
    terminal = Terminal(command(host))
    try:
        terminal.until(lambda text: "new release" in text, "home")
        walk(terminal, "h", lambda text: "search logs" in text, "the runs")
        walk(terminal, "/", lambda text: "Type words" in text, "the search")
        walk(terminal, "mkend", lambda text: "review" in text.lower() and "Type words" not in text, "the hits")
        back_home(terminal)
        walk(terminal, "h", lambda text: "search logs" in text, "the runs")
        walk(terminal, "\r", lambda text: "timeline" in text.lower(), "the run")
        press(terminal, *(key.encode() for key in (*"123456", "\t", "\t", "\t", "/", "mkend\r", "n")))
        back_home(terminal)
        walk(terminal, "R", lambda text: "ROLL BACK" in text and VERSION in text, "the way back")
        back_home(terminal)
        walk(terminal, "?", lambda text: "help" in text.lower(), "help")
        press(terminal, b"\x1b", b"\x10")
        outputs.append(terminal.output)
    finally:
        terminal.close()


def back_home(terminal: Terminal) -> None:
    for _ in range(6):
        if "new release" in terminal.lines[-1]:
            return
        press(terminal, b"\x1b")
    terminal.until(lambda text: "new release" in text, "home again")


def kept(host: Host, heard: list[object]) -> list[str]:
    """Where the secret is to be found afterwards, in any form that would give it away."""
    forms = {SECRET, urllib.parse.quote(SECRET, safe=""), json.dumps(SECRET)[1:-1]}
    forms.add(base64.b64encode(SECRET.encode()).decode().rstrip("="))
    found = [f"{path}" for path in _files(host) if any(form.encode() in path.read_bytes() for form in forms)]
    return found + [f"told: {message}"[:200] for message in heard if any(form in str(message) for form in forms)]


def _files(host: Host) -> list[Path]:
    return [path for path in host.sandbox.state_dir.rglob("*") if path.is_file()]
