"""A sandbox host for benchmarks, and a release on it whose first step is a command of theirs."""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import tomlkit

from debvisor_tui.config.load import load_settings
from debvisor_tui.model.gates import Answer, GateKind
from debvisor_tui.model.people import Person
from debvisor_tui.model.views import RunView
from debvisor_tui.runner.client import RunnerClient
from debvisor_tui.runner.lock import find_holder
from debvisor_tui.runner.paths import TargetPaths
from debvisor_tui.runner.spawn import start_release
from debvisor_tui.sandbox.host import Sandbox
from debvisor_tui.store.history import History

PATIENCE = 120.0  # seconds
WHO = Person("bench")


class Bench:
    """`review`: the command of the first step, instead of the built-in one."""

    def __init__(self, folder: Path, review: Sequence[str] = ()) -> None:
        self.sandbox = Sandbox.create(folder)
        if review:
            document = tomlkit.parse(self.sandbox.config_path.read_text(encoding="utf-8"))
            document["steps"] = {"review": {"command": list(review)}}
            self.sandbox.config_path.write_text(tomlkit.dumps(document), encoding="utf-8")
        self.settings = load_settings(self.sandbox.config_path)
        self.places = TargetPaths(self.sandbox.state_dir, self.settings.name)

    def command(self, *words: str) -> list[str]:
        options = ["--config", str(self.sandbox.config_path), "--state-dir", str(self.sandbox.state_dir)]
        return [sys.executable, "-m", "debvisor_tui", *options, *words]

    def release(self, version: str) -> int:
        return asyncio.run(start_release(self.settings, self.places, version, WHO))

    def start_step(self, run: int) -> None:
        """Answer the first gate, once it is there."""

        async def answer() -> None:
            client = await RunnerClient.connect(self.places, WHO)
            hearing = asyncio.create_task(hear(client))
            try:
                gate = {"kind": GateKind.READY, "step": "review"}
                await client.command("answer", answer=Answer.RUN, reason="", gate=gate)
            finally:
                hearing.cancel()
                await client.close()

        async def hear(client: RunnerClient) -> None:
            async for _ in client:
                pass

        self.until(run, lambda view: view.gate is not None, "the first gate")
        asyncio.run(answer())

    def until_logged(self, run: int, step: str, lines: int) -> None:
        def logged(view: RunView) -> bool:
            attempt = view.step(step).attempt
            return attempt is not None and attempt.lines >= lines

        self.until(run, logged, f"{lines:,} lines of {step}")

    def until(self, run: int, done: Callable[[RunView], bool], what: str) -> RunView:
        deadline = time.monotonic() + PATIENCE
        history = History(self.places.journal)
        try:
            while time.monotonic() < deadline:
                view = history.run(run)
                if view is not None and done(view):
                    return view
                time.sleep(0.05)
        finally:
            history.close()
        sys.exit(f"not within {PATIENCE} s: {what}")

    def end(self, number: int) -> None:
        """Signal the runner, if there is one."""
        if (holder := find_holder(self.places)) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(holder.pid, number)
