"""`debvisor-cli health live|ready` and `debvisor-cli smoke`."""

from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from debvisor_tui.cli.json_output import print_json
from debvisor_tui.cli.playbook_work import JsonOption, settings_of, work


class ProbeName(StrEnum):
    LIVE = "live"
    READY = "ready"


def mount(app: typer.Typer) -> None:
    app.command()(health)
    app.command()(smoke)


def health(
    context: typer.Context,
    name: Annotated[ProbeName, typer.Argument(help="Which of the two.")],
    as_json: JsonOption = False,
) -> None:
    """Probe the service once; exit code 1 if it is not well."""
    from debvisor_tui.tasks.health import probe

    settings = settings_of(context)
    found = work(settings, "health", lambda ctx: probe(settings, str(name)))
    if as_json:
        print_json(asdict(found))
    else:
        print(f"{found.name}: {found.text}")
    raise typer.Exit(0 if found.ok else 1)


def smoke(context: typer.Context) -> None:
    """Log in to the panel and look at the dashboard, as a person would."""
    from debvisor_tui.tasks.smoke import SmokeTask

    print(work(settings_of(context), "smoke", SmokeTask().run))
