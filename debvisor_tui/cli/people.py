"""Who is at the keyboard: the user behind sudo, and where the session comes from."""

import getpass
import os
import sys

from debvisor_tui.model.people import Person


def whoami(*, headless: bool = False) -> Person:
    name = os.environ.get("SUDO_USER") or _user()
    ssh = os.environ.get("SSH_CONNECTION", "").split()
    if ssh:
        origin = f"ssh {ssh[0]}"
    elif headless:
        origin = "headless"
    else:
        origin = _terminal()
    return Person(name, origin)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _terminal() -> str:
    try:
        return os.ttyname(sys.stdin.fileno()).removeprefix("/dev/")
    except (OSError, ValueError):
        return "local"
