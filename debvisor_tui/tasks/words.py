"""Commands of this program, as the operator could type them."""

import shlex

from debvisor_tui.config.settings import Settings


def cli(settings: Settings, *words: str) -> str:
    """`debvisor-cli WORDS` for this target."""
    return shlex.join(("debvisor-cli", "--config", str(settings.path), *words))
