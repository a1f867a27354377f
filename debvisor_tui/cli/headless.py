"""A release without a terminal: prints the steps as they happen, answers what it may, and says where it stands."""

import asyncio
import sys
import time
from dataclasses import dataclass, field
from typing import TextIO

from debvisor_tui.model.durations import format_duration
from debvisor_tui.model.errors import Refused, RunnerGone
from debvisor_tui.model.events import EventKind
from debvisor_tui.model.gates import Answer, Gate, GateKind
from debvisor_tui.model.people import Person
from debvisor_tui.model.playbook import RunKind
from debvisor_tui.model.states import RunState, StepState
from debvisor_tui.model.times import local_time
from debvisor_tui.model.views import Event, RunView
from debvisor_tui.runner.client import RunnerClient
from debvisor_tui.runner.paths import TargetPaths
from debvisor_tui.store.history import History

LAST_LINES = 20  # of a failed step's log are printed
CONNECT_PATIENCE = 10.0  # seconds
ENDED_BY_ITSELF = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.ABORTED})
#: What it asks to be attested is a watch that came to no verdict: no option agrees to that beforehand.
VERDICT_STEP = "monitor"

EXIT_DONE, EXIT_FAILED, EXIT_ROLLED_BACK, EXIT_WAITING = 0, 1, 4, 5


@dataclass(frozen=True, slots=True)
class Policy:
    """What a headless client may answer by itself.

    `auto`: pass from step to step. `yes`: attest what is asked. `accept_data_loss`: agree to a stated danger.
    `roll_back_on_failure`: take the way back instead of waiting. `abort_at_gates`: end the run rather than leave it.
    """

    auto: bool = False
    yes: bool = False
    accept_data_loss: bool = False
    roll_back_on_failure: bool = False
    abort_at_gates: bool = False
    abort_reason: str = "nobody is there to decide"
    abort_code: int | None = None  # the exit code then; by default that of the gate


@dataclass(slots=True)
class Follower:
    """Follows a run, and the rollback that may come after it, to its end or to a gate that it may not pass."""

    places: TargetPaths
    person: Person
    policy: Policy
    out: TextIO = field(default_factory=lambda: sys.stdout)
    run: int = 0
    _seq: int = 0
    _ended_with: int | None = None
    _asked: int = 0  # the event that opened the newest gate
    _troubled: bool = False  # the run stands still, and takes no answers
    _troubles: int = 0  # how often it did so far
    _answered: int = 0  # the one that was answered: until the next opens, the journal may still show it

    async def follow(self, run: int) -> int:
        """The exit code of the contract."""
        self.run = run
        history = await asyncio.to_thread(History, self.places.journal)
        try:
            client = await self._connect()
            hearing = asyncio.create_task(self._follow(client, history))
            try:
                return await hearing
            finally:
                await client.close()
        except RunnerGone:
            return self._code_at_end(self._print_news(history))
        finally:
            history.close()

    async def _connect(self) -> RunnerClient:
        deadline = time.monotonic() + CONNECT_PATIENCE
        while True:
            try:
                client = await RunnerClient.connect(self.places, self.person)
            except RunnerGone:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.05)
            else:
                if client.welcome.notice:
                    self._say(client.welcome.notice)
                return client

    async def _follow(self, client: RunnerClient, history: History) -> int:
        woken = asyncio.Event()
        woken.set()
        gone = asyncio.Event()

        async def hear() -> None:
            async for message in client:
                match message["type"]:
                    case "run":
                        self._switch(int(message["run"]), history)
                    case "trouble":
                        self._hear_trouble(str(message["what"]), str(message["hint"]))
                woken.set()
            gone.set()
            woken.set()

        hearing = asyncio.create_task(hear())
        try:
            while True:
                await woken.wait()
                woken.clear()
                view = self._print_news(history)
                if gone.is_set():
                    return self._code_at_end(self._print_news(history))
                if view.run.kind is RunKind.RELEASE and view.run.state in ENDED_BY_ITSELF:
                    return self._code_at_end(view)  # nothing more will happen; the runner is only tidying up
                waits = view.run.state is RunState.WAITING and self._asked > self._answered
                if view.gate is not None and waits and not self._troubled:
                    code = await self._at_gate(client, view, view.gate)
                    if code is not None:
                        return code
        finally:
            hearing.cancel()

    def _hear_trouble(self, what: str, hint: str) -> None:
        if what:
            self._troubles += 1
            self._say(f"{what}\n{hint}")
        elif self._troubled:
            self._say("The run goes on.")
        self._troubled = bool(what)

    def _switch(self, run: int, history: History) -> None:
        if run != self.run:
            self._print_news(history)
            self.run, self._seq = run, 0

    # -- gates --------------------------------------------------------------------------------------------------

    async def _at_gate(self, client: RunnerClient, view: RunView, gate: Gate) -> int | None:
        """Answer the gate, or say that a person must: the exit code then."""
        policy = self.policy
        # One rollback a release: a failed one is never answered by the next.
        rolls_back = policy.roll_back_on_failure and view.run.kind is RunKind.RELEASE
        match gate.kind:
            case GateKind.READY if policy.auto:
                return await self._answer(client, gate, Answer.RUN)
            case GateKind.ATTEST if policy.yes and gate.step != VERDICT_STEP:
                return await self._answer(client, gate, Answer.ATTEST, "attested on the command line (--yes)")
            case GateKind.ACKNOWLEDGE if policy.accept_data_loss:
                return await self._answer(client, gate, Answer.ACKNOWLEDGE, "agreed to on the command line")
            case GateKind.FAILED if rolls_back and await self._roll_back(client, gate):
                return None
        failed = gate.kind in {GateKind.FAILED, GateKind.CANCELLED, GateKind.INTERRUPTED}
        if failed and view.run.kind is RunKind.ROLLBACK:
            self._say(_where_it_stands(view))
        self._say(f"Run {self.run} waits: {gate.question}")
        for text in (gate.detail, gate.danger):
            if text:
                self._say(text)
        code = EXIT_FAILED if failed else EXIT_WAITING
        if policy.abort_at_gates:
            self._ended_with = code if policy.abort_code is None else policy.abort_code
            return await self._answer(client, gate, Answer.ABORT, policy.abort_reason)
        self._say(f"Decide: debvisor-tui attach {self.run}   or take the way back: debvisor-tui rollback {self.run}")
        return code

    async def _answer(
        self, client: RunnerClient, gate: Gate, answer: Answer, reason: str = "", options: object = None
    ) -> int | None:
        asked, troubles = self._asked, self._troubles
        args = {"answer": answer, "gate": _name(gate), "reason": reason, "options": options}
        try:
            await client.command("answer", patient=True, **args)
        except Refused:
            if self._troubles > troubles:  # that is why: asked again when the run goes on
                return None
            raise
        self._answered = asked
        return None

    async def _roll_back(self, client: RunnerClient, gate: Gate) -> bool:
        """Take the way back, as the plan has it; with the data loss that it states only if that was agreed to."""
        why_not = ""
        for database in (None, True) if self.policy.accept_data_loss else (None,):
            try:
                await self._answer(client, gate, Answer.ROLLBACK, options={"database": database})
            except Refused as refused:
                why_not = refused.what
            else:
                return True
        self._say(f"No rollback: {why_not}")
        return False

    # -- printing -----------------------------------------------------------------------------------------------

    def _print_news(self, history: History) -> RunView:
        for event in history.events(self.run, self._seq):
            self._seq = event.seq
            self._print_event(event, history)
        view = history.run(self.run)
        assert view is not None  # noqa: S101 - it was started
        return view

    def _print_event(self, event: Event, history: History) -> None:
        data = event.data
        match event.kind:
            case EventKind.RUN_CREATED:
                self._line(event, f"run {event.run}: {data['kind']} {data['from']} → {data['to']} by {data['by']}")
            case EventKind.GATE:
                self._asked = event.seq
            case EventKind.STEP_STATE:
                self._print_step(event, history)
            case EventKind.EVIDENCE if data["name"] not in {"probe", "request", "attested"}:
                self._line(event, f"    {data['text']}")
            case EventKind.RUN_STATE if data["to"] not in {RunState.RUNNING, RunState.WAITING}:
                reason = f" ({data['reason']})" if data.get("reason") else ""
                self._line(event, f"run {event.run}: {data['to']}{reason}")
            case EventKind.DECISION:
                reason = f": {data['reason']}" if data["reason"] else ""
                if data["answer"] != Answer.RUN:
                    self._line(event, f"    {data['who']}: {data['answer']}{reason}")

    def _print_step(self, event: Event, history: History) -> None:
        state = event.data["to"]
        seconds = event.data.get("seconds")
        if state == StepState.RUNNING:
            self._line(event, f"▶ {event.step}")
            return
        took = f" in {format_duration(seconds)}" if seconds is not None else ""
        mark = {"succeeded": "✓", "failed": "✗", "cancelled": "⊘", "skipped": "↷"}.get(state, "!")
        error = f": {event.data['error']}" if event.data.get("error") else ""
        self._line(event, f"{mark} {event.step} {state}{took}{error}")
        if state == StepState.FAILED:
            self._print_log_end(event, history)

    def _print_log_end(self, event: Event, history: History) -> None:
        view = history.run(event.run)
        attempt = view.step(event.step).attempt if view else None
        if attempt is None or not attempt.lines:
            return
        for line in history.lines(attempt.id, max(attempt.lines - LAST_LINES + 1, 1), attempt.lines):
            self._line(event, f"    | {line.text}")
        if attempt.hint:
            self._line(event, f"    {attempt.hint}")

    def _line(self, event: Event, text: str) -> None:
        print(f"{local_time(event.at)} {text}", file=self.out, flush=True)

    def _say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    # -- the end ------------------------------------------------------------------------------------------------

    def _code_at_end(self, view: RunView) -> int:
        state = view.run.state
        if self._ended_with is not None:
            return self._ended_with
        if view.run.kind is RunKind.ROLLBACK and state is RunState.SUCCEEDED:
            return EXIT_ROLLED_BACK
        if state is RunState.SUCCEEDED:
            return EXIT_DONE
        if state not in {RunState.FAILED, RunState.ABORTED, RunState.ROLLED_BACK, RunState.ROLLBACK_FAILED}:
            self._say(
                f"The runner of run {self.run} is gone; the run stands where the journal says.\n"
                f"Go on with it: debvisor-tui attach {self.run}"
            )
        return EXIT_FAILED


def _where_it_stands(view: RunView) -> str:
    """What a rollback that has stopped has done, and what it has not."""
    done = [step.title for step in view.steps if step.state is StepState.SUCCEEDED]
    left = [step.title for step in view.steps if step.state is not StepState.SUCCEEDED]
    return (
        f"The rollback from {view.run.from_version} to {view.run.to_version} (run {view.run.id}) has stopped. "
        f"Done: {', '.join(done) or 'nothing'}. Not done: {', '.join(left)}."
    )


def _name(gate: Gate) -> dict[str, str]:
    return {"kind": gate.kind, "step": gate.step}
