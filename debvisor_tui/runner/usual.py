"""How long each step of a release usually takes: by earlier runs; the watch by its configured time."""

from debvisor_tui.config.settings import Settings
from debvisor_tui.runner.paths import TargetPaths
from debvisor_tui.store.history import History


def usual_seconds(settings: Settings, history: History | None) -> dict[str, float]:
    """Median seconds by step. A watch that was passed early says nothing of the next one."""
    usual = history.usual() if history is not None else {}
    if settings.step("monitor").command is None:
        usual["monitor"] = settings.monitor.duration
    return usual


def usual_at(settings: Settings, places: TargetPaths) -> dict[str, float]:
    """The same, from the target's journal if there is one."""
    if not places.has_journal():
        return usual_seconds(settings, None)
    history = History(places.journal)
    try:
        return usual_seconds(settings, history)
    finally:
        history.close()
