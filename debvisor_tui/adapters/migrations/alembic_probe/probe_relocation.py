"""Has this interpreter take a release's code from where it was put to be looked at, not from where it runs.

Part of the probe that runs in the release's own interpreter: the standard library alone (Python 3.8 and later). An
editable install, a .pth file or PYTHONPATH names the folder of the running release; what is found there would be the
code of another release than the one that is looked at.
"""

from __future__ import annotations

import os
import sys
from typing import Any, List, Tuple  # noqa: UP035 - it may run Python 3.8

Pairs = List[Tuple[str, str]]  # noqa: UP006 - where the release runs, and where its code is now


def relocate_imports(pairs: Pairs) -> None:
    """Point what this interpreter imports from at the new place."""
    sys.path[:] = [moved(entry, pairs) for entry in sys.path]
    for finder in sys.meta_path:
        cls = finder if isinstance(finder, type) else type(finder)
        home = vars(sys.modules.get(cls.__module__, sys))
        # What editable installs keep: setuptools in its finder's module, `editables` (hatch, pdm) in the finder.
        if cls.__module__.startswith("__editable__"):
            _relocate(home.get("MAPPING"), pairs)
            _relocate(home.get("NAMESPACES"), pairs)
        _relocate(getattr(finder, "_redirections", None), pairs)
    sys.path_importer_cache.clear()


def _relocate(names: Any, pairs: Pairs) -> None:
    if not isinstance(names, dict):
        return
    for name, value in names.items():
        if isinstance(value, str):
            names[name] = moved(value, pairs)
        elif isinstance(value, list):
            names[name] = [moved(item, pairs) if isinstance(item, str) else item for item in value]


def moved(path: str, pairs: Pairs) -> str:
    """`path` in the new place, if it stands in the old one and the release holds it. What the interpreter itself is
    installed in (a venv inside the checkout) is in no release, and stays."""
    real = os.path.realpath(path) if path else ""
    if not real or is_inside(real, os.path.realpath(sys.prefix)):
        return path
    for old, new in pairs:
        for place in (path, real):
            if is_inside(place, old):
                there = os.path.join(new, os.path.relpath(place, old))
                if os.path.exists(there):
                    return os.path.normpath(there)
    return path


def is_inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
