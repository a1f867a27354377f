"""When a screen with plots has come to rest."""

from typing import Any

from textual.app import App

from debvisor_tui.ui.widgets.monitor_body import MonitorBody
from debvisor_tui.ui.widgets.plots import TimePlot


def plots_fit(app: App[Any]) -> bool:
    """Whether the watch is told whole, and each plot in view is drawn in the size it has."""
    body = app.screen.query_one(MonitorBody)
    words = body.words
    if words.size.height != words.get_content_height(app.size, app.size, words.size.width):
        return False
    return all(plot._drawn is not None and plot._drawn[0] == plot.size for plot in body.query(TimePlot) if plot.size)
