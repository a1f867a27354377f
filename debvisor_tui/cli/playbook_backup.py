"""`debvisor-cli backup create|list|verify|restore`."""

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from debvisor_tui.cli.error_handling import say
from debvisor_tui.cli.json_output import print_json
from debvisor_tui.cli.playbook_work import JsonOption, TagOption, alone, settings_of, standing_of, typed, work
from debvisor_tui.model.times import full_time

if TYPE_CHECKING:
    from debvisor_tui.config.settings import Settings
    from debvisor_tui.tasks.backup_catalog import Backup
    from debvisor_tui.tasks.cli_context import StandaloneContext

app = typer.Typer(
    name="backup",
    help="Take, list, verify and restore backups of the database.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


class BackupType(StrEnum):
    FULL = "full"


@app.command()
def create(
    context: typer.Context,
    tag: TagOption,
    kind: Annotated[BackupType, typer.Option("--type", help="Only full backups so far.")] = BackupType.FULL,
    as_json: JsonOption = False,
) -> None:
    """Copy the whole database while the service runs, and read the copy back."""
    from debvisor_tui.tasks.backup import create_backup

    settings = settings_of(context)
    made = work(settings, "backup", lambda ctx: create_backup(ctx, tag), standing_of(context, settings))
    if as_json:
        print_json(made.to_json())
    else:
        print(_line(made))


@app.command("list")
def list_all(context: typer.Context, as_json: JsonOption = False) -> None:
    """All backups of the target, newest first; those that were broken off are marked."""
    from debvisor_tui.adapters.databases import open_target
    from debvisor_tui.tasks.backup_catalog import list_backups

    settings = settings_of(context)
    backups = list_backups(settings.backup.dir, settings.name, open_target(settings).suffix)
    if as_json:
        print_json([backup.to_json() for backup in backups])
        return
    for backup in backups:
        print(_line(backup))
    if not backups:
        say(f"There is no backup of {settings.name} in {settings.backup.dir}.")


@app.command()
def verify(context: typer.Context, tag: TagOption, as_json: JsonOption = False) -> None:
    """Read the newest backup of that tag back whole: its checksum, its integrity, its rows."""
    from debvisor_tui.tasks.restore_backup import find_backup, verify_backup

    settings = settings_of(context)
    backup = find_backup(settings, tag)
    work(settings, "verify", lambda ctx: verify_backup(ctx, backup))
    if as_json:
        print_json({"ok": True, **backup.to_json()})
    else:
        print(f"ok  {_line(backup)}")


@app.command()
def restore(
    context: typer.Context,
    tag: TagOption,
    yes: Annotated[bool, typer.Option("--yes", help="Agree to the loss beforehand; no question is asked.")] = False,
) -> None:
    """Put the newest backup of that tag in the database's place. What was written since is lost."""
    from debvisor_tui.tasks.restore_backup import find_backup, restore_backup

    settings = settings_of(context)
    backup = find_backup(settings, tag)

    async def agree(_: "StandaloneContext") -> None:
        say(await _loss(settings, backup))
        if not yes:
            await _confirm(settings)

    async def do(ctx: "StandaloneContext") -> str:
        return await restore_backup(ctx, backup)

    work(settings, "restore-backup", agree)  # before the lock is taken: a person may take long
    with alone(context, settings, f"debvisor-cli backup restore --tag {backup.tag}"):
        print(work(settings, "restore-backup", do))


async def _loss(settings: "Settings", backup: "Backup") -> str:
    """What a restore would take away, in words."""
    from debvisor_tui.adapters.databases import opened
    from debvisor_tui.model.errors import WorkFailed

    text = (
        f"This puts the database of {settings.name} back to {_when(backup)} ({backup.tag}, "
        f"revision {backup.revision or 'none'}). Every row written since is lost."
    )
    try:
        now = await (await opened(settings)).contents()
    except WorkFailed as error:
        return f"{text}\nWhat is there now cannot be read: {error.what}."
    differ = [
        f"  {table}: {now.rows.get(table, 0)} rows now, {backup.rows.get(table, 0)} then"
        for table in sorted({*now.rows, *backup.rows})
        if now.rows.get(table) != backup.rows.get(table)
    ]
    return "\n".join([text, *(differ or ["  (each table has as many rows now as then)"])])


async def _confirm(settings: "Settings") -> None:
    from debvisor_tui.model.errors import UsageError, WorkFailed

    if not sys.stdin.isatty():
        raise UsageError(
            "A restore needs a person to agree, and this is no terminal", "Run it in a terminal, or agree with --yes."
        )
    if await typed(f"Type the target's name ({settings.name}) to restore: ") != settings.name:
        raise WorkFailed("That is not the target's name. Nothing was changed.")


def _line(backup: "Backup") -> str:
    from debvisor_tui.model.wording import format_bytes

    state = f"NOT USABLE: {backup.problem}" if backup.problem else f"revision {backup.revision or 'none'}"
    return f"{_when(backup)}  {format_bytes(backup.bytes):>9}  {backup.tag}  {state}  {backup.path}"


def _when(backup: "Backup") -> str:
    return full_time(backup.created)
