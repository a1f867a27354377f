"""How the service runs: the kinds of platform."""

from typing import TYPE_CHECKING, Final, cast

from debvisor_tui.adapters.registry import adapter
from debvisor_tui.config.settings import Settings

if TYPE_CHECKING:
    from debvisor_tui.adapters.platforms.protocol import Platform

PLATFORMS: Final = {"process": "debvisor_tui.adapters.platforms.process:ProcessPlatform"}


def open_platform(settings: Settings) -> "Platform":
    """The target's platform."""
    return cast("Platform", adapter(PLATFORMS, settings.platform.kind, "platform.kind")(settings))
