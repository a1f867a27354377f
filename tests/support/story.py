"""One release on a real sandbox host, driven through kills to its end and back again; each turn held to the truth."""

import asyncio
import contextlib
import hashlib
import os
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from ledger import Ledger
from release_host import ANNA, Host
from world import World, contradictions, look, stragglers

from debvisor_tui.model.changes import ChangeState
from debvisor_tui.model.errors import DebvisorError, Refused, RunnerGone
from debvisor_tui.model.findings import Found
from debvisor_tui.model.gates import Answer, Gate, GateKind
from debvisor_tui.model.playbook import RunKind
from debvisor_tui.model.rollback import RollbackOptions
from debvisor_tui.model.states import ENDED_RUN_STATES, RunState, StepState
from debvisor_tui.model.views import RunView
from debvisor_tui.runner.client import RunnerClient
from debvisor_tui.runner.lock import find_holder
from debvisor_tui.runner.spawn import start_release, start_resume, start_rollback
from debvisor_tui.store.history import History
from debvisor_tui.system.failpoints import VARIABLE
from debvisor_tui.tasks.backup_catalog import PARTIAL, Backup, publish

VERSION = "v1.2.0"  # three migrations, one of which takes something away; a good release
MAX_TURNS = 15
PATIENCE = 60.0  # seconds that one turn may take

ANSWERS = {
    GateKind.READY: (Answer.RUN, ""),
    GateKind.ATTEST: (Answer.ATTEST, "seen"),
    GateKind.ACKNOWLEDGE: (Answer.ACKNOWLEDGE, ""),
}


@contextlib.contextmanager
def armed(file: Path, point: str | None = None) -> Iterator[None]:
    """Runners started meanwhile write down in `file` which points they come by, and are killed at `point`."""
    os.environ[VARIABLE] = f"{file}={point}" if point else str(file)
    try:
        yield
    finally:
        os.environ.pop(VARIABLE, None)


def quick(host: Host) -> None:
    """A release in a second or two: the same work, with less patience."""

    def change(config: dict[str, dict[str, object]]) -> None:
        config["backup"] |= {"verify": "read", "keep": 1}
        config["health"] |= {"successes": 1, "interval": "50ms"}
        config["platform"]["settle"] = "100ms"
        config["monitor"] |= {"duration": "600ms", "interval": "100ms", "min_requests": 1, "max_p95_ms": 5000.0}

    host.configure(change)


def old_backups(host: Host) -> None:
    """Two that a release's backup step will find to be too many."""
    settings = host.settings
    settings.backup.dir.mkdir(exist_ok=True)
    for age in (2000.0, 1000.0):
        created = time.time() - age
        path = settings.backup.dir / f"by-hand-{age:.0f}.sqlite3"
        partial = path.with_name(path.name + PARTIAL)
        with closing(sqlite3.connect(host.sandbox.dir / "data/panel.db")) as database:
            database.execute("VACUUM INTO ?", (str(partial),))
        data = partial.read_bytes()
        publish(
            Backup(
                tag=path.stem,
                path=path,
                created=created,
                sha256=hashlib.sha256(data).hexdigest(),
                bytes=len(data),
                target=settings.name,
            ),
            partial,
        )


@dataclass
class Story:
    """`contradictions`: where the journal said what was not so; `kills`: how often a runner was killed."""

    host: Host
    before: World = field(init=False)
    ledger: Ledger = field(init=False)
    release: int = 0
    kills: int = 0
    turns: int = 0
    may_fail: bool = False  # a step whose own command was killed fails, and says so; it is then tried again
    retries: dict[tuple[int, str], int] = field(default_factory=dict)
    contradictions: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        old_backups(self.host)
        self.before = look(self.host.sandbox)
        self.ledger = Ledger(self.host.places.journal)
        self.points = self.host.sandbox.dir.with_suffix(".points")

    # -- the turns ----------------------------------------------------------------------------------------------

    async def release_through(self, *points: str) -> None:
        """Release VERSION; the first runner is killed at the first point, and so on; then to the end."""
        todo = list(points)
        await self._turn(todo, lambda: start_release(self.host.settings, self.host.places, VERSION, ANNA))
        while self._latest() is None:  # it was killed before its run was journaled: then nothing was done
            self._expect(look(self.host.sandbox) == self.before, "without a run nothing has changed")
            await self._turn(todo, lambda: start_release(self.host.settings, self.host.places, VERSION, ANNA))
        await self.go_on_through(todo)

    async def go_on_through(self, todo: list[str]) -> None:
        """Take up the release that is there, through the kills at the points `todo`, to its end."""
        self.release = self._sure().run.id
        await self._to_the_end(todo)
        self._expect(not todo, f"never reached: {todo}")
        self._released()

    async def roll_back_through(self, *points: str, options: RollbackOptions) -> None:
        todo = list(points)
        places = self.host.places

        async def start() -> int:
            return await start_rollback(self.host.settings, places, self.release, options, ANNA)

        await self._turn(todo, start)
        while self._sure().run.kind is RunKind.RELEASE:
            self._expect(self._sure().run.state is not RunState.ROLLING_BACK, "rolling back without a rollback")
            await self._turn(todo, start)
        await self._to_the_end(todo)
        self._expect(not todo, f"never reached: {todo}")
        self._rolled_back(options)

    async def _to_the_end(self, todo: list[str]) -> None:
        while (view := self._sure()).run.state not in ENDED_RUN_STATES:
            resume = partial(start_resume, self.host.settings, self.host.places, view.run.id, ANNA)
            await self._turn(todo, resume, resumes=True)

    async def _turn(self, todo: list[str], start: Callable[[], Awaitable[int]], *, resumes: bool = False) -> None:
        """One runner, from its start to its end, by itself or by the kill that `todo` has next for it."""
        point = next((p for p in todo if resumes or not p.startswith("start-resume ")), None)
        self.turns += 1
        assert self.turns < MAX_TURNS, f"it does not come to an end; still to reach: {todo}"
        with armed(self.points, point):
            try:
                await start()
            except DebvisorError as error:
                if point is None and not self.may_fail:
                    raise AssertionError(f"the runner did not start: {error}") from error
        async with asyncio.timeout(PATIENCE):
            seq, lines = await self._follow()
        await self._lock_free()
        self.ledger.look()
        self.ledger.told(seq, lines)
        killed = point is not None and point in self.points.read_text(encoding="utf-8").splitlines()
        if killed:
            self.kills += 1
            todo.remove(str(point))
        self._truth("after a kill" if killed else "at rest")

    async def _follow(self) -> tuple[int, dict[int, int]]:
        """Answer what is asked until the runner has gone; the last event and each attempt's lines that were told."""
        try:
            client = await self._connect()
        except RunnerGone:
            return 0, {}
        seq = answered = 0
        lines: dict[int, int] = {}
        history = History(self.host.places.journal)
        woken = asyncio.Event()
        ended = asyncio.Event()

        async def hear() -> None:
            nonlocal seq
            async for message in client:
                if message["type"] == "event":
                    seq = max(seq, int(message["seq"]))
                elif message["type"] == "log":
                    lines[int(message["attempt"])] = int(message["last"])
                woken.set()
            ended.set()
            woken.set()

        hearing = asyncio.create_task(hear())
        try:
            woken.set()
            while not ended.is_set():
                await woken.wait()
                woken.clear()
                active = history.active()
                view = history.run(active.id) if active else None
                if view is not None and view.gate is not None and view.seq > answered:
                    answered = view.seq
                    with contextlib.suppress(RunnerGone, Refused):
                        await self._answer(client, view, view.gate)
            return seq, lines
        finally:
            hearing.cancel()
            history.close()
            await client.close()

    async def _connect(self) -> RunnerClient:
        while True:
            try:
                return await RunnerClient.connect(self.host.places, ANNA)
            except RunnerGone:
                if find_holder(self.host.places) is None:
                    raise
                await asyncio.sleep(0.02)

    async def _answer(self, client: RunnerClient, view: RunView, gate: Gate) -> None:
        if gate.kind is GateKind.INTERRUPTED:
            answer, reason = self._judge(view, gate), ""
        elif gate.kind in ANSWERS:
            answer, reason = ANSWERS[gate.kind]
        elif self.may_fail and gate.kind is GateKind.FAILED:
            answer, reason = Answer.RETRY, ""
        else:
            raise AssertionError(f"run {view.run.id}: {gate}\n{self._log(view, gate.step)}")
        await client.command("answer", answer=answer, reason=reason, gate={"kind": gate.kind, "step": gate.step})
        if answer is Answer.RETRY:
            key = (view.run.id, gate.step)
            self.retries[key] = self.retries.get(key, 0) + 1

    def _judge(self, view: RunView, gate: Gate) -> Answer:
        """What inspection has found is held against the world; what is done stands, all else is tried again."""
        world = look(self.host.sandbox)
        done = self._is_done(view, gate.step, world)
        found = Found(gate.finding)
        if done is not None and found in {Found.DONE, Found.NOT_DONE} and done is not (found is Found.DONE):
            self._expect(False, f"{gate.step}: inspection says {found} ({gate.detail}), the world is {world}")
        if left := stragglers(self.host.sandbox):
            self._expect(False, f"{gate.step}: still running: {left}")
        return Answer.CONTINUE if found is Found.DONE else Answer.RETRY

    def _is_done(self, view: RunView, step: str, world: World) -> bool | None:
        """Whether the world holds what `step` was to do; None where the world does not tell."""
        rollback = view.run.kind is RunKind.ROLLBACK
        match step:
            case "backup":
                return f"pre-deploy-{VERSION}" in world.backups
            case "pull":
                return world.commit != self.before.commit and world.clean
            case "upgrade":
                return world.revision == self._head(view)
            case "restart" if not rollback:
                return bool(world.panel) and world.panel != self.before.panel
            case "revert-database" | "restore-backup":
                return world.revision == self.before.revision if step == "revert-database" else None
            case "revert-release":
                return world.commit == self.before.commit and world.clean
        return None

    def _head(self, view: RunView) -> str:
        checked = [e for e in view.evidence if e.name == "migrations"]
        return str(checked[-1].value["head"])

    # -- the truth ----------------------------------------------------------------------------------------------

    def _truth(self, when: str) -> None:
        view = self._view_of_release()
        if view is None or view.run.state in {RunState.ROLLING_BACK, RunState.ROLLED_BACK}:
            return  # the rollback's own changes are on top: its end is held against the world
        for words in contradictions(view, look(self.host.sandbox), self.before):
            self._expect(False, f"{when}: {words}")

    def _released(self) -> None:
        view, world = self.host.view(self.release), look(self.host.sandbox)
        self._expect(view.run.state is RunState.SUCCEEDED, f"the release is {view.run.state}")
        self._expect(world.answers == VERSION and world.clean, f"{VERSION} runs: {world}")
        self._expect(world.revision == self._head(view), f"the database is at the head: {world}")
        self._expect(world.nodes == self.before.nodes, "all nodes are there")
        self._attempts(view)

    def _rolled_back(self, options: RollbackOptions) -> None:
        release, world = self.host.view(self.release), look(self.host.sandbox)
        self._expect(release.run.state is RunState.ROLLED_BACK, f"the release is {release.run.state}")
        stands = (world.commit, world.clean, world.revision, world.nodes, world.answers)
        stood = (self.before.commit, True, self.before.revision, self.before.nodes, self.before.answers)
        self._expect(stands == stood, f"what stood before stands again: {world}")
        left = [c for c in release.changes if c.kind != "backup" and c.state is not ChangeState.UNDONE]
        self._expect(not left, f"all that it changed is undone: {left}")
        self._attempts(self._sure())

    def _attempts(self, view: RunView) -> None:
        """No step ran twice unasked, and none is left in the air."""
        for step in view.steps:
            # A runner that is killed between the journaled answer and its reply has been asked all the same.
            heard = 1 + self.retries.get((view.run.id, step.id), 0)
            asked = 1 + sum((d.step, d.answer) == (step.id, Answer.RETRY) for d in view.decisions)
            number = len(step.attempts)
            self._expect(heard <= number <= asked, f"{step.id}: {number} attempts, {heard} to {asked} were asked for")
            self._expect(step.state is StepState.SUCCEEDED, f"{step.id} is {step.state}")
        for change in view.changes:
            self._expect(change.state is not ChangeState.INTENDED, f"nobody knows what became of {change}")

    def _expect(self, so: bool, what: str) -> None:
        if not so:
            self.contradictions.append(what)

    # -- reading ------------------------------------------------------------------------------------------------

    def _latest(self) -> RunView | None:
        if not self.host.places.journal.exists():
            return None
        history = History(self.host.places.journal)
        try:
            runs = history.runs(limit=1)
            return history.run(runs[0].id) if runs else None
        finally:
            history.close()

    def _sure(self) -> RunView:
        view = self._latest()
        assert view is not None
        return view

    def _view_of_release(self) -> RunView | None:
        view = self._latest()
        return self.host.view(view.run.of_run) if view is not None and view.run.of_run else view

    async def _lock_free(self) -> None:
        deadline = time.monotonic() + 10.0
        while find_holder(self.host.places) is not None:
            assert time.monotonic() < deadline, "the lock is not free"
            await asyncio.sleep(0.01)

    def _log(self, view: RunView, step: str) -> str:
        return "\n".join(self.host.lines(view.run.id, step)[-30:]) if view.step(step).attempts else ""
