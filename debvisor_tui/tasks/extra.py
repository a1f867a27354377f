"""Steps of a config's own: a command, perhaps with one that undoes it, and one that tells whether it is done."""

import asyncio

from debvisor_tui.config.settings import ExtraStep, Settings
from debvisor_tui.model.changes import ChangeKind
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.findings import Finding, Found
from debvisor_tui.model.playbook import UNDO, undo_place
from debvisor_tui.model.text import REDACTED, Redactor, clean
from debvisor_tui.system.failures import command_name, shown
from debvisor_tui.tasks.base import Job, StepContext
from debvisor_tui.tasks.override import execute_own

CHECK_LIMIT = 30.0  # seconds


class ExtraTask:
    accepts: frozenset[str] = frozenset()

    def __init__(self, step: str) -> None:
        self._id = step

    def commands(self, settings: Settings, job: Job) -> tuple[str, ...]:
        return (shown(self._step(settings).command),)

    async def run(self, ctx: StepContext) -> str:
        extra = self._step(ctx.settings)
        if extra.undo is None:
            await execute_own(ctx, extra.command)
        else:
            step = extra.step
            before = {
                "undo": list(extra.undo),
                "shown": shown(extra.undo),
                "place": undo_place(step.anchor, step.after),
            }
            async with ctx.change(ChangeKind.OWN, step.title, before) as change:
                await execute_own(ctx, extra.command)
                change.after["done"] = True
        return f"{command_name(extra.command)} ended well"

    async def inspect(self, ctx: StepContext) -> Finding:
        extra = self._step(ctx.settings)
        if extra.check is None:
            return Finding(
                Found.UNKNOWN, f"{command_name(extra.command)} has no check of its own to tell what it did"
            )
        name = command_name(extra.check)
        try:
            done = await execute_own(ctx, extra.check, check=False, limit=CHECK_LIMIT)
        except TimeoutError:
            return Finding(Found.UNKNOWN, f"{name} gave no answer within {CHECK_LIMIT:.0f} s")
        match done.exit_code:
            case 0:
                return Finding(Found.DONE, f"{name} says that it is done", {"done": True})
            case 1:
                return Finding(Found.NOT_DONE, f"{name} says that it is not done", {"done": False})
        return Finding(
            Found.UNKNOWN, f"{name} ended with {done.exit_code}, which is neither 0 (done) nor 1 (not done)"
        )

    def _step(self, settings: Settings) -> ExtraStep:
        found = settings.own_step(self._id)
        if found is None:
            raise WorkFailed(
                f"The config has no step {self._id} any more",
                "Put its [[extra_step]] back, and retry; or skip it.",
            )
        return found


class UndoTask:
    """By what was recorded when the step ran: its job's facts are {"undo": argv, "title"}."""

    accepts: frozenset[str] = frozenset()

    def __init__(self, step: str) -> None:
        self._id = step.removeprefix(UNDO)

    def commands(self, settings: Settings, job: Job) -> tuple[str, ...]:
        argv = [str(word) for word in job.facts.get("undo", ())]
        return (shown(argv),) if argv else ()

    async def run(self, ctx: StepContext) -> str:
        argv = await self._exact(ctx, [str(word) for word in ctx.job.facts["undo"]])
        await execute_own(ctx, argv)
        return f"{command_name(argv)} ended well"

    async def _exact(self, ctx: StepContext, recorded: list[str]) -> list[str]:
        """The command itself: the journal holds no secret, so one that had a secret in it is the config's to tell."""
        extra = ctx.settings.own_step(self._id)
        if extra is not None and extra.undo is not None:
            redact = Redactor(await asyncio.to_thread(ctx.settings.secrets))
            if [clean(word, redact) for word in extra.undo] == recorded:
                return list(extra.undo)
        if any(REDACTED in word for word in recorded):
            raise WorkFailed(
                f"What undoes {self._id} held a secret, which is not kept, and the config has another command now",
                f"Run it by hand ({shown(recorded)}, with the secret in it), then skip this step.",
            )
        return recorded

    async def inspect(self, ctx: StepContext) -> Finding:
        """By the check of the step that is undone, if the config still has it."""
        extra = ctx.settings.own_step(self._id)
        if extra is None or extra.check is None:
            return Finding(Found.UNKNOWN, f"nothing tells whether {self._id} was undone")
        try:
            done = await execute_own(ctx, extra.check, check=False, limit=CHECK_LIMIT)
        except TimeoutError:
            return Finding(Found.UNKNOWN, f"{command_name(extra.check)} gave no answer within {CHECK_LIMIT:.0f} s")
        match done.exit_code:
            case 1:
                return Finding(Found.DONE, f"{command_name(extra.check)} says that it is undone")
            case 0:
                return Finding(Found.NOT_DONE, f"{command_name(extra.check)} says that it still holds")
        return Finding(Found.UNKNOWN, f"{command_name(extra.check)} ended with {done.exit_code}")
