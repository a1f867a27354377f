"""Registers the toys in every Python that has this folder on PYTHONPATH: one line each."""

from toy_metrics import ToyMetricsSettings
from toy_platform import ToyPlatformSettings
from toy_source import ToySourceSettings

from debvisor_tui.adapters.databases import DATABASES
from debvisor_tui.config.monitors import METRICS
from debvisor_tui.config.parts import Kind
from debvisor_tui.config.platforms import PLATFORMS
from debvisor_tui.config.sources import SOURCES

PLATFORMS["toy"] = Kind(ToyPlatformSettings, "toy_platform:ToyPlatform")
SOURCES["toy"] = Kind(ToySourceSettings, "toy_source:ToySource")
DATABASES["toy"] = "toy_database:ToyDatabase"
METRICS["toy"] = Kind(ToyMetricsSettings, "toy_metrics:ToyMetrics")
