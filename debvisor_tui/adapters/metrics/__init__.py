"""Where the numbers of the watch come from: the kinds of metrics source."""

from typing import TYPE_CHECKING, Final, cast

from debvisor_tui.adapters.registry import adapter
from debvisor_tui.config.settings import Settings

if TYPE_CHECKING:
    from debvisor_tui.adapters.metrics.protocol import MetricsSource

METRICS: Final = {"scrape": "debvisor_tui.adapters.metrics.scrape:ScrapedMetrics"}


def open_metrics(settings: Settings, limit: float) -> "MetricsSource":
    """The target's metrics source; one question to it may take `limit` seconds."""
    return cast("MetricsSource", adapter(METRICS, settings.monitor.kind, "monitor.kind")(settings, limit))
