"""Where `debvisor-tui` begins: plainly started, it opens the TUI without the command line's own imports.

Those take as long as half a first paint. Whatever is more than a target goes to :mod:`.main`, which knows it all.
"""

import gc
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from debvisor_tui.cli.target import Choice

OPTIONS = ("--config", "--target", "--state-dir")


def plain(arguments: Sequence[str]) -> Choice | None:
    """The target that `arguments` name, if that is all they do; otherwise None."""
    given: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if not equals and rest:
            value = rest.pop(0)
        if name not in OPTIONS or name in given or not value or value.startswith("-"):
            return None
        given[name] = value
    config, state_dir = given.get("--config"), given.get("--state-dir")
    return Choice(
        config=Path(config) if config is not None else None,
        target=given.get("--target"),
        state_dir=Path(state_dir) if state_dir is not None else None,
    )


def main() -> NoReturn:
    gc.set_threshold(50_000)  # imports make many objects that all stay: looking through them costs a tenth
    choice = plain(sys.argv[1:])
    if choice is None:
        from debvisor_tui.cli.main import main as whole

        whole()
    try:
        from debvisor_tui.cli.tui import open_tui

        code = open_tui(choice)
    except (Exception, KeyboardInterrupt) as error:
        _fail(error)
    sys.exit(code)


def _fail(error: BaseException) -> NoReturn:
    """Errors end in one place; its imports are paid for only now."""
    import typer

    from debvisor_tui.cli.error_handling import run_app

    app = typer.Typer(add_completion=False)

    @app.callback(invoke_without_command=True, context_settings={"ignore_unknown_options": True})
    def again() -> None:
        raise error

    sys.argv[1:] = []
    run_app(app, "debvisor-tui")
