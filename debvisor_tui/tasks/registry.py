"""Which task does a step's work on this target; a task's module is imported when it is first needed."""

import importlib
from typing import Final, cast

from debvisor_tui.config.settings import Settings
from debvisor_tui.model.playbook import RunKind, spec
from debvisor_tui.tasks.base import Task

_TASKS: Final = {
    "review": ("review", "ReviewTask"),
    "ci": ("ci", "CiTask"),
    "backup": ("backup", "BackupTask"),
    "migration-check": ("migration_check", "MigrationCheckTask"),
    "pull": ("pull", "PullTask"),
    "upgrade": ("upgrade", "UpgradeTask"),
    "restart": ("restart", "RestartTask"),
    "health": ("health", "HealthTask"),
    "smoke": ("smoke", "SmokeTask"),
    "monitor": ("monitor", "MonitorTask"),
    "revert-database": ("revert_database", "RevertDatabaseTask"),
    "revert-release": ("revert_release", "RevertReleaseTask"),
    "restore-backup": ("restore_backup", "RestoreBackupTask"),
}


def task_for(kind: RunKind, step_id: str, settings: Settings) -> Task:
    """The task of step `step_id` in a run of `kind`, as the config has it. KeyError if there is no such step."""
    known = spec(kind, step_id)
    module, name = _TASKS[known.id]
    task = cast(Task, getattr(importlib.import_module(f"debvisor_tui.tasks.{module}"), name)())
    override = settings.step(known.id)
    if not (override.manual or override.command or override.before or override.after):
        return task
    from debvisor_tui.tasks.override import CommandTask, ManualTask, WrappedTask

    if override.manual:
        task = ManualTask(known.id, task)
    elif override.command:
        task = CommandTask(known.id, override.command, task)
    if override.before or override.after:
        task = WrappedTask(known.id, task, override.before, override.after)
    return task
