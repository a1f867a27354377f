"""Finding the class of a kind: a seam's table has one line a kind, whose module is imported when it is used."""

import importlib
from collections.abc import Mapping
from typing import Any

from debvisor_tui.model.errors import UsageError


def adapter(table: Mapping[str, str], kind: str, where: str) -> Any:
    """The class that `table` ("module:Class" by kind) names for `kind`; UsageError lists the kinds there are.

    `where`: the key of the config that asks for it: "platform.kind".
    """
    if kind not in table:
        raise UsageError(
            f"{where}: {kind!r} is not a kind that this version can ship", f"Supported: {', '.join(sorted(table))}"
        )
    module, _, name = table[kind].partition(":")
    return getattr(importlib.import_module(module), name)
