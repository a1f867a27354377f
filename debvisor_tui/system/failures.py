"""Why a command failed, in words for the operator."""

import errno
import re
import shlex
import signal
from collections.abc import Sequence
from pathlib import Path, PurePath

from debvisor_tui.model.errors import CommandFailed
from debvisor_tui.model.text import LineAssembler, Redactor, one_line

NOT_THERE = 127  # as shells have it
_INTERPRETER = re.compile(r"(python|pypy|ruby|perl|node|php|sh|bash|dash|zsh)[0-9.]*")


def describe_failure(argv: Sequence[str], exit_code: int, stderr: bytes = b"") -> CommandFailed:
    """The error for a command that ended with `exit_code`; `stderr` is the end of what it wrote there."""
    name = short_name(argv)
    words = last_words(stderr)
    if exit_code < 0:
        what = f"{name} was ended by {_signal_name(-exit_code)}"
        hint = "Something else ended it: the out-of-memory killer (see `dmesg`), or a person."
    elif exit_code == NOT_THERE:
        what, hint = f"{name} was not found", _install_hint(argv)
    elif exit_code == 126:
        what, hint = f"{name} cannot be executed", "Check its mode (chmod +x) and its first line."
    else:
        what, hint = f"{name} failed with exit code {exit_code}", "Its output is in the step's log."
    return CommandFailed(f"{what}: {words}" if words else what, hint, exit_code=exit_code)


def could_not_start(argv: Sequence[str], error: OSError | ValueError, cwd: Path | None = None) -> CommandFailed:
    """The error for a command that the system refused to start."""
    name = command_name(argv)
    if not isinstance(error, OSError):  # a NUL byte inside an argument
        return CommandFailed(f"{name} cannot be started: {one_line(str(error))}", "Check the command in the config.")
    if cwd is not None and not cwd.is_dir():
        return CommandFailed(
            f"{name} cannot be started: its folder {cwd} is not there", "Check the folder in the config."
        )
    if error.errno == errno.ENOENT:
        return CommandFailed(f"{name} was not found", _install_hint(argv), exit_code=NOT_THERE)
    if error.errno == errno.EACCES:
        return CommandFailed(
            f"{name} cannot be executed: permission denied", "Check its mode (chmod +x) and owner.", exit_code=126
        )
    if error.errno == errno.ENOEXEC:
        return CommandFailed(
            f"{name} cannot be executed: it is no program", "A script needs a first line such as #!/bin/sh."
        )
    reason = one_line(error.strerror or str(error))
    return CommandFailed(f"{name} cannot be started: {reason}", "Check the host's memory and process limits.")


def command_name(argv: Sequence[str]) -> str:
    """The program's name, for a sentence: "git", "/srv/panelctl"."""
    return one_line(argv[0], 200) if argv else "an empty command"


def short_name(argv: Sequence[str]) -> str:
    """What the command is called in a sentence: "git"; "panelctl" where an interpreter runs a script."""
    names = [PurePath(word).name for word in argv[:2]] or ["an empty command"]
    script = len(names) > 1 and _INTERPRETER.fullmatch(names[0]) and not argv[1].startswith("-")
    return one_line(names[1] if script else names[0], 200)


def shown(argv: Sequence[str]) -> str:
    """`argv` as the operator could type it."""
    return shlex.join(argv)


def last_words(stderr: bytes) -> str:
    """The last line with anything in it, made safe, or ""."""
    assembler = LineAssembler(Redactor())
    lines = [line.strip() for line in assembler.feed(stderr) + assembler.close()]
    return next((one_line(line, 300) for line in reversed(lines) if line), "")


def _install_hint(argv: Sequence[str]) -> str:
    name = command_name(argv)
    if "/" in name:
        return f"Check the path {name}."
    return f"Install {name}, or check that it is on the PATH of the user who runs the release."


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
