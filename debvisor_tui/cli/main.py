"""`debvisor-tui`: the terminal interface, and everything that it does without one."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from debvisor_tui.cli.error_handling import run_app
from debvisor_tui.cli.target import Choice

app = typer.Typer(
    name="debvisor-tui",
    help="The release playbook of a Debvisor host: a guided release, a 15-minute watch, and a one-key way back.",
    add_completion=False,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from debvisor_tui import __version__

        print(f"debvisor-tui {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option(help="The target's config file.", metavar="FILE")] = None,
    target: Annotated[str | None, typer.Option(help="The target's name, looked up in the config folders.")] = None,
    state_dir: Annotated[Path | None, typer.Option(help="Where journals lie.", metavar="DIR")] = None,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Without a command: the terminal interface."""
    choice = Choice(config, target, state_dir)
    context.obj = choice
    if context.invoked_subcommand is None:
        from debvisor_tui.cli.tui import open_tui

        raise typer.Exit(open_tui(choice))


def _mount() -> None:
    """The commands, in the order in which --help shows them; each module holds a few, and imports late."""
    from debvisor_tui.cli import config_commands, demo, doctor, history, releases

    demo.mount(app)
    releases.mount(app)
    history.mount(app)
    doctor.mount(app)
    app.add_typer(config_commands.app, name="config")


def main() -> NoReturn:
    _mount()
    run_app(app, "debvisor-tui")


if __name__ == "__main__":
    main()
