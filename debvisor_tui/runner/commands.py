"""The runner's desk: where gates are asked, the operator's answers come in, and refusals say why."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from debvisor_tui.model.errors import Refused
from debvisor_tui.model.gates import NEEDS_REASON, Answer, Gate
from debvisor_tui.model.people import Person
from debvisor_tui.model.rollback import RollbackOptions
from debvisor_tui.model.text import one_line
from debvisor_tui.runner.protocol import Message
from debvisor_tui.tasks.base import Reply, StepCommand


@dataclass(frozen=True, slots=True)
class RollBack:
    """The operator wants the way back, with these options."""

    options: RollbackOptions
    who: Person


@dataclass(frozen=True, slots=True)
class EndRun:
    """The operator ends the run here."""

    who: Person
    reason: str


#: What ends the step loop early.
Exit = RollBack | EndRun


class RunLeft(Exception):
    """Raised out of a gate that a task asked for, when the operator's answer ends the run or rolls it back."""

    def __init__(self, exit_: Exit) -> None:
        super().__init__(type(exit_).__name__)
        self.exit = exit_


@dataclass(slots=True)
class StepUnderWay:
    """The attempt that runs now: what cancels it, and what it hears."""

    step: str
    task: "asyncio.Task[Any]"
    inbox: "asyncio.Queue[StepCommand]"
    accepts: frozenset[str]
    cancelled_by: Person | None = None

    def cancel(self, who: Person) -> bool:
        """End it, once: a second cancellation would break the first one's cleaning up. False: it has ended."""
        if self.cancelled_by is None and not self.task.done():
            self.cancelled_by = who
            self.task.cancel()
        return self.cancelled_by is not None


#: Journals a decision: (step, who, answer, reason).
Journaled = Callable[[str, Person, str, str], Awaitable[None]]
#: Sees whether the way back may be taken with these options; raises Refused if not.
Check = Callable[[RollbackOptions], Awaitable[None]]


class CommandHandler:
    """Takes commands for the run that goes on now; every accepted one is journaled before it takes effect."""

    def __init__(self, decide: Journaled, check: Check, publish: Callable[[Message], None]) -> None:
        self._decide = decide
        self._check = check
        self._publish = publish
        self._gate: Gate | None = None
        self._answer: asyncio.Future[tuple[Reply, Mapping[str, Any]]] | None = None
        self._taking = asyncio.Lock()
        self.running: StepUnderWay | None = None
        self._exit: Exit | None = None
        self.progress: Message | None = None

    def tell(self, message: Message) -> None:
        if message["type"] == "progress":
            self.progress = message
        self._publish(message)

    async def wait(self, gate: Gate, opened: Awaitable[None]) -> tuple[Reply, Mapping[str, Any]]:
        """The operator's answer at `gate`, and its further arguments; waits for as long as it takes.

        `opened` journals the gate. Answers are taken from before that on: a client that has read of the gate in the
        journal may be quicker than this process.
        """
        self._gate, self._answer = gate, asyncio.get_running_loop().create_future()
        try:
            await opened
            return await self._answer
        finally:
            self._gate = self._answer = None

    def take_exit(self) -> Exit | None:
        """What the operator wants instead of going on, once."""
        exit_, self._exit = self._exit, None
        return exit_

    async def handle(self, who: Person, name: str, args: Mapping[str, Any]) -> None:
        """Carry out a command, or raise Refused with why not."""
        async with self._taking:
            match name:
                case "answer":
                    await self._handle_answer(who, args)
                case "cancel":
                    await self._handle_cancel(who)
                case "rollback":
                    await self._handle_rollback(who, args)
                case "extend" | "pass":
                    await self._handle_nudge(who, name, args)
                case _:
                    raise Refused(f"The runner does not know the command {one_line(name, 40)!r}.")

    async def _handle_answer(self, who: Person, args: Mapping[str, Any]) -> None:
        gate, future = self._gate, self._answer
        asked = args.get("gate")
        asked = asked if isinstance(asked, Mapping) else {}
        if gate is None or future is None or future.done():
            raise Refused("The run does not wait for an answer now.", "Look at the step again.")
        if (asked.get("kind"), asked.get("step")) != (gate.kind, gate.step):
            raise Refused("The run has gone on meanwhile: that question is not asked any more.")
        try:
            answer = Answer(str(args.get("answer")))
        except ValueError:
            raise Refused("That is no answer that the runner knows.") from None
        if answer not in gate.answers:
            possible = ", ".join(gate.answers)
            raise Refused(f"The answer {answer} is not possible here.", f"Possible: {possible}.")
        reason = one_line(str(args.get("reason") or ""))
        if answer in NEEDS_REASON and not reason:
            raise Refused(f"To {answer} a reason is needed; it is kept in the history.")
        if answer is Answer.ROLLBACK:
            await self._check(_options(args))
        await self._decide(gate.step, who, answer, reason)
        future.set_result((Reply(answer, who, time.time(), reason), args))

    async def _handle_cancel(self, who: Person) -> None:
        running = self.running
        if running is None:
            raise Refused("No step is running.", "At a gate, the run can be ended instead.")
        if self._gate is not None:
            raise Refused("The step waits for an answer; it is not working.", "Answer it, or end the run.")
        if running.cancelled_by is not None:
            raise Refused(f"{running.cancelled_by} has cancelled it already.", "What it runs is being ended.")
        await self._decide(running.step, who, "cancel", "")
        if not running.cancel(who):
            await self._decide(running.step, who, "cancel", "too late: the step had ended by itself")
            raise Refused("The step has ended by itself just now: nothing was cancelled.", "Look at how it ended.")

    async def _handle_rollback(self, who: Person, args: Mapping[str, Any]) -> None:
        options = _options(args)
        await self._check(options)
        asked = self._answer is not None and not self._answer.done()
        where = self._gate if asked else self.running
        if where is None:
            raise Refused("The run is between two steps.", "Try again at once.")
        await self._decide(where.step, who, Answer.ROLLBACK, "")
        # Looked at again: while that was journaled the step may have ended, and the next gate opened.
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((Reply(Answer.ROLLBACK, who, time.time()), args))
            return
        self._exit = RollBack(options, who)  # the engine asks for it wherever it is by then
        if self.running is not None:
            self.running.cancel(who)

    async def _handle_nudge(self, who: Person, name: str, args: Mapping[str, Any]) -> None:
        running = self.running
        if running is None or name not in running.accepts or self._gate is not None:
            raise Refused("Only a running monitor can be extended or passed early.")
        clean: dict[str, Any] = {}
        if name == "extend":
            try:
                clean["seconds"] = min(max(float(args.get("seconds", 300.0)), 1.0), 86_400.0)
            except (TypeError, ValueError, OverflowError):
                raise Refused("Extend by how many seconds?") from None
        else:
            clean["reason"] = one_line(str(args.get("reason") or ""))
            if not clean["reason"]:
                raise Refused("To pass early a reason is needed; it is kept in the history.")
        await self._decide(running.step, who, name, str(clean.get("reason") or clean.get("seconds")))
        if self.running is not running or self._gate is not None:
            await self._decide(running.step, who, name, "too late: it had come to its verdict")
            raise Refused("The watch has just come to its verdict.", "Look at it, and answer what it asks.")
        with contextlib.suppress(asyncio.QueueFull):
            running.inbox.put_nowait(StepCommand(name, who, clean))


def exit_of(reply: Reply, args: Mapping[str, Any]) -> Exit | None:
    """What ends the step loop in an answer, or None if the run goes on."""
    if reply.answer is Answer.ROLLBACK:
        return RollBack(_options(args), reply.who)
    if reply.answer is Answer.ABORT:
        return EndRun(reply.who, reply.reason)
    return None


def _options(args: Mapping[str, Any]) -> RollbackOptions:
    options = args.get("options")
    return RollbackOptions.from_json(options if isinstance(options, Mapping) else {})
