"""A small cache on disk: values survive a restart, an entry that is too old is no entry."""

import json
import os
import threading
import time
from pathlib import Path
from typing import Any


class Cache:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, key: str, value: Any) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        partial = self._folder / f".{key}.{os.getpid()}.{threading.get_ident()}"
        partial.write_text(json.dumps({"at": time.time(), "value": value}), encoding="utf-8")
        partial.replace(self._folder / f"{key}.json")

    def get(self, key: str, max_age: float) -> Any:
        """The value of `key`, or None if there is none of the last `max_age` seconds."""
        try:
            entry = json.loads((self._folder / f"{key}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return entry["value"] if time.time() - entry["at"] <= max_age else None
