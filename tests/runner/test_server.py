"""The runner's socket: who operates, who is who, and that no client can touch the run but by a command."""

import asyncio
import contextlib
import os
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from line_client import connect, lines_to, memory, open_files
from other_user import NOBODY, as_nobody, only_root, said_by_nobody
from other_user import open_folder as open_folder
from release_host import until

from debvisor_tui.model.errors import JournalError, Refused, RunnerGone
from debvisor_tui.model.events import EventKind
from debvisor_tui.model.people import Person
from debvisor_tui.runner import listener, server
from debvisor_tui.runner.client import RunnerClient
from debvisor_tui.runner.paths import TargetPaths
from debvisor_tui.runner.peers import Peer, account, person_behind
from debvisor_tui.runner.protocol import FRAME_LIMIT, encode
from debvisor_tui.runner.server import Server

ME = account(os.getuid())


def known(name: str) -> str:
    """What a client of this user that claims `name` is known as: root may say for whom it acts."""
    return f"{name} as root (test)" if os.getuid() == 0 else f"{ME} (test)"


@dataclass
class Desk:
    """Where a run would be: what was commanded and journaled, and what holds either up."""

    places: TargetPaths
    server: Server = field(init=False)
    commands: list[tuple[str, str, Mapping[str, Any]]] = field(default_factory=list)
    notes: list[Mapping[str, Any]] = field(default_factory=list)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    written: asyncio.Event = field(default_factory=asyncio.Event)
    trouble: Exception | None = None

    async def handle(self, who: Person, name: str, args: Mapping[str, Any]) -> None:
        if self.trouble:
            raise self.trouble
        self.commands.append((str(who), "begun " + name, args))
        await self.go.wait()
        self.commands.append((str(who), name, args))

    async def note(self, kind: EventKind, data: Mapping[str, Any]) -> None:
        assert kind is EventKind.CLIENT
        await self.written.wait()
        self.notes.append(data)

    def stalled(self) -> bool:
        """Publish something big; whether some client's connection is full of it."""
        self.server.publish({"type": "event", "seq": 1, "data": {"x": "y" * 100_000}})
        now = time.monotonic()
        return any(c.stalled_since and now - c.stalled_since > 0.1 for c in self.server._connections)

    def noted(self, what: str) -> list[str]:
        return [note["who"] for note in self.notes if note["what"] == what]


@contextlib.asynccontextmanager
async def desk(folder: Path, *, journal: bool = True) -> AsyncIterator[Desk]:
    """A server on a real socket; it leaves no task and no file descriptor behind."""
    there = open_files()
    places = TargetPaths(folder, "t")
    places.prepare()
    made = Desk(places)
    made.server = Server(places, made.handle, made.note, lambda: (7, 42, None))
    made.go.set()
    if journal:
        made.written.set()
    await made.server.start()
    try:
        yield made
    finally:
        async with asyncio.timeout(20):
            await made.server.stop("the test is over")
        mine = asyncio.current_task()
        await until(lambda: {t for t in asyncio.all_tasks() if t is not mine} == set(), "all tasks have ended")
        await until(lambda: open_files() <= there, "all file descriptors are closed")


def test_everybody_hears_who_comes_goes_and_takes_over(tmp_path: Path) -> None:
    async def story() -> None:
        async with desk(tmp_path) as d, lines_to(d.places) as anna, lines_to(d.places) as bert:
            welcome = await anna.greet("anna")
            assert welcome is not None
            assert welcome["here"] == 1
            await bert.greet("bert")
            guest = {"type": "guest", "who": known("bert"), "what": "joined", "from": "", "here": 2}
            assert await anna.hear("guest") == guest
            await bert.command(1, "take-over")
            assert await anna.hear("guest") == {**guest, "what": "took over", "from": known("anna")}
            await bert.close()
            assert await anna.hear("guest") == {**guest, "what": "left", "here": 1}

    asyncio.run(story())


def test_the_first_operates_others_observe_and_the_empty_seat_is_told(tmp_path: Path) -> None:
    async def story() -> None:
        async with desk(tmp_path) as d, lines_to(d.places) as anna, lines_to(d.places) as bert:
            welcome = await anna.greet("anna")
            assert welcome is not None
            assert (welcome["role"], welcome["operator"]) == ("operator", known("anna"))
            welcome = await bert.greet("bert")
            assert welcome is not None
            assert (welcome["role"], welcome["operator"]) == ("observer", known("anna"))
            reply = await bert.command(1, "cancel")
            assert reply is not None
            assert reply["what"] == f"You observe this run; {known('anna')} operates it."
            await anna.close()
            assert await bert.hear("operator") == {"type": "operator", "who": ""}
            reply = await bert.command(2, "cancel")
            assert reply is not None
            assert reply["what"] == "You observe this run; nobody operates it."
            assert d.commands == []
            async with lines_to(d.places) as carla:  # or: anna again
                welcome = await carla.greet("carla")
                assert welcome is not None
                assert welcome["role"] == "operator"
                assert await bert.hear("operator") == {"type": "operator", "who": known("carla")}
                reply = await bert.command(3, "take-over")
                assert reply is not None
                assert reply["ok"]
                assert await carla.hear("role") == {"type": "role", "role": "observer"}
                assert await carla.hear("operator") == {"type": "operator", "who": known("bert")}
            await until(lambda: len(d.noted("left")) == 2, "both goings are noted")
            roles = [(n["what"], n["role"], n.get("from")) for n in d.notes]
            assert roles == [
                ("joined", "operator", None),
                ("joined", "observer", None),
                ("left", "operator", None),
                ("joined", "operator", None),
                ("took over", "operator", known("carla")),
                ("left", "observer", None),
            ]

    asyncio.run(story())


def test_who_only_observes_does_not_get_the_empty_seat(tmp_path: Path) -> None:
    async def story() -> None:
        async with desk(tmp_path) as d, lines_to(d.places) as bert:
            welcome = await bert.greet("bert", observe=True)
            assert welcome is not None
            assert (welcome["role"], welcome["operator"]) == ("observer", "")

    asyncio.run(story())


def test_of_two_who_take_over_at_once_one_operates_in_the_end(tmp_path: Path) -> None:
    async def story() -> None:
        async with desk(tmp_path) as d:
            people = [await connect(d.places) for _ in range(3)]
            for number, client in enumerate(people):
                await client.greet(f"p{number}")
            await until(lambda: len(d.notes) == 3, "all have come")
            d.written.clear()
            await people[1].say({"type": "command", "id": 1, "name": "take-over"})
            await people[2].say({"type": "command", "id": 1, "name": "take-over"})
            await people[0].close()  # meanwhile
            late = await connect(d.places)  # finds the seat empty
            await late.greet("late")
            d.written.set()
            for client in people[1:]:
                reply = await client.hear("reply")
                assert reply is not None
                assert reply["ok"]
            operators = [c for c in d.server._connections if c.role == "operator"]
            assert len(operators) == 1
            assert len(d.noted("took over")) == 2
            assert str(operators[0].person) == d.noted("took over")[-1]
            for client in (*people, late):
                client.writer.transport.abort()

    asyncio.run(story())


def test_a_take_over_takes_effect_between_two_commands_never_in_one(tmp_path: Path) -> None:
    async def story() -> None:
        async with desk(tmp_path) as d, lines_to(d.places) as anna, lines_to(d.places) as bert:
            await anna.greet("anna")
            await bert.greet("bert")
            d.go.clear()
            await anna.say({"type": "command", "id": 1, "name": "answer"})
            await until(lambda: bool(d.commands), "it is begun")
            await bert.say({"type": "command", "id": 1, "name": "take-over"})
            await anna.say({"type": "command", "id": 2, "name": "answer"})
            d.go.set()
            first, second = await anna.hear("reply"), await anna.hear("reply")
            assert first is not None
            assert second is not None
            assert (first["ok"], second["ok"]) == (True, False)
            assert [name for _, name, _ in d.commands] == ["begun answer", "answer"]

    asyncio.run(story())


def test_a_client_that_goes_in_the_middle_of_a_command_leaves_no_half_of_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with desk(tmp_path) as d, lines_to(d.places) as anna, lines_to(d.places) as bert:
            await anna.greet("anna")
            await bert.greet("bert")
            d.go.clear()
            await anna.say({"type": "command", "id": 1, "name": "answer"})
            await until(lambda: bool(d.commands), "it is begun")
            anna.writer.transport.abort()
            with contextlib.suppress(OSError):
                await anna.writer.wait_closed()  # else what is published now is still taken
            d.server.publish({"type": "event", "seq": 1, "run": 7, "kind": "x", "step": "", "data": {}})
            await until(lambda: bool(d.noted("left")), "it was seen to go")
            d.go.set()
            await until(lambda: len(d.commands) == 2, "it is done whole")

    asyncio.run(story())


GARBAGE = {
    "not JSON": b"GET / HTTP/1.1\r\n\r\n",
    "NUL": b"\0" * 5000 + b"\n",
    "oversized": b"x" * (2 * FRAME_LIMIT),
    "no message": b"[1,2]\n",
    "deep": b"[" * 50_000 + b"\n",
    "huge number": b'{"type":"command","id":' + b"1" * 6000 + b"}\n",
    "id is text": b'{"type":"command","id":"' + b"i" * 5000 + b'","name":"answer"}\n',
    "id is big": b'{"type":"command","id":' + b"1" * 4000 + b',"name":"answer"}\n',
    "NaN": b'{"type":"command","id":1,"name":"answer","args":{"seconds":NaN}}\n',
    "cut off": b'{"type":"command","id":1,"name":"answer"}',
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
@pytest.mark.parametrize("greeted", [True, False], ids=["after its hello", "at once"])
def test_garbage_ends_the_connection_and_nothing_else(tmp_path: Path, garbage: bytes, greeted: bool) -> None:
    async def story() -> None:
        async with desk(tmp_path) as d, lines_to(d.places) as bad, lines_to(d.places) as good:
            if greeted:
                await bad.greet("bad")
            await bad.say(garbage)
            with contextlib.suppress(OSError):
                bad.writer.write_eof()
            while (message := await bad.hear()) is not None:
                assert message["type"] == ("operator" if greeted else "refused")
            assert await good.greet("good") is not None
            reply = await good.command(1, "answer")
            assert reply is not None
            assert reply["ok"], "it found the seat empty"
            assert [who for who, _, _ in d.commands] == [known("good")] * 2

    asyncio.run(story())


def test_what_a_command_says_is_taken_as_it_is_and_a_bug_in_it_is_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async def story() -> None:
        async with desk(tmp_path) as d, lines_to(d.places) as anna:
            await anna.greet("anna\ud800\x1b]0;owned\x07\u202e" + "a" * 500)
            await anna.say(b'{"type":"what is this","id":[]}\n', b'{"type":"command","id":1,"args":7,"name":{}}\n')
            reply = await anna.hear("reply")
            assert reply is not None
            assert reply["ok"]
            who, name, args = d.commands[-1]
            assert (name, args) == ("{}", {})
            assert len(who) < 100
            assert who.isprintable()
            d.trouble = RecursionError("too deep")
            reply = await anna.command(2, "answer")
            assert reply is not None
            assert "RecursionError: too deep" in reply["what"]
            d.trouble = None
            reply = await anna.command(3, "answer")
            assert reply is not None
            assert reply["ok"]

    asyncio.run(story())
    assert "RecursionError" in capfd.readouterr().err


def test_who_commands_and_never_reads_is_not_heard_any_more_and_fills_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with desk(tmp_path) as d, lines_to(d.places) as flood:
            d.server.publish({"type": "x"})
            await flood.greet("flood", observe=True)
            flood.reader._transport.pause_reading()  # type: ignore[attr-defined]
            before, poured = memory(), [0, time.monotonic()]

            async def pour() -> None:
                frame = encode({"type": "command", "id": 2**52, "name": "cancel", "args": {"x": "y" * 900}})
                while True:
                    await flood.say(frame * 100)
                    poured[:] = poured[0] + 100, time.monotonic()

            pouring = asyncio.create_task(pour())
            async with lines_to(d.places) as good:
                await good.greet("good")
                for number in range(20):
                    reply = await good.command(number, "answer")
                    assert reply is not None
                    assert reply["ok"]
            await until(lambda: time.monotonic() - poured[1] > 1, "it is not heard any more")
            assert memory() - before < 16 * 2**20
            pouring.cancel()

    asyncio.run(story())


def test_a_reader_that_stalls_misses_events_is_told_so_and_keeps_nobody(tmp_path: Path) -> None:
    async def story() -> None:
        async with desk(tmp_path) as d, lines_to(d.places) as slow, lines_to(d.places) as quick:
            slow.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            await slow.greet("slow")
            await quick.greet("quick")
            slow.reader._transport.pause_reading()  # type: ignore[attr-defined]
            before = memory()
            data = {"text": "x" * 20_000}
            for seq in range(5_000):
                d.server.publish({"type": "event", "seq": seq, "run": 7, "kind": "x", "step": "", "data": data})
                d.server.publish({"type": "log", "run": 7, "step": "x", "attempt": 1, "last": seq})
                if seq % 100 == 0:
                    await asyncio.sleep(0)
            await until(lambda: any(c.stalled_since for c in d.server._connections), "it has stalled")
            assert memory() - before < 16 * 2**20
            d.server.publish({"type": "run", "run": 8})
            d.server.publish({"type": "event", "seq": 6_000, "run": 8, "kind": "x", "step": "", "data": {}})
            d.server.publish({"type": "sample", "run": 8, "step": "x", "attempt": 1})
            assert await quick.hear("sample") is not None
            slow.reader._transport.resume_reading()  # type: ignore[attr-defined]
            assert await slow.hear("resync") is not None, "it is told to read the journal"
            assert await slow.hear("run") == {"type": "run", "run": 8}, "what the journal does not hold is kept"
            message = await slow.hear("event")
            assert message is not None
            assert message["seq"] == 6_000, "and from there it hears all again"

    asyncio.run(story())


def test_an_event_that_no_frame_holds_is_left_to_the_journal(tmp_path: Path) -> None:
    async def story() -> None:
        async with desk(tmp_path) as d, lines_to(d.places) as anna:
            await anna.greet("anna")
            d.server.publish({"type": "event", "seq": 9, "data": {"x": "y" * FRAME_LIMIT}})
            assert await anna.hear("resync") == {"type": "resync", "seq": 9}

    asyncio.run(story())


def test_the_end_waits_for_no_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "STOPPING", 0.5)

    async def story() -> None:
        async with desk(tmp_path) as d, lines_to(d.places) as slow, lines_to(d.places) as quick, lines_to(d.places):
            await slow.greet("slow")
            await quick.greet("quick")
            slow.reader._transport.pause_reading()  # type: ignore[attr-defined]
            await until(d.stalled, "it has stalled")
            files = open_files()  # three clients, the server's ends of them, and where it listens
            async with asyncio.timeout(3):
                await d.server.stop("the run has ended")
            await until(lambda: open_files() <= files - 4, "the server has let go of all, the slow one too")
            assert await quick.hear("bye") == {"type": "bye", "reason": "the run has ended"}
            assert not d.places.socket.exists()

    asyncio.run(story())


def test_a_thousand_at_once_find_bounds_and_the_run_keeps_its_files(tmp_path: Path) -> None:
    async def story() -> None:
        async with desk(tmp_path) as d, lines_to(d.places) as anna:
            await anna.greet("anna")
            crowd = [await connect(d.places) for _ in range(400)]  # their ends are this process's too
            assert open_files() < 400 + server.STRANGERS_LIMIT + server.CLIENTS_LIMIT + 120
            answers = await asyncio.gather(*(client.greet(f"p{n}") for n, client in enumerate(crowd)))
            kinds = [answer["type"] if answer else "closed" for answer in answers]
            assert 0 < kinds.count("welcome") < server.CLIENTS_LIMIT
            refused = [answer["what"] for answer in answers if answer and answer["type"] == "refused"]
            assert set(refused) <= {
                "Too many clients connect at once.",
                f"{server.CLIENTS_LIMIT} clients are attached to this run already.",
            }
            reply = await anna.command(1, "answer")
            assert reply is not None
            assert reply["ok"]
            for client in crowd:
                client.writer.transport.abort()
            await until(lambda: len(d.server._connections) == 1, "the crowd has gone")
            async with lines_to(d.places) as bert:
                assert (await bert.greet("bert") or {})["type"] == "welcome"

    asyncio.run(story())


def test_a_client_that_does_not_read_gives_up_its_place_when_all_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "CLIENTS_LIMIT", 1)

    async def story() -> None:
        async with desk(tmp_path) as d, lines_to(d.places) as slow, lines_to(d.places) as bert:
            await slow.greet("slow")
            slow.reader._transport.pause_reading()  # type: ignore[attr-defined]
            await until(d.stalled, "it has stalled")
            refused = await bert.greet("bert")
            assert refused is not None
            assert refused["what"] == "1 clients are attached to this run already."
            monkeypatch.setattr(server, "STALL_PATIENCE", 0.0)
            async with lines_to(d.places) as again:
                welcome = await again.greet("bert")
                assert welcome is not None
                assert welcome["role"] == "operator"

    asyncio.run(story())


def test_who_says_nothing_or_half_a_hello_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HELLO_TIMEOUT", 0.1)

    async def story() -> None:
        async with desk(tmp_path) as d, lines_to(d.places) as silent, lines_to(d.places) as half:
            await half.say(b'{"type":"hel')
            assert await silent.hear() is None
            assert await half.hear() is None
            assert d.notes == []

    asyncio.run(story())


def test_a_journal_that_cannot_be_written_holds_up_no_coming_and_no_end(tmp_path: Path) -> None:
    async def story() -> None:
        async with desk(tmp_path, journal=False) as d:
            for number in range(250):
                async with lines_to(d.places) as client:
                    assert (await client.greet(f"p{number}") or {})["type"] == "welcome"
            await until(lambda: not d.server._connections, "all have gone")
            d.written.set()
            await until(lambda: any("not recorded" in n["what"] for n in d.notes), "what is missing is said")
            d.written.clear()
            async with lines_to(d.places) as client:
                await client.greet("last")

    asyncio.run(story())


def test_a_take_over_that_cannot_be_journaled_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with desk(tmp_path) as d, lines_to(d.places) as anna, lines_to(d.places) as bert:
            await anna.greet("anna")
            await bert.greet("bert")

            async def broken(kind: EventKind, data: Mapping[str, Any]) -> None:
                raise JournalError("The journal is damaged.")

            d.server._guests._note = broken
            reply = await bert.command(1, "take-over")
            assert reply is not None
            assert reply["what"] == "The journal is damaged."
            reply = await anna.command(1, "answer")
            assert reply is not None
            assert reply["ok"]

    asyncio.run(story())


def test_a_socket_that_was_removed_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "LOOK_EVERY", 0.05)

    async def story() -> None:
        async with desk(tmp_path) as d, lines_to(d.places) as anna:
            await anna.greet("anna")
            d.places.socket.unlink()
            await until(d.places.socket.is_socket, "it is there again")
            assert d.places.socket.stat().st_mode & 0o777 == 0o600
            async with lines_to(d.places) as bert:
                assert (await bert.greet("bert") or {})["type"] == "welcome"
            d.places.socket.unlink()
            d.places.socket.write_text("not yours")
            with pytest.raises(RunnerGone, match="is not a socket"):
                await RunnerClient.connect(d.places, Person("bert"))
            d.places.socket.unlink()
            await until(d.places.socket.is_socket, "it is there again")
            reply = await anna.command(1, "answer")
            assert reply is not None
            assert reply["ok"]

    asyncio.run(story())


# -- versions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("proto", [0, 2, None, "1", []])
def test_an_older_or_newer_client_is_told_what_to_use(tmp_path: Path, proto: object) -> None:
    async def story() -> None:
        async with desk(tmp_path) as d, lines_to(d.places) as old:
            refused = await old.greet("old", proto=proto)
            assert refused is not None
            assert refused["type"] == "refused"
            assert refused["what"].endswith("speaks protocol 1; debvisor-tui 0.0.1 does not.")
            assert refused["hint"].startswith("Use debvisor-tui ")
            assert await old.hear() is None

    asyncio.run(story())


def test_another_version_of_the_same_protocol_is_told_once_and_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with desk(tmp_path) as d:
            client = await RunnerClient.connect(d.places, Person("anna", "test"))
            assert client.welcome.notice == ""
            await client.close()
            monkeypatch.setattr("debvisor_tui.runner.client.__version__", "9.9")
            client = await RunnerClient.connect(d.places, Person("anna", "test"))
            assert "you use 9.9. They understand each other." in client.welcome.notice
            await until(lambda: [n.get("version") for n in d.notes if n["what"] == "joined"][1:] != [], "recorded")
            assert [n.get("version") for n in d.notes if n["what"] == "joined"] == [None, "debvisor-tui 9.9"]
            await client.close()

    asyncio.run(story())


@pytest.mark.parametrize(
    "answer",
    [
        {"type": "welcome", "proto": 2, "version": "3.0"},
        {"type": "welcome", "proto": 1, "version": "3.0"},
        {"type": "welcome", "proto": 1, "version": "3.0", "run": "x", "seq": None, "role": 1},
        {"type": "greetings", "proto": 9, "version": "3.0"},
    ],
)
def test_a_runner_of_another_version_is_a_sentence_not_a_crash(tmp_path: Path, answer: dict[str, Any]) -> None:
    async def story() -> None:
        places = TargetPaths(tmp_path, "t")
        places.prepare()

        def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(encode(answer))
            writer.close()

        strange = await asyncio.start_unix_server(reply, path=str(places.socket))
        with pytest.raises(Refused, match=r"The runner is debvisor-tui 3\.0; this is") as refused:
            await RunnerClient.connect(places, Person("anna"))
        assert refused.value.hint.startswith("Attach with debvisor-tui 3.0.")
        strange.close()

    asyncio.run(story())


def test_no_runner_is_no_runner(tmp_path: Path) -> None:
    async def story() -> None:
        places = TargetPaths(tmp_path, "t")
        with pytest.raises(RunnerGone, match="No release is running"):
            await RunnerClient.connect(places, Person("anna"))
        places.prepare()
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(places.socket))
        with pytest.raises(RunnerGone, match="No release is running"):
            await RunnerClient.connect(places, Person("anna"))

    asyncio.run(story())


# -- who is who -------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def process(code: str, env: dict[str, str]) -> Iterator[int]:
    """A shell that runs `code`, which prints the pid that is wanted and then waits."""
    with subprocess.Popen(
        ["sh", "-c", code], env=env | {"PATH": os.environ["PATH"]}, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as shell:
        assert shell.stdout is not None
        yield int(shell.stdout.readline())
        assert shell.stdin is not None
        shell.stdin.close()


def test_what_the_environment_says_goes_before_what_is_claimed() -> None:
    claimed = Person("mallory", "ssh 6.6.6.6", "root")
    env = {"SUDO_USER": "anna", "SSH_CONNECTION": "10.0.0.7 50000 10.0.0.1 22"}
    seen = f"{'anna as root' if os.getuid() == 0 else ME} (ssh 10.0.0.7)"
    with process("echo $$; cat", env) as pid:
        assert str(person_behind(Peer(pid, os.getuid()), claimed)) == seen
        # The pid is another's by now: nothing of what it says is this client's.
        assert str(person_behind(Peer(pid, NOBODY.pw_uid), claimed)) == "nobody (ssh 6.6.6.6)"
    # sudo drops SSH_CONNECTION: the shell that called it still has it.
    with process("env -u SSH_CONNECTION sh -c 'echo $$; cat'; true", env) as pid:
        assert str(person_behind(Peer(pid, os.getuid()), claimed)) == seen


def test_only_root_may_say_for_whom_it_acts() -> None:
    assert str(person_behind(Peer(0, 0), Person("anna", "ssh 10.0.0.7"))) == "anna as root (ssh 10.0.0.7)"
    assert str(person_behind(Peer(0, 0), Person("", ""))) == "root"
    assert str(person_behind(Peer(0, NOBODY.pw_uid), Person("root", "pts/1", "root"))) == "nobody (pts/1)"
    assert str(person_behind(Peer(0, 4_000_000), Person("root"))) == "uid 4000000"


@only_root
def test_a_stranger_gets_one_sentence_even_where_the_socket_can_be_reached(open_folder: Path) -> None:
    code = """
import socket
s = socket.socket(socket.AF_UNIX); s.settimeout(10); s.connect(sys.argv[1])
s.sendall(protocol.encode({"type": "hello", "proto": 1, "who": {"name": "root"}})
          + protocol.encode({"type": "command", "id": 1, "name": "answer"}) * 10)
try:
    while chunk := s.recv(65536): print(chunk.decode(), end="")
except ConnectionResetError: pass"""
    polite = """
async def main():
    try: print(await client.RunnerClient.connect(TargetPaths(Path(sys.argv[1]), "t"), Person("root")))
    except DebvisorError as error: print(type(error).__name__, error)
asyncio.run(main())"""

    async def story() -> None:
        async with desk(open_folder) as d:
            said = await asyncio.to_thread(said_by_nobody, polite, open_folder)
            assert said.startswith("Refused nobody may not speak to the runner of t: ")
            assert "permission denied" in said
            for folder in (d.places.folder, d.places.folder.parent):
                folder.chmod(0o755)
            d.places.socket.chmod(0o777)
            said = await asyncio.to_thread(said_by_nobody, code, d.places.socket)
            assert said.count("\n") == 1
            assert "This runner belongs to user root; you are nobody." in said
            said = await asyncio.to_thread(said_by_nobody, polite, open_folder)
            assert said.startswith("Refused This runner belongs to user root; you are nobody.\nBecome that user")
            assert d.commands == []
            assert d.notes == []

    asyncio.run(story())


@only_root
def test_a_strangers_socket_in_the_runners_place_is_not_spoken_to(open_folder: Path) -> None:
    places = TargetPaths(open_folder, "t")
    places.prepare()
    places.folder.parent.chmod(0o755)
    places.folder.chmod(0o777)
    code = """
import socket
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); print("listens", flush=True)
c, _ = s.accept(); print(repr(c.recv(100)))"""
    with as_nobody(code, places.socket) as stranger:
        assert stranger.stdout is not None
        assert stranger.stdout.readline() == "listens\n"
        with pytest.raises(Refused, match="belongs to nobody, who is not the runner of t"):
            asyncio.run(RunnerClient.connect(places, Person("anna")))
        assert stranger.communicate(timeout=10)[0] == "b''\n", "it heard nothing"
