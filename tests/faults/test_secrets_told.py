"""Secrets told by steps, servers, commands and crashes: nothing that is kept, shown or sent holds one."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from foreign import Page, Web, report, web
from release_host import ANNA, Host, answer, attached
from screenings import Screenings, program, see
from terminal import Terminal

from debvisor_tui.model.gates import Answer, GateKind
from debvisor_tui.model.text import REDACTED
from debvisor_tui.runner.spawn import start_release

VERSION = "v1.1.0"
DATABASE = "p@ss/wörd 9f3c7"  # stands in a URL of the config
#: What a step does with each secret in its file: tells it in every way that model/text.py claims to know.
TELLS = r"""
import base64, json, shlex, sys, time
from urllib.parse import quote
out, err = sys.stdout, sys.stderr
for secret in open(sys.argv[1], encoding="utf-8").read().splitlines():
    half = len(secret) // 2
    print("told", secret, "told", flush=True)
    out.write("told " + secret[:half])
    out.flush()
    time.sleep(0.15)  # in two chunks, for certain
    print(secret[half:], "told", flush=True)
    for byte in ("told " + secret + " told\n").encode():
        out.buffer.write(bytes([byte]))
        out.flush()
    print("told", secret[:half] + "\x1b[31m" + secret[half:], "told \x1b[0m")
    print("told", f"postgresql://oncall:{quote(secret, safe='')}@host/db", quote(secret), "told")
    print("told", json.dumps({"password": secret}), shlex.quote(secret), repr(secret), "told")
    for name in ("", "u:", "me:", "oncall:"):
        print("told Authorization: Basic", base64.b64encode((name + secret).encode()).decode(), "told")
    for before in (16_380, 65_530, 70_000):
        print("x" * before + secret + "y" * 70_000)
    print("told", secret, "told", file=err, flush=True)
    # The error's words end in mid-secret; of the next line they begin with one.
    print("z" * (298 - half) + secret, file=err, flush=True)
    if len(sys.argv) > 2:
        print(secret + "z" * (8_190 - half), file=err, flush=True)
sys.exit(9)
"""
#: Dies with a secret in its hands, as a runner (its output is its log) or as the program on a terminal.
CRASHES = r"""
import sys
from pathlib import Path
from debvisor_tui.config.load import load_settings
secret = load_settings(Path(sys.argv[1])).secrets()[0]
def crash():
    raise RuntimeError(f"cannot log in as oncall:{secret}")
if sys.argv[2] == "runner":
    from debvisor_tui.runner.log_file import take_output
    take_output(Path(sys.argv[3]))
    crash()
import typer
from debvisor_tui.cli.error_handling import run_app
app = typer.Typer()
app.callback(invoke_without_command=True)(crash)
sys.argv[1:] = []
run_app(app, "debvisor-tui")
"""
FORM = (
    b'<form method="post" action="/login-sent"><input type="hidden" name="csrf" value="t"><input name="user">'
    b'<input type="password" name="password"></form>'
)


def needles(secret: str) -> set[bytes]:
    """How `secret` could stand somewhere, or the beginning or the end of it."""
    data = secret.encode()
    ways = {data, quote(data, safe="").encode(), json.dumps(secret)[1:-1].encode()}
    ways |= {b64encode(b"\0" * at + data)[4:-4] for at in range(3)}
    return ways | {way[:7] for way in ways} | {way[-7:] for way in ways}


class Watch(threading.Thread):
    """Looks at the arguments of all processes, over and over, for `needles`."""

    def __init__(self, secrets: set[bytes]) -> None:
        super().__init__(daemon=True)
        self.seen: set[bytes] = set()
        self.looks = 0
        self._needles = secrets
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(0.01):
            self.looks += 1
            for process in filter(str.isdigit, os.listdir("/proc")):
                try:
                    argv = Path(f"/proc/{process}/cmdline").read_bytes()
                except OSError:
                    continue
                if any(needle in argv for needle in self._needles):
                    self.seen.add(argv)

    def end(self) -> None:
        self._over.set()
        self.join()


@contextmanager
def watched(secrets: set[bytes]) -> Iterator[Watch]:
    watch = Watch(secrets)
    watch.start()
    try:
        yield watch
    finally:
        watch.end()


def password_of(host: Host) -> str:
    return (host.sandbox.dir / "smoke-password").read_text(encoding="utf-8").strip()


def telling_pages(site: Web, password: str) -> None:
    there = f"postgresql://panel:{quote(DATABASE, safe='')}@db/panel"
    site.pages |= {
        "/live": Page(200, ("w" * 50 + password).encode(), password),  # its words are cut at 60 characters
        "/ready": Page(503, report(f"no login with {password}", database=f"no {there}", cut="v" * 50 + DATABASE)),
        "/login": Page(200, FORM),
        "/login-sent": Page(302, b"", headers={"Location": "/lost?{sent}"}),
        "/metrics": Page(200, f"# {there}\n{password} {password}\n".encode()),
        "/lost": Page(404, b"{sent}", password),
    }


def telling_config(host: Host, site: Web, password: str) -> list[str]:
    """The operator's own command that has a password in it."""
    script, told = host.sandbox.dir / "tells.py", host.sandbox.dir / "told"
    script.write_text(TELLS, encoding="utf-8")
    told.write_text(f"{DATABASE}\n{password}\n", encoding="utf-8")
    own = ["sh", "-c", "echo told", "login", f"--password={password}"]

    def change(config: dict[str, dict[str, object]]) -> None:
        config["database"]["environment"]["REPLICA_URL"] = (  # type: ignore[index]
            f"postgresql://panel:{quote(DATABASE, safe='')}@db/panel"
        )
        config["health"] |= {"live": f"{site.url}/live", "ready": f"{site.url}/ready", "timeout": "1s"}
        config["smoke"]["login_url"] = f"{site.url}/login"
        config["monitor"]["metrics"] = f"{site.url}/metrics"
        config["steps"] = {
            "ci": {"command": [sys.executable, str(script), str(told)]},
            "backup": {"before": [own], "after": [[sys.executable, str(script), str(told), "and more"]]},
        }

    host.configure(change)
    return own


async def the_release(host: Host, screenings: Screenings, password: str) -> list[object]:
    """A release that fails in every way; what an observer was sent."""
    run = await start_release(host.settings, host.places, VERSION, ANNA, auto=True)
    async with attached(host) as (client, _), attached(host, observe=True) as (_, heard):
        gate = await host.gate(run, GateKind.ATTEST, "review")
        with screenings.tui("run", "attach", str(run), "--observe") as terminal:
            await asyncio.to_thread(see, terminal, "Code review")
            await answer(client, gate, Answer.ATTEST, reason=f"as {password} can tell")
            gate = await host.gate(run, GateKind.FAILED, "ci")
            await asyncio.to_thread(look_around, terminal)
            await answer(client, gate, Answer.SKIP, reason=f"{'u' * 490}{password}")
            gate = await host.gate(run, GateKind.FAILED, "backup")
            await answer(client, gate, Answer.SKIP, reason="known")
            gate = await host.gate(run, GateKind.FAILED, "health")
            await asyncio.to_thread(see, terminal, "Not alive and ready")
            await answer(client, gate, Answer.SKIP, reason=DATABASE)
            gate = await host.gate(run, GateKind.FAILED, "smoke")
            await asyncio.to_thread(see, terminal, "Smoke test", "failed ·")
            await answer(client, gate, Answer.ABORT, reason="seen enough")
            await asyncio.to_thread(see, terminal, "the run has ended")
        return list(heard)


def look_around(terminal: Terminal) -> None:
    see(terminal, "failed ·", REDACTED)
    terminal.type(b"l")
    see(terminal, "back to the step")
    for key in (b"\x1b[H", b" ", b" ", b"\x1b[F"):
        terminal.type(key)
    terminal.type(b"l")
    see(terminal, gone="back to the step")


def test_no_secret_is_kept_shown_or_sent(
    make_host: Callable[[], Host], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = make_host()
    crashes = tmp_path / "crashes"
    crashes.mkdir()
    monkeypatch.setenv("TMPDIR", str(crashes))
    password = password_of(host)
    secrets = needles(password) | needles(DATABASE)
    with web() as site, watched(secrets) as watch:
        telling_pages(site, password)
        own = telling_config(host, site, password)
        screenings = Screenings(host)
        screenings.command("status")
        screenings.command("status", "--json")
        with screenings.tui("plan", "release", VERSION) as terminal:
            see(terminal, "PRE-DEPLOY")
            terminal.type(b"\x1b[6~")
            see(terminal, f"password={REDACTED}")
        heard = asyncio.run(the_release(host, screenings, password))
        for words in (["list"], ["show", "1"], ["log", "1"], ["export", "1"], ["search", "told"]):
            done = subprocess.run(program(host, "history", *words), capture_output=True, check=True, timeout=60)
            screenings.written[" ".join(words)] = done.stdout + done.stderr
        for kind in ("runner", "terminal"):
            log = str(host.places.runner_log)
            argv = [sys.executable, "-c", CRASHES, str(host.sandbox.config_path), kind, log]
            crash = subprocess.run(argv, capture_output=True, check=False, timeout=60)
            assert crash.returncode == 1
            screenings.written[f"crash of a {kind}"] = crash.stdout + crash.stderr

    # Its own argv is the operator's business; nothing else of ours is in the process list with a secret.
    assert {argv.split(b"\0")[0] for argv in watch.seen} <= {b"sh"}
    assert all(argv == b"\0".join(map(os.fsencode, own)) + b"\0" for argv in watch.seen)
    assert watch.looks > 50

    files = [path for folder in (host.sandbox.state_dir, crashes) for path in folder.rglob("*") if path.is_file()]
    kept = {str(path): path.read_bytes() for path in files}
    places = kept | screenings.written | {"an observer": json.dumps(heard, ensure_ascii=False).encode()}
    found = {name: [n for n in sorted(secrets) if n in data] for name, data in places.items()}
    assert {name: ways for name, ways in found.items() if ways} == {}

    assert any(name.endswith("journal.db") for name in kept), sorted(kept)
    assert any(b"cannot log in as oncall:" in data for name, data in kept.items() if name.endswith("runner.log"))
    assert any("debvisor-crash-" in name for name in kept)
    told = [line for line in host.lines(1, "ci") if line.startswith("told ")]
    assert len(told) == 2 * (6 + 4 + 1)
    assert all(REDACTED in line for line in told)
