"""How the service runs: the kinds of platform."""

from typing import TYPE_CHECKING, cast

from debvisor_tui.adapters.registry import load
from debvisor_tui.config.platforms import PLATFORMS
from debvisor_tui.config.settings import Settings

if TYPE_CHECKING:
    from debvisor_tui.adapters.platforms.protocol import Platform


def open_platform(settings: Settings) -> "Platform":
    """The target's platform."""
    return cast("Platform", load(PLATFORMS[settings.platform.kind].adapter)(settings))
