"""A real sandbox host with a real, detached runner, and a client that answers its gates."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tomlkit

from debvisor_tui.config.load import load_settings
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.gates import Answer, Gate, GateKind
from debvisor_tui.model.people import Person
from debvisor_tui.model.states import RunState
from debvisor_tui.model.views import RunView
from debvisor_tui.runner.client import RunnerClient
from debvisor_tui.runner.lock import find_holder
from debvisor_tui.runner.paths import TargetPaths
from debvisor_tui.runner.protocol import Message
from debvisor_tui.sandbox.host import Sandbox
from debvisor_tui.store.history import History

ANNA = Person("anna", "test")
PATIENCE = 30.0  # seconds; every wait of these tests is bounded by it


async def until(done: Callable[[], bool], what: str) -> None:
    """Wait until `done()`; fails, naming `what`, when it is not within PATIENCE."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not done():  # noqa: ASYNC110 - other processes give no event to wait for
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {PATIENCE} s: {what}") from None


@dataclass
class Host:
    """`configure` changes the target's config before a run; `view` reads a run from the journal, as clients do."""

    sandbox: Sandbox

    @property
    def settings(self) -> Settings:
        return load_settings(self.sandbox.config_path)

    @property
    def places(self) -> TargetPaths:
        return TargetPaths(self.sandbox.state_dir, "sandbox")

    def configure(self, change: Callable[[Any], None]) -> None:
        document = tomlkit.parse(self.sandbox.config_path.read_text(encoding="utf-8"))
        change(document)
        self.sandbox.config_path.write_text(tomlkit.dumps(document), encoding="utf-8")

    def view(self, run: int) -> RunView:
        history = History(self.places.journal)
        try:
            view = history.run(run)
        finally:
            history.close()
        assert view is not None
        return view

    def lines(self, run: int, step: str, attempt: int = -1) -> list[str]:
        history = History(self.places.journal)
        try:
            view = history.run(run)
            assert view is not None
            of = view.step(step).attempts[attempt]
            return [line.text for line in history.lines(of.id, 1, of.lines)]
        finally:
            history.close()

    def state(self, run: int) -> RunState:
        return self.view(run).run.state

    def runner_pid(self) -> int:
        holder = find_holder(self.places)
        return holder.pid if holder else 0

    def end_runner(self, number: int = signal.SIGKILL) -> None:
        if pid := self.runner_pid():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    async def gate(self, run: int, kind: GateKind, step: str) -> Gate:
        """The gate that `run` waits at, once it is the one expected."""

        def there() -> bool:
            gate = self.view(run).gate
            return gate is not None and (gate.kind, gate.step) == (kind, step)

        try:
            await until(there, f"gate {kind} of {step} in run {run}")
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {self.state(run)} at {self.view(run).gate}") from None
        gate = self.view(run).gate
        assert gate is not None
        return gate


@contextlib.asynccontextmanager
async def attached(host: Host, person: Person = ANNA, *, observe: bool = False) -> Any:
    """A client that hears: (client, messages so far)."""
    client = await RunnerClient.connect(host.places, person, observe=observe)
    heard: list[Message] = []

    async def hear() -> None:
        async for message in client:
            heard.append(message)

    hearing = asyncio.create_task(hear())
    try:
        yield client, heard
    finally:
        hearing.cancel()
        await client.close()


async def answer(client: RunnerClient, gate: Gate, with_: Answer, **more: Any) -> None:
    await client.command("answer", answer=with_, gate={"kind": gate.kind, "step": gate.step}, **more)
