"""Starting the TUI: the terminal looked at first, Textual imported only then."""

import gc
import os
import sys
from typing import TYPE_CHECKING

from debvisor_tui.model.errors import UsageError

if TYPE_CHECKING:
    from debvisor_tui.ui.session import Session

#: Terminals that misread the queries of the kitty keyboard protocol.
PLAIN_TERMINALS = frozenset({"linux", "vt100", "vt102", "vt220"})


def prepare_terminal() -> None:
    """UsageError if this is no terminal that a TUI can draw on; to be called before Textual is imported."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("This is not a terminal.", "Use --headless, or status, history and attach with --json.")
    term = os.environ.get("TERM", "")
    if term in {"", "dumb", "unknown"}:
        raise UsageError(
            f"The terminal says that it cannot draw (TERM={term or 'not set'}).",
            "Use --headless, or set TERM to what it really is, for instance xterm-256color.",
        )
    if term in PLAIN_TERMINALS or term.startswith("screen"):
        os.environ.setdefault("TEXTUAL_DISABLE_KITTY_KEY", "1")


def run_tui(
    session: "Session",
    attach: int | None = None,
    *,
    observe: bool = False,
    plan: str | None = None,
    rollback: int | None = None,
) -> int:
    """Show the TUI until it is left; the exit code. A bug in it is raised once the terminal is restored.

    It opens on run `attach` (`observe`: only to watch it), on the plan of a release to version `plan`, or on the way
    back of run `rollback`; without any of these on the run in progress, if there is one, else on home.
    """
    prepare_terminal()
    gc.disable()  # what is imported now stays: looking it through again and again costs a tenth of the first paint
    from debvisor_tui.ui.app import DebvisorApp, Opening
    from debvisor_tui.ui.driver import DebvisorDriver

    plain = attach is None and plan is None and rollback is None
    opening = Opening(attach, observe, plan, rollback, in_progress=plain)
    app = DebvisorApp(session, opening=opening, driver_class=DebvisorDriver)
    app.run(mouse=False)  # nothing here needs it: selecting and copying text is the terminal's again
    if app.failure is not None:
        raise app.failure
    return app.return_code or 0
