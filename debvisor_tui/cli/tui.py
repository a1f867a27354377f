"""From the command line into the terminal interface."""

from debvisor_tui.cli.caller import whoami
from debvisor_tui.cli.target import Choice


def open_tui(
    choice: Choice,
    *,
    attach: int | None = None,
    observe: bool = False,
    plan: str | None = None,
    rollback: int | None = None,
) -> int:
    """Run the TUI on the chosen target; its exit code. UsageError where there is no terminal for it.

    It opens on run `attach`, the plan of a release to `plan`, or the way back of run `rollback`; else on the run
    in progress, if there is one, or on home.
    """
    from debvisor_tui.config.discovery import find_config
    from debvisor_tui.config.preview import glance
    from debvisor_tui.ui.start import prepare_terminal, run_tui

    # The first paint needs the target's name alone; all of the config is read, and judged, just after it.
    face = glance(find_config(choice.config, choice.target))
    settings = choice.settings() if face is None else None
    places = choice.places(settings or face)  # type: ignore[arg-type]  # one of the two is there
    prepare_terminal()
    places.prepare()
    from debvisor_tui.ui.session import Session

    session = Session(settings or choice.settings, places, whoami(), face=face)
    return run_tui(session, attach=attach, observe=observe, plan=plan, rollback=rollback)
