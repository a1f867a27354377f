"""`debvisor-cli`: the playbook's own commands, each by itself, on a target's config."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from debvisor_tui.cli.error_handling import run_app
from debvisor_tui.cli.target import Choice

app = typer.Typer(
    name="debvisor-cli",
    help="The playbook's commands: backups, migrations, health and the smoke test of one target.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from debvisor_tui import __version__

        print(f"debvisor-cli {__version__}")
        raise typer.Exit


@app.callback()
def start(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option(help="The target's config file.", metavar="FILE")] = None,
    target: Annotated[str | None, typer.Option(help="The target's name, looked up in the config folders.")] = None,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    context.obj = Choice(config, target)


def _mount() -> None:
    from debvisor_tui.cli import playbook_backup, playbook_checks, playbook_db

    app.add_typer(playbook_backup.app, name="backup")
    app.add_typer(playbook_db.app, name="db")
    playbook_checks.mount(app)


_mount()


def main() -> NoReturn:
    run_app(app, "debvisor-cli")


if __name__ == "__main__":
    main()
