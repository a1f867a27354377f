"""Where the numbers of the watch come from: the kinds of metrics source."""

from typing import TYPE_CHECKING, cast

from debvisor_tui.adapters.registry import load
from debvisor_tui.config.monitors import METRICS
from debvisor_tui.config.settings import Settings

if TYPE_CHECKING:
    from debvisor_tui.adapters.metrics.protocol import MetricsSource


def open_metrics(settings: Settings, limit: float) -> "MetricsSource":
    """The target's metrics source; one question to it may take `limit` seconds."""
    return cast("MetricsSource", load(METRICS[settings.monitor.kind].adapter)(settings, limit))
