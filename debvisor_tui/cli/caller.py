"""Who is at the keyboard: the user behind sudo, and where the session comes from."""

import os
import sys

from debvisor_tui.model.people import Person
from debvisor_tui.runner.peers import Peer, person_behind


def whoami(*, headless: bool = False) -> Person:
    """As a runner will see this process, so that nothing is shown here that stands otherwise in the history."""
    name = os.environ.get("SUDO_USER", "")
    address = os.environ.get("SSH_CONNECTION", "").partition(" ")[0]
    here = f"ssh {address}" if address else "headless" if headless else _terminal()
    return person_behind(Peer(os.getpid(), os.getuid()), Person(name, here))


def _terminal() -> str:
    try:
        return os.ttyname(sys.stdin.fileno()).removeprefix("/dev/")
    except (OSError, ValueError):
        return "local"
