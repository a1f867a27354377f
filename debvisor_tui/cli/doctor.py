"""`debvisor-tui doctor`: whether a release could be made on this host now."""

import asyncio
from dataclasses import asdict

import typer

from debvisor_tui.cli.json_output import print_json
from debvisor_tui.cli.releases import Json
from debvisor_tui.cli.target import Choice
from debvisor_tui.model.checks import CheckState
from debvisor_tui.model.secrets_registry import scrub_all
from debvisor_tui.model.text import one_line
from debvisor_tui.model.wording import counted

MARKS = {CheckState.GOOD: "✓", CheckState.WARNING: "!", CheckState.BAD: "✗"}


def mount(app: typer.Typer) -> None:
    app.command("doctor")(doctor)


def doctor(context: typer.Context, as_json: Json = False) -> None:
    """Try every part of the config on this host, and change nothing; 1 if something would stop a release."""
    from debvisor_tui.runner.doctor import examine

    choice: Choice = context.obj
    settings = choice.settings()
    settings.remember_secrets()
    checks = asyncio.run(examine(settings, choice.places(settings)))
    stop = sum(check.state is CheckState.BAD for check in checks)
    told = scrub_all([asdict(check) for check in checks])  # found in the world: it may say anything
    if as_json:
        print_json({"target": settings.name, "ok": not stop, "checks": told})
    else:
        for check in told:
            print(f"{MARKS[check['state']]} {check['part']:10}  {one_line(check['text'])}")
            if check["fix"]:
                print(f"  {'':10}  → {one_line(check['fix'])}")
        said = f"{stop} of them would stop a release" if stop else "nothing was found that would stop a release"
        print(f"{settings.name}: {counted(len(checks), 'check')}, {said}")
    if stop:
        raise typer.Exit(1)
