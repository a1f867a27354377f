"""Finding the class of a kind: a seam's table has one line a kind, whose module is imported when it is used."""

import importlib
from typing import Any


def load(name: str) -> Any:
    """What "module:Class" names."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)
