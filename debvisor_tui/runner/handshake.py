"""What a runner is told at its start, and what it answers: two files in a private folder, gone when it runs.

Not argv and not a service's properties: everybody on the host can read those, and the environment holds secrets.
"""

import json
import os
from pathlib import Path
from typing import Any

ROOM = 16_384  # bytes that are kept free for the answer: a disk that fills up meanwhile cannot keep it back


def write_start(path: Path, start: dict[str, Any]) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(start | {"ready": str(path.with_name("ready.json"))}, file)


def take_start(path: Path) -> dict[str, Any]:
    """Read it, and remove it: nobody needs it any more."""
    start: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    path.unlink()
    return start


def reserve(ready: Path) -> None:
    ready.with_suffix(".partial").write_bytes(b" " * ROOM)


def write_answer(ready: Path, answer: dict[str, Any]) -> bool:
    """Written whole or not at all. False: whoever waited for it has given up, and taken the folder away."""
    partial = ready.with_suffix(".partial")
    if not partial.exists():
        return False
    with partial.open("r+b") as file:
        file.write(json.dumps(answer).encode()[:ROOM])
        file.truncate()
    partial.rename(ready)
    return True


def read_answer(ready: Path) -> dict[str, Any] | None:
    try:
        answer: dict[str, Any] = json.loads(ready.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return answer
