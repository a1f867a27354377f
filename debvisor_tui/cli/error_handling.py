"""Where errors end: what an operator sees of any failure is a sentence and an exit code, never a traceback."""

import io
import os
import sys
import tempfile
import traceback
from typing import Any, Final, NoReturn

import typer

from debvisor_tui.model.errors import DebvisorError
from debvisor_tui.model.secrets_registry import scrub

INTERRUPTED = 130

#: What a wrong command line raises. Newer versions of typer carry a click of their own, so it is found through typer.
COMMAND_LINE_ERRORS: Final[tuple[Any, ...]] = tuple(
    base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException"
)


def run_app(app: typer.Typer, name: str) -> NoReturn:
    """Run the command line `app` and exit with the codes of the contract (docs/operating.md)."""
    command = typer.main.get_command(app)
    try:
        code = command.main(prog_name=name, standalone_mode=False)
        sys.stdout.flush()
        sys.exit(code if isinstance(code, int) else 0)
    except DebvisorError as error:
        say(f"{name}: {error.what}")
        if error.hint:
            say(error.hint)
        sys.exit(error.exit_code)
    except typer.Abort:
        sys.exit(INTERRUPTED)
    except COMMAND_LINE_ERRORS as error:
        shown = io.StringIO()  # it repeats what was typed, and who typed may have pasted
        error.show(file=shown)
        say(shown.getvalue().rstrip())
        sys.exit(error.exit_code if error.exit_code else 2)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain again while it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as bug:
        say(f"{name}: internal error: {type(bug).__name__}: {bug}")
        say(f"This is a bug. Its details are in {_keep(bug)}; a run that is going on is not touched by it.")
        sys.exit(1)


def say(text: str) -> None:
    print(scrub(text), file=sys.stderr, flush=True)


def _keep(bug: Exception) -> str:
    with tempfile.NamedTemporaryFile("w", prefix="debvisor-crash-", suffix=".txt", delete=False) as file:
        file.write(scrub("".join(traceback.format_exception(bug))))
    return file.name
