"""Following one run for a screen: wake-ups come over the socket, what there is to know is read from the journal."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from textual.message import Message

from debvisor_tui.model.errors import DebvisorError, RunnerGone
from debvisor_tui.model.states import ACTIVE_RUN_STATES, RunState
from debvisor_tui.model.verdict import Sample
from debvisor_tui.model.views import RunView
from debvisor_tui.ui.session import Session

UNFINISHED = ACTIVE_RUN_STATES | {RunState.INTERRUPTED}
READ_AGAIN = 1.0  # seconds after a read of the journal that failed
CONNECT_TRIES = 15  # a runner that was just started, or that moves on to a rollback, may not listen yet
CONNECT_PAUSE = 0.2  # seconds
READ_PAUSE = 0.05  # seconds between two reads of the journal: many events, one read


@dataclass
class RunRead(Message):
    """The run as the journal holds it now; None: there is no such run."""

    view: RunView | None


@dataclass
class LogGrew(Message):
    """The log of `attempt` (its id) has `last` lines now."""

    attempt: int
    last: int


@dataclass
class Progressed(Message):
    """How far a running step is; `total` None: not known. Units as in tasks/base.py."""

    step: str
    done: float
    total: float | None
    unit: str
    note: str


@dataclass
class Sampled(Message):
    """All samples of `attempt` (its id) so far."""

    attempt: int
    samples: list[Sample]


@dataclass
class RoleSet(Message):
    """`operates`: this client's commands are obeyed; otherwise `operator`'s are, or "": nobody operates."""

    operates: bool
    operator: str


@dataclass
class GuestSeen(Message):
    """Somebody else has "joined", "left" or "took over" (from `before`); `here`: how many are attached now."""

    who: str
    what: str
    before: str
    here: int


@dataclass
class Noticed(Message):
    """Something to be told once, such as that the runner is of another version."""

    text: str


@dataclass
class Troubled(Message):
    """The run stands still for want of its journal: `what`, and what can be done; "" once it goes on."""

    what: str
    hint: str


@dataclass
class Unread(Message):
    """The journal cannot be read just now, and why; it is tried again. Nothing is known of the runner by this."""

    error: DebvisorError


@dataclass
class FeedEnded(Message):
    """No runner speaks for the run any more. `state`: how it stands; ACTIVE states mean that its runner died."""

    state: RunState | None
    error: DebvisorError | None = None


class RunFeed:
    """Follows `run`, and the rollback that its runner goes on to; tells `post` of everything."""

    def __init__(
        self, session: Session, run: int, post: Callable[[Message], object], *, observe: bool = False
    ) -> None:
        self.run = run
        self._session = session
        self._post = post
        self._observe = observe
        self._stale = asyncio.Event()
        self._sampled: int | None = None

    async def follow(self) -> None:
        """Until the runner has gone; ends with a FeedEnded, whatever happened."""
        reading = asyncio.create_task(self._keep_reading(), name=f"reads of run {self.run}")
        error: DebvisorError | None = None
        state: RunState | None = None
        try:
            view = await self._read()
            if view is not None and view.run.state in {RunState.ROLLING_BACK, RunState.INTERRUPTED}:
                view = await self._read_rollback(view)
            # A run that was taken up is journaled as interrupted until its step goes on: its runner listens already.
            if view is not None and view.run.state in UNFINISHED:
                await self._listen()
        except DebvisorError as failed:
            error = failed
        finally:
            reading.cancel()
        try:
            view = await self._read()
            state = view.run.state if view is not None else None
        except DebvisorError as failed:
            error = error or failed
        self._post(FeedEnded(state, error))

    async def has_runner(self) -> bool:
        """Whether somebody holds the target: a runner of this run, or one that is about to be."""
        from debvisor_tui.runner.lock import find_holder

        try:
            holder = await asyncio.to_thread(find_holder, self._session.places)
        except DebvisorError:
            return False
        return holder is not None and holder.is_runner

    async def look(self) -> None:
        """Read the run once, although no runner speaks: somebody else may have ended it."""
        with contextlib.suppress(DebvisorError):
            await self._read()

    def read_again(self) -> None:
        """Have the run read anew, soon."""
        self._stale.set()

    async def command(self, name: str, **args: Any) -> None:
        """Send a command to the runner; Refused or RunnerGone say why it was not obeyed."""
        client = self._session.client
        if client is None:
            raise RunnerGone("No runner speaks for this run.", "Its state is what the journal holds.")
        await client.command(name, **args)

    async def _listen(self) -> None:
        from debvisor_tui.runner.client import RunnerClient

        client = await self._connect(RunnerClient)
        if client is None:
            return
        self._session.client = client
        try:
            self._post(RoleSet(client.role == "operator", client.operator))
            self._post(GuestSeen("", "", "", client.welcome.here))
            if client.welcome.notice:
                self._post(Noticed(client.welcome.notice))
            if client.run != self.run:
                self.run = client.run
            if client.welcome.progress is not None:
                self._hear(client.welcome.progress)
            self._stale.set()
            async for message in client:
                self._hear(message)
        finally:
            if self._session.client is client:
                self._session.client = None
            await client.close()

    async def _connect(self, client: Any) -> Any:
        for _try in range(CONNECT_TRIES):
            try:
                return await client.connect(self._session.places, self._session.person, observe=self._observe)
            except RunnerGone:
                view = await self._read()
                if view is None or view.run.state not in UNFINISHED:
                    return None
                if view.run.state is RunState.INTERRUPTED and not await self.has_runner():
                    return None  # dead, and not slow: see runner/live_history.py
                await asyncio.sleep(CONNECT_PAUSE)
        return None

    def _hear(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "event" | "resync":
                self._stale.set()
            case "run":
                self.run = int(message["run"])
                self._stale.set()
            case "log" if (
                "first" not in message
            ):  # a runner of before schema 0005 counts otherwise: the journal knows
                self._stale.set()
            case "log":
                self._post(LogGrew(int(message["attempt"]), int(message["last"])))
            case "progress":
                total = message.get("total")
                self._post(
                    Progressed(
                        str(message["step"]),
                        float(message["done"]),
                        None if total is None else float(total),
                        str(message["unit"]),
                        str(message.get("note") or ""),
                    )
                )
            case "sample":
                self._sampled = int(message["attempt"])
                self._stale.set()
            case "guest":
                who, what = str(message.get("who", "")), str(message.get("what", ""))
                self._post(GuestSeen(who, what, str(message.get("from", "")), int(message.get("here", 1))))
            case "trouble":
                self._post(Troubled(str(message["what"]), str(message["hint"])))
            case "role" | "operator":
                if (client := self._session.client) is not None:
                    self._post(RoleSet(client.role == "operator", client.operator))

    async def _keep_reading(self) -> None:
        """At most one read under way and one waiting, however many wake-ups come."""
        while True:
            await self._stale.wait()
            self._stale.clear()
            try:
                if self._sampled is not None:
                    attempt, self._sampled = self._sampled, None
                    await self.read_samples(attempt)
                await self._read()
            except DebvisorError as error:
                self._post(Unread(error))
                self._stale.set()
                await asyncio.sleep(READ_AGAIN)
            await asyncio.sleep(READ_PAUSE)

    async def read_samples(self, attempt: int) -> None:
        self._post(Sampled(attempt, await self._session.history(lambda h: h.samples(attempt), [])))

    async def _read_rollback(self, release: RunView) -> RunView | None:
        """The rollback of `release` that is under way; the release itself if there is none to be seen."""
        active = await self._session.history(lambda h: h.active(), None)
        if active is None or active.of_run != release.run.id:
            return release
        self.run = active.id
        return await self._read()

    async def _read(self) -> RunView | None:
        run = self.run
        view: RunView | None = await self._session.history(lambda h: h.run(run), None)
        self._post(RunRead(view))
        return view
