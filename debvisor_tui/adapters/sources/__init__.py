"""Where releases come from: the kinds of source."""

from typing import TYPE_CHECKING, cast

from debvisor_tui.adapters.registry import load
from debvisor_tui.config.settings import Settings
from debvisor_tui.config.sources import SOURCES

if TYPE_CHECKING:
    from debvisor_tui.adapters.sources.protocol import Source


def open_source(settings: Settings) -> "Source":
    """The target's source."""
    return cast("Source", load(SOURCES[settings.source.kind].adapter)(settings))
