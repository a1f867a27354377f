"""`debvisor-tui config init|check|show|schema`: make a config, prove it, and see what it comes to."""

import json
from pathlib import Path
from typing import Annotated

import typer

from debvisor_tui.config.discovery import HERE, NAME_RULE, is_name, target_path
from debvisor_tui.model.errors import ConfigError, UsageError
from debvisor_tui.model.text import one_line

app = typer.Typer(
    name="config",
    help="Make, check and show a target's config.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

ConfigOption = Annotated[Path | None, typer.Option("--config", help="The target's config file.", show_default=False)]
TargetOption = Annotated[str | None, typer.Option("--target", help="The target's name.", show_default=False)]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


def _named(ctx: typer.Context, config: Path | None, target: str | None) -> tuple[Path | None, str | None]:
    """What the command names, else what stands before the command (`debvisor-tui --config FILE config check`)."""
    if config is not None or target is not None:
        return config, target
    above = ctx.find_root().params
    path, name = above.get("config"), above.get("target")
    return (Path(path) if path is not None else None), (str(name) if name is not None else None)


@app.command()
def init(
    ctx: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="Where to write it; default: ./debvisor.toml.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="The target's name; default: the file's.")] = None,
    platform: Annotated[
        str | None, typer.Option("--platform", help="How the service runs: process (the default) or systemd.")
    ] = None,
) -> None:
    """Write a config with every key explained, to be changed to what is true of your target."""
    from debvisor_tui.config.template import write_template

    config, target = _named(ctx, None, None)
    path = file or config or (target_path(target) if target else HERE)
    path = path.expanduser().absolute()
    stem = path.parent.name if path.name == HERE.name else path.stem
    write_template(path, _as_name(name or target or stem, given=name is not None), platform)
    typer.echo(path)
    typer.echo(
        f"Now change it to what is true of your target, then: debvisor-tui --config {path} config check", err=True
    )


def _as_name(name: str, *, given: bool) -> str:
    if is_name(name):
        return name
    if given:
        raise UsageError(f"{one_line(name, 80)!r} cannot be a target's name", NAME_RULE)
    return "my-target"


@app.command()
def check(
    ctx: typer.Context, config: ConfigOption = None, target: TargetOption = None, as_json: JsonOption = False
) -> None:
    """Say "ok", or every mistake with its place; exit code 2 if there is one."""
    from debvisor_tui.config.load import load_settings

    try:
        settings = load_settings(*_named(ctx, config, target))
    except ConfigError as error:
        if as_json:
            problems = [{"place": p.place, "what": p.what} for p in error.problems]
            typer.echo(json.dumps({"path": error.path, "ok": False, "problems": problems, "warnings": []}))
            raise typer.Exit(error.exit_code) from None
        raise
    if as_json:
        found = {"path": str(settings.path), "ok": True, "problems": [], "warnings": list(settings.warnings)}
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    for warning in settings.warnings:
        typer.echo(f"warning: {warning}", err=True)
    typer.echo(f"ok: {settings.path}")


@app.command()
def show(
    ctx: typer.Context, config: ConfigOption = None, target: TargetOption = None, as_json: JsonOption = False
) -> None:
    """Print the settings as they count, with the defaults filled in; of secrets only where they come from."""
    from debvisor_tui.config.load import load_settings
    from debvisor_tui.config.show import as_toml, effective

    settings = load_settings(*_named(ctx, config, target))
    if as_json:
        typer.echo(json.dumps({"path": str(settings.path), **effective(settings)}, ensure_ascii=False))
    else:
        typer.echo(as_toml(settings), nl=False)


@app.command()
def schema() -> None:
    """Print the JSON schema of the config file, for editors that complete and check TOML."""
    from debvisor_tui.config.show import schema as json_schema

    typer.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
