"""Copying to where the operator can paste from: tmux's own buffer inside tmux, else the terminal by OSC 52."""

import base64
import os
from collections.abc import Callable, Mapping

from debvisor_tui.system.call import call

LIMIT = 74_994  # bytes of a sequence's payload that terminals take (xterm, and those that follow it)
TIMEOUT = 2.0  # seconds


def copy(text: str, write: Callable[[str], None], environ: Mapping[str, str] = os.environ) -> str:
    """Copy `text`; which way it went, in words that are true. `write` writes to the terminal. Blocks for a moment."""
    if environ.get("TMUX"):
        if _into_tmux(text):
            return "in tmux's buffer (prefix ] pastes it), and in the terminal's clipboard if tmux may set it"
        return "not copied: tmux did not take it (tmux load-buffer)"
    payload = base64.b64encode(text.encode()).decode()
    if len(payload) > LIMIT:
        return "not copied: it is longer than terminals take"
    sequence = f"\x1b]52;c;{payload}\x07"
    if environ.get("STY"):  # GNU screen hands on what is wrapped for the terminal outside
        sequence = f"\x1bP{sequence}\x1b\\"
    write(sequence)
    return "sent to the terminal's clipboard (OSC 52); some terminals do not allow that"


def _into_tmux(text: str) -> bool:
    argv = ["tmux", "load-buffer", "-w", "-"]
    try:
        done = call(argv, stdin=text.encode(), limit=TIMEOUT)
        if done.returncode != 0:  # before 3.2 there is no -w
            argv.remove("-w")
            done = call(argv, stdin=text.encode(), limit=TIMEOUT)
    except OSError:
        return False
    return done.returncode == 0
