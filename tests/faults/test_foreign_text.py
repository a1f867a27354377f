"""Hostile text at every door, on real processes and a real terminal: none of it acts, all of it can be read."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from foreign import LINE, MARKUP, SEEN, Page, Web, intruders, report, web
from release_host import ANNA, Host, answer, attached, until
from screenings import Screenings, decide, paste, program, see
from terminal import Terminal

from debvisor_tui.model.gates import Answer, GateKind
from debvisor_tui.model.states import StepState
from debvisor_tui.runner.spawn import start_release
from debvisor_tui.sandbox.commands import git

VERSION = "v1.4.0"
IN_THE_WAY = f"docs-{LINE.replace('/', '|')}"[:90]
LONG = 10_000_000  # characters
#: What the pipeline's command prints: on both streams, cut anywhere, and one line that is far too long.
PRINTS = """
import sys
line, size = open(sys.argv[1], "rb").read(), int(sys.argv[2])
out, err = sys.stdout.buffer, sys.stderr.buffer
for stream, name in ((out, b"out"), (err, b"err")):
    stream.write(name + b": " + line + b"\\n")
    stream.write(b"progress 1 %\\rprogress 2 %\\r" + name + b" progress done\\n")
    stream.write(b"\\xff\\xfe invalid7f3 \\xc3( \\x9b2J \\x00 nul7f3\\n")
    for byte in range(0, len(line), 7):
        stream.write(line[byte : byte + 7])
        stream.flush()
    stream.write(b"\\n")
out.write(b"long7f3 " + b"x" * size + b" end7f3\\n" + b"\\x1b]0;PWNED7f3 never ended\\n" + b"last7f3\\n")
"""
LOUD = 50_000  # lines
#: Prints LOUD lines, and goes on until it is told that the keys were answered.
SHOUTS = f"""
import sys, time
from pathlib import Path
line, told, n = open(sys.argv[1], encoding="utf-8").read(), Path(sys.argv[2]), 0
while n < {LOUD} or not told.exists():
    print("shout", n, line[:60], flush=n % 50 == 0)
    n += 1
    if n % 500 == 0:
        time.sleep(0.02)
print("shouts", n)
"""


def hostile_release(host: Host) -> None:
    """A good release whose history is written by somebody who means ill."""
    origin = host.sandbox.dir / "origin.git"
    head = git(origin, "rev-parse", "main").strip()

    def data(text: str) -> bytes:
        return b"data %d\n%s\n" % (len(text.encode()), text.encode())

    who = re.sub("[<>]", "", LINE)
    stream = f"commit refs/heads/main\nmark :1\nauthor {who} <x@y> 1767225600 +0000\n".encode()
    stream += b"committer x <x@y> 1767225600 +0000\n"
    stream += data(f"{LINE}\0hidden\n\n{LINE}\n") + f"from {head}\n".encode()
    stream += b"M 100644 inline VERSION\n" + data(f"{VERSION}\n")
    stream += f"M 100644 inline {_quoted(IN_THE_WAY)}\n".encode() + data("theirs")
    for name in (VERSION, "v1.5.0\u009b2J\u009d0;PWNED7f3\u009c", "v1.6.0-\u202egnp"):
        stream += f"tag {name}\nfrom :1\ntagger x <x@y> 1767225600 +0000\n".encode() + data(LINE)
    git(origin, "fast-import", "--quiet", "--done", stdin=stream + b"done\n")


def _quoted(path: str) -> str:
    """As fast-import reads a path that holds anything."""
    return '"' + "".join(f"\\{byte:03o}" for byte in path.encode()) + '"'


def hostile_pages(site: Web) -> None:
    ill = report(LINE, **{LINE: LINE, "database": "ok"})
    site.pages |= {
        "/live": Page(200, report("ok", **{LINE: "ok"}), LINE),
        "/ready": Page(503, ill, LINE),
        "/login": Page(302, LINE.encode(), LINE, {"Location": f"gopher://{LINE}"}),
        "/metrics": Page(200, f"# {LINE}\n{LINE} {LINE}\n".encode(), LINE),
    }


def hostile_config(host: Host, site: Web) -> None:
    script, line = host.sandbox.dir / "prints.py", host.sandbox.dir / "line"
    script.write_text(PRINTS, encoding="utf-8")
    line.write_bytes(LINE.encode())

    def change(config: dict[str, dict[str, object]]) -> None:
        config["health"] |= {"live": f"{site.url}/live", "ready": f"{site.url}/ready", "timeout": "1s"}
        config["smoke"]["login_url"] = f"{site.url}/login"
        config["monitor"]["metrics"] = f"{site.url}/metrics"
        prints = [sys.executable, str(script), str(line)]
        complains = ["sh", "-c", 'cat "$1" >&2; exit 7', "complains", str(line)]
        # What the operator writes may hold anything, too.
        config["steps"] = {
            "ci": {"command": [*prints, str(LONG)]},
            "restart": {"after": [[*prints, "0", LINE.replace("\0", "")]]},
            "pull": {"after": [complains]},
        }

    host.configure(change)


@pytest.fixture
def hostile(make_host: Callable[[], Host]) -> Iterator[tuple[Screenings, Web]]:
    host = make_host()
    hostile_release(host)
    with web() as site:
        hostile_pages(site)
        hostile_config(host, site)
        yield Screenings(host), site


#: Terminals take escape characters out of a paste, and nothing else.
PASTED = "before7f3 [bold]x[/] [/] \x9b2J\x9d0;PWNED7f3\x9c\u202egnp a\u200bb 日本語 after7f3"


def before_the_release(screenings: Screenings) -> None:
    """Home, the versions, a plan that cannot be, its refusal on the message line and in the palette."""
    with screenings.tui("before") as terminal:
        see(terminal, "503", "before7f3", "v1.0.0")
        terminal.type(b"n")
        see(terminal, VERSION, "before7f3 [bold red]alarm[/]", gone="v1.5.0")
        terminal.type(b"\r")
        see(terminal, "cannot be released yet", "lie untracked", "docs-before7f3")
        terminal.type(b"\r")  # refused
        see(terminal, "It cannot start", "[bold")
        terminal.type(b"\x10")  # ctrl+p
        see(terminal, "Search for commands")
        terminal.type(b"choose")
        see(terminal, "Choose  (enter)", "It cannot start")
        terminal.type(b"\x1b")
        see(terminal, "PRE-DEPLOY", gone="Choose  (enter)")
        terminal.type(b"?")
        see(terminal, "HOW A RUN WORKS")
        terminal.type(b"\x1b")
        see(terminal, "PRE-DEPLOY", gone="HOW A RUN WORKS")


def through_the_run(screenings: Screenings, site: Web) -> None:
    """Every step of the run with its evidence and its log, its gates, their dialogs, the way back."""
    with screenings.tui("run") as terminal:
        see(terminal, "failed · you decide", "sh failed with exit code 7: before7f3")
        decide(terminal, b"s", "Skip Pull")
        paste(terminal, PASTED)
        see(terminal, "after7f3")
        decide(terminal, b"\r", "Pull is done in part")
        terminal.type(b"Pull")
        decide(terminal, b"\r", "Not alive and ready", "failed · you decide")
        for key in (b"e", b"e", b"l", b"l"):  # the evidence over all of the panel, then the log
            terminal.type(key)
        for title in ("Restart", "Upgrade", "Pull", "Migrations", "Backup", "CI", "Code review"):
            terminal.type(b"k")
            see(terminal, f"│ {title}  ")
            look_closely(terminal)
        site.pages["/ready"] = Page(200, report("ok", **{LINE: "ok"}), LINE)
        terminal.type(b"f")
        see(terminal, "failed · you decide")
        decide(terminal, b"r", "✗ Smoke test")
        see(terminal, "✗ Smoke test", "properly:", "failed · you decide")
        terminal.type(b"R")
        see(terminal, "roll back v1.4.0 → v1.0.0")
        terminal.type(b"\x1b")
        see(terminal, "✗ Smoke test", gone="roll back v1")
        decide(terminal, b"E", "End run 1 here?")
        paste(terminal, PASTED)
        see(terminal, "after7f3")
        decide(terminal, b"\r", "the run has ended")


def look_closely(terminal: Terminal) -> None:
    terminal.type(b"e")
    see(terminal, "back to the step")
    terminal.type(b"e")
    see(terminal, gone="back to the step")
    terminal.type(b"l")
    see(terminal, "back to the step")
    for key in (b"\x1b[H", b" ", b"\x1b[C", b"\x1b[F"):  # home, a page on, sideways, end
        terminal.type(key)
    terminal.type(b"/")
    see(terminal, "find:")
    terminal.type(b"before7f3\r")
    see(terminal, "“before7f3”")
    terminal.type(b"\x1b")
    see(terminal, gone="“before7f3”")
    terminal.type(b"l")
    see(terminal, gone="back to the step")


def through_history(screenings: Screenings) -> None:
    with screenings.tui("history") as terminal:
        see(terminal, "LAST RUNS", VERSION)
        terminal.type(b"h")
        see(terminal, "1 run")
        paste(terminal, PASTED)
        see(terminal, "No run matches", "after7f3")
        terminal.type(b"\t")
        see(terminal, "Type words")
        terminal.type(b"after7f3")
        see(terminal, "lines", "run 1")
        terminal.type(b"\r")
        see(terminal, "run 1", "log")
        for number, seen in enumerate(("timeline", "log", "evidence", "changes", "decisions", "metrics"), 1):
            terminal.type(str(number).encode())
            see(terminal, seen)


def test_nothing_foreign_acts_and_all_of_it_can_be_read(hostile: tuple[Screenings, Web]) -> None:
    screenings, site = hostile
    host = screenings.host
    in_the_way = host.sandbox.dir / "checkout" / IN_THE_WAY
    in_the_way.write_text("ours", encoding="utf-8")
    assert "before7f3 [bold red]alarm[/]" in screenings.command("status")
    screenings.command("status", "--json")
    screenings.command("release", f"v9.9.9{LINE}".replace("\0", ""), "--headless", code=2)
    screenings.command("history", "show", "1", f"--{LINE}".replace("\0", ""), code=2)
    before_the_release(screenings)
    in_the_way.unlink()
    told = screenings.command("release", VERSION, "--headless", "--auto", "--yes", "--accept-data-loss", code=1)
    assert "sh failed with exit code 7: before7f3 [bold red]alarm[/]" in told
    through_the_run(screenings, site)
    through_history(screenings)
    for words in (["list"], ["show", "1"], ["log", "1", "--step", "review"], ["search", "after7f3"]):
        for more in ([], ["--json"]):
            screenings.command("history", *words, *more)
    shown = screenings.command("history", "log", "1", "--step", "restart")
    assert all(word in shown for word in SEEN), shown
    everything_is_kept(host)
    screenings.hold()


def everything_is_kept(host: Host) -> None:
    """Read as it was written, but for what would act."""
    export = subprocess.run(program(host, "history", "export", "1"), capture_output=True, check=True, timeout=60)
    document = json.loads(export.stdout)
    assert intruders(export.stdout) == []
    lines = host.lines(1, "ci")
    for name in ("out", "err"):
        assert sum(line.startswith(f"{name}: ") and all(word in line for word in SEEN) for line in lines) == 1
        assert f"{name} progress done" in lines
    assert sum(all(word in line for word in SEEN) for line in lines) == 4  # whole, and byte by byte
    assert sum("invalid7f3" in line and "nul7f3" in line for line in lines) == 2
    text = "".join(lines)
    assert f"long7f3 {'x' * LONG} end7f3" in text
    assert "last7f3" in lines  # what does not end swallows no line but its own
    commit = next(e for e in document["evidence"] if e["name"] == "commits")["value"]["commits"][0]
    assert commit["subject"].startswith("before7f3 [bold red]alarm[/]")
    assert commit["author"].startswith("before7f3 [bold red]alarm[/]")


def test_keys_are_answered_while_a_step_shouts(make_host: Callable[[], Host]) -> None:
    host = make_host()
    line, told = host.sandbox.dir / "line", host.sandbox.dir / "answered"
    line.write_text(LINE.partition(MARKUP)[2].strip(), encoding="utf-8")
    shouts = [sys.executable, "-c", SHOUTS, str(line), str(told)]
    host.configure(lambda c: c.update(steps={"review": {"command": shouts}}))

    async def begin() -> int:
        run = await start_release(host.settings, host.places, "v1.1.0", ANNA)
        gate = await host.gate(run, GateKind.READY, "review")
        async with attached(host) as (client, _):
            await answer(client, gate, Answer.RUN)
            await until(lambda: bool(host.view(run).step("review").attempts), "the step began")
        return run

    run = asyncio.run(begin())
    screenings = Screenings(host)
    with screenings.tui("shouted at") as terminal:
        see(terminal, "Code review", "shout ")
        terminal.type(b"l")
        see(terminal, "back to the step", "shout ")
        terminal.type(b"\x1b[H")  # the first lines; the others come on
        see(terminal, "shout 0 ")
        terminal.type(b"?")
        see(terminal, "HOW A RUN WORKS")
        terminal.type(b"\x1b")
        see(terminal, "shout 0 ", gone="HOW A RUN WORKS")
        assert host.view(run).step("review").state is StepState.RUNNING
        told.touch()
        asyncio.run(host.gate(run, GateKind.READY, "ci"))
        see(terminal, "No output yet")  # it has gone on with the run
        terminal.type(b"l")
        see(terminal, "CI is next")
        terminal.type(b"k")
        see(terminal, "shouts ")
    lines = [text for text in host.lines(run, "review") if text.startswith("shout")]
    assert len(lines) > LOUD
    assert lines[-1] == f"shouts {len(lines) - 1}"
    screenings.hold()
