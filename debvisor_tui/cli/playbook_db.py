"""`debvisor-cli db check|upgrade|downgrade|current|history`: the migrations of the code that is in place."""

import re
from typing import TYPE_CHECKING, Annotated

import typer

from debvisor_tui.cli.error_handling import say
from debvisor_tui.cli.json_output import print_json
from debvisor_tui.cli.playbook_work import JsonOption, alone, settings_of, work

if TYPE_CHECKING:
    from debvisor_tui.adapters.migrations.alembic import Pending
    from debvisor_tui.model.trial import Trial
    from debvisor_tui.tasks.cli_context import StandaloneContext

app = typer.Typer(
    name="db",
    help="Look at the database's migrations, and move it up or down.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


TrialOption = Annotated[
    bool, typer.Option("--trial/--no-trial", help="Try them on a copy: up, down again, and up once more.")
]


@app.command()
def check(context: typer.Context, as_json: JsonOption = False, trial_wanted: TrialOption = True) -> None:
    """What an upgrade with the code in place would do: read, and tried on a copy. Nothing is changed."""
    from debvisor_tui.model.migration_answers import answers, describe
    from debvisor_tui.tasks.data_loss import count_losses
    from debvisor_tui.tasks.migration_check import drops_on_the_way_up, summary, summary_of, warn

    settings = settings_of(context)
    found, trial = work(settings, "db-check", lambda ctx: _checked(ctx, with_trial=trial_wanted))
    drops = drops_on_the_way_up(found.migrations)
    losses = work(settings, "db-check", lambda ctx: count_losses(settings, drops))
    danger = warn(found.migrations, losses, trial)
    if as_json:
        print_json(
            {
                **found.to_json(),
                "destructive": [m.revision for m in found.migrations if m.destructive],
                "irreversible": [m.revision for m in found.migrations if m.irreversible],
                "losses": losses,
                "answers": {m.revision: [a.to_json() for a in answers(m, trial)] for m in found.migrations},
                "trial": trial.to_json() if trial else None,
            }
        )
        return
    print(summary(found, trial))
    if trial is not None:
        print(summary_of(trial))
    for migration in found.migrations:
        print("\n".join(describe(migration, trial)))
    if danger is not None:
        print(f"\nDANGER\n{danger.danger}")


async def _checked(ctx: "StandaloneContext", *, with_trial: bool) -> "tuple[Pending, Trial | None]":
    """What the code in place would apply, and what comes of trying it on a copy of the database."""
    from debvisor_tui.adapters.migrations.alembic import pending
    from debvisor_tui.adapters.sources import open_source
    from debvisor_tui.tasks.migration_check import tried

    async with open_source(ctx.settings).code() as code:
        found = await pending(ctx.settings, ctx.execute, code)
        return found, await tried(ctx, found, code, None) if with_trial else None


@app.command()
def upgrade(context: typer.Context, trial_wanted: TrialOption = True) -> None:
    """Apply every pending migration of the code in place, once it has been tried on a copy."""
    from debvisor_tui.tasks.cli_context import StandaloneContext
    from debvisor_tui.tasks.data_loss import count_losses
    from debvisor_tui.tasks.migration_check import drops_on_the_way_up, require_tried, summary_of, warn
    from debvisor_tui.tasks.upgrade import upgrade_to_head

    settings = settings_of(context)

    async def do(ctx: StandaloneContext) -> str:
        found, trial = await _checked(ctx, with_trial=trial_wanted)
        if trial is not None:
            say(summary_of(trial))
            require_tried(trial)
        losses = await count_losses(settings, drops_on_the_way_up(found.migrations))
        if danger := warn(found.migrations, losses, trial):
            say(f"DANGER\n{danger.danger}")
        return await upgrade_to_head(ctx, found, trial)

    with alone(context, settings, "debvisor-cli db upgrade"):
        print(work(settings, "upgrade", do))


@app.command(context_settings={"ignore_unknown_options": True})  # "-1" is a place to go to, not an option
def downgrade(
    context: typer.Context,
    targets: Annotated[
        list[str],
        typer.Argument(metavar="-N|REVISION…|base", help="How far: -1, base, or the heads it stands at then."),
    ],
) -> None:
    """Go down with the code in place, which must still know the way."""
    from debvisor_tui.adapters.migrations.alembic import current_revision
    from debvisor_tui.model.errors import UsageError
    from debvisor_tui.model.text import one_line
    from debvisor_tui.model.wording import counted
    from debvisor_tui.tasks.cli_context import StandaloneContext
    from debvisor_tui.tasks.revert_database import move_down

    for target in targets:
        if not re.fullmatch(r"[A-Za-z0-9_]{1,64}" + (r"|-[1-9]\d{0,3}" if len(targets) == 1 else ""), target):
            what = f"{one_line(target, 80)!r} is no place to go down to"
            raise UsageError(what, "Expected -1, base, or one or more revisions.")
    target = ", ".join(targets)
    settings = settings_of(context)

    async def do(ctx: StandaloneContext) -> str:
        current = await current_revision(settings, ctx.execute)
        moved = await move_down(ctx, current, target)
        if moved.before == moved.after:
            return f"nothing to undo: the database is at {moved.after or 'base'}"
        return f"down {counted(len(moved.applied), 'revision')}, {moved.before or 'base'} → {moved.after or 'base'}"

    with alone(context, settings, f"debvisor-cli db downgrade {target}"):
        print(work(settings, "revert-database", do))


@app.command()
def current(context: typer.Context) -> None:
    """The revision that the database stands at; "base" before the first."""
    from debvisor_tui.adapters.migrations.alembic import current_revision

    settings = settings_of(context)
    print(work(settings, "db-current", lambda ctx: current_revision(settings, ctx.execute)) or "base")


@app.command("history")
def history_(context: typer.Context, as_json: JsonOption = False) -> None:
    """Every revision that the code in place knows, oldest first; where the database stands is marked."""
    from dataclasses import asdict

    from debvisor_tui.adapters.migrations.alembic import history

    settings = settings_of(context)
    revisions = work(settings, "db-history", lambda ctx: history(settings, ctx.execute))
    if as_json:
        print_json([asdict(revision) for revision in revisions])
        return
    for r in revisions:
        marks = [mark for mark, there in (("current", r.current), ("head", r.head)) if there]
        print(f"{r.revision}  {r.message}" + (f"  ({', '.join(marks)})" if marks else ""))
