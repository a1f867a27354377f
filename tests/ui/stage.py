"""A stage for pilot tests: the app on a seeded journal, with the real server of a runner behind it if wanted."""

import asyncio
import queue
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from textual.app import App
from textual.pilot import Pilot

from debvisor_tui.model.errors import Refused
from debvisor_tui.model.events import EventKind
from debvisor_tui.model.people import Person
from debvisor_tui.runner.lock import TargetLock
from debvisor_tui.runner.protocol import Message
from debvisor_tui.runner.server import Server
from debvisor_tui.ui.app import DebvisorApp, Opening
from debvisor_tui.ui.hand import Hand
from debvisor_tui.ui.session import Session


@dataclass
class Runner:
    """Stands for a runner: its socket is real, its commands are only written down; `refuse` refuses them."""

    run: int
    server: Server
    commands: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    refuse: str = ""

    def publish(self, message: Message) -> None:
        self.server.publish(message)

    def say_event(self) -> None:
        self.publish({"type": "event", "seq": 0, "run": self.run, "kind": "step-state", "step": "", "data": {}})


@contextmanager
def in_hand(session: Session) -> Iterator[None]:
    """Somebody holds the target, as a runner does while its run goes on."""
    session.places.prepare()
    lock = TargetLock.acquire(session.places, str(session.person), "release")
    try:
        yield
    finally:
        lock.release()


@asynccontextmanager
async def runner(session: Session, run: int, *, progress: Message | None = None) -> AsyncIterator[Runner]:
    async def handle(who: Person, name: str, args: Mapping[str, Any]) -> None:
        if stage.refuse:
            raise Refused(stage.refuse)
        stage.commands.append((name, args))

    async def note(kind: EventKind, data: Mapping[str, Any]) -> None:
        return None

    server = Server(session.places, handle, note, lambda: (stage.run, 0, progress))
    stage = Runner(run, server)
    with in_hand(session):
        await server.start()
        try:
            yield stage
        finally:
            await server.stop("the test is over")


async def until(what: Callable[[], object], pilot: Pilot[int], *, seconds: float = 10.0) -> None:
    """Wait until `what()` is true; AssertionError after `seconds`."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, f"waited {seconds} s in vain for this:\n{text_of(pilot.app)}"
        await pilot.pause(0.02)


@asynccontextmanager
async def shown(
    session: Session, *, attach: int | None = None, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[tuple[DebvisorApp, Pilot[int]]]:
    app = DebvisorApp(session, opening=Opening(attach), hand=Hand(careful=False))
    async with app.run_test(size=size) as pilot:
        yield app, pilot


def text_of(app: App[Any]) -> str:
    """What the terminal shows, as text."""
    width, height = app.size
    lines = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip)[:width] for strip in lines[:height])


def said(app: DebvisorApp) -> str:
    """What the message line says now, unwrapped."""
    return app.message.text if app.message is not None else ""


def play(story: Any) -> None:
    """Run a coroutine of a test to its end."""
    asyncio.run(story)


@contextmanager
def runner_aside(session: Session, run: int, *, progress: Message | None = None) -> Iterator[Runner]:
    """As `runner`, in a thread of its own: for tests whose event loop is not theirs."""
    stages: queue.Queue[tuple[Runner, asyncio.AbstractEventLoop, asyncio.Event]] = queue.Queue()

    async def serve() -> None:
        async with runner(session, run, progress=progress) as stage:
            over = asyncio.Event()
            stages.put((stage, asyncio.get_running_loop(), over))
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    stage, loop, over = stages.get(timeout=10)
    try:
        yield stage
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(timeout=10)
