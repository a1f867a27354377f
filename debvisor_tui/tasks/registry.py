"""Which task does a step's work on this target, and how long it may take; a task's module is imported when needed."""

import importlib
from typing import cast

from debvisor_tui.config.settings import Settings
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.playbook import UNDO, RunKind, StepSpec, undo_spec
from debvisor_tui.tasks.base import Task


def spec_of(kind: RunKind, step: str, settings: Settings) -> StepSpec:
    """What there is to say of `step`; WorkFailed if the playbook of this target has no such step."""
    try:
        return settings.playbook.spec(kind, step)
    except KeyError:
        if kind is RunKind.ROLLBACK and step.startswith(UNDO):  # the config has lost it; what it did stands
            return undo_spec(step.removeprefix(UNDO), step.removeprefix(UNDO))
        raise WorkFailed(
            f"The playbook of this target has no step {step}",
            "If it was an [[extra_step]], put it back into the config, and retry; or skip it.",
        ) from None


def task_for(kind: RunKind, step: str, settings: Settings) -> Task:
    """The task of `step` in a run of `kind`, as the config has it. WorkFailed if there is no such step."""
    module, _, name = spec_of(kind, step, settings).task.partition(":")
    made = getattr(importlib.import_module(f"debvisor_tui.tasks.{module}"), name)
    if module == "extra":
        return cast(Task, made(step))
    task = cast(Task, made())
    override = settings.step(step)
    if not (override.manual or override.command or override.before or override.after):
        return task
    from debvisor_tui.tasks.override import CommandTask, ManualTask, WrappedTask

    if override.manual:
        task = ManualTask(step, task)
    elif override.command:
        task = CommandTask(step, override.command, task)
    if override.before or override.after:
        task = WrappedTask(step, task, override.before, override.after)
    return task


def time_limit(kind: RunKind, step: str, settings: Settings) -> float:
    """Seconds that `step` may take without the operator's say.

    Health and the monitor end by themselves, sooner: theirs is for what hangs.
    """
    spec = spec_of(kind, step, settings)
    override = settings.step(spec.limit_of or step).timeout
    if override:
        return override
    match step:
        case "health":
            return settings.health.timeout + 60.0
        case "monitor":  # the operator may extend it, by days if need be
            return settings.monitor.duration + 7 * 86_400.0
    return spec.limit or 600.0


def limit_key(kind: RunKind, step: str, settings: Settings) -> str:
    """The key of the config that sets the limit of `step`."""
    named = spec_of(kind, step, settings).limit_of or step
    return f"the timeout of [[extra_step]] {named}" if settings.own_step(named) else f"[steps.{named}] timeout"
