"""A first look at a config, with no more than its header needs: reading all of it takes half a first paint."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from debvisor_tui.config.discovery import is_name
from debvisor_tui.config.trust import read_trusted
from debvisor_tui.model.errors import UsageError

MAX_BYTES: Final = 1_048_576  # a larger one is refused when it is loaded

_KIND = re.compile(r"[a-z]{1,20}")


@dataclass(frozen=True, slots=True)
class TargetPreview:
    """What a target is called and looks like; the settings themselves say the same, once they are loaded."""

    name: str
    production: bool
    kind: str  # of platform


def glance(path: Path) -> TargetPreview | None:
    """The face of the target at `path`; None if it cannot be told, and loading the config will say why."""
    try:
        data: dict[str, Any] = tomllib.loads(read_trusted(path, "config file", MAX_BYTES).decode("utf-8"))
    except (OSError, ValueError, RecursionError, UsageError):
        return None
    name, production, platform = data.get("name"), data.get("production", False), data.get("platform")
    kind = platform.get("kind") if isinstance(platform, dict) else None
    if not (isinstance(name, str) and is_name(name) and isinstance(production, bool)):
        return None
    if not (isinstance(kind, str) and _KIND.fullmatch(kind)):
        return None
    return TargetPreview(name, production, kind)
