"""Where releases come from: the kinds of source."""

from typing import TYPE_CHECKING, Final, cast

from debvisor_tui.adapters.registry import adapter
from debvisor_tui.config.settings import Settings

if TYPE_CHECKING:
    from debvisor_tui.adapters.sources.protocol import Source

SOURCES: Final = {"git": "debvisor_tui.adapters.sources.git.source:GitCheckout"}


def open_source(settings: Settings) -> "Source":
    """The target's source."""
    return cast("Source", adapter(SOURCES, settings.source.kind, "source.kind")(settings))
