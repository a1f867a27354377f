"""What people did to a target by hand with debvisor-cli: a line when it begins, and one when it ends.

In a file beside the journal: a run that waits for that person may go on, and only its runner writes the journal.
"""

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from debvisor_tui.model.errors import DebvisorError
from debvisor_tui.model.secrets_registry import scrub
from debvisor_tui.model.text import one_line
from debvisor_tui.model.times import full_time
from debvisor_tui.model.views import Now
from debvisor_tui.runner.paths import TargetPaths
from debvisor_tui.store.history import History
from debvisor_tui.system.procfs import ProcessId, myself

LIMIT: Final = 512 * 1024  # bytes; beyond it the older half goes
SHOWN: Final = 3  # of what was done since the newest run, in a look at what runs now


@dataclass(frozen=True, slots=True)
class WorkByHand:
    """`at`, `ended`: unix seconds; `ended` is None while it goes on (`alive`), or if its process was killed.

    `error`: why it failed, or "".
    """

    at: float
    who: str
    what: str
    ended: float | None = None
    error: str = ""
    alive: bool = False

    def __str__(self) -> str:
        if self.ended is None and self.alive:
            return f"{self.who} runs {self.what}, since {full_time(self.at)}"
        end = f"failed: {self.error}" if self.error else "done"
        if self.ended is None:
            end = "its process was killed; what it did is not recorded"
        return f"{self.who} ran {self.what}, {full_time(self.at)}: {end}"


@contextlib.contextmanager
def recorded(
    places: TargetPaths, who: str, what: str, say: Callable[[str], None] = lambda text: None
) -> Iterator[None]:
    """Around the work. A disk that cannot take the record stops nobody from saving the database: `say` gets that."""
    begun = {"at": time.time(), "who": who, "what": what, "process": asdict(myself())}
    if problem := _add(places, begun):
        say(f"This is not recorded: {places.by_hand_log}: {problem}. It is done all the same.")
    error = ""
    try:
        yield
    except DebvisorError as failed:
        error = failed.what
        raise
    except BaseException as failed:
        error = type(failed).__name__
        raise
    finally:
        _add(places, {**begun, "ended": time.time(), "error": one_line(scrub(error))})


def works_by_hand(places: TargetPaths) -> tuple[WorkByHand, ...]:
    """All that is kept, oldest first."""
    try:
        lines = places.by_hand_log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()
    found: dict[tuple[float, str], WorkByHand] = {}
    for row in map(_row, lines):
        if row is not None:
            found[row.at, row.what] = row
    return tuple(found.values())


def with_works_by_hand(now: Now, places: TargetPaths, history: History | None) -> Now:
    """`now`, with what people did to it by hand since its newest run began. `history`: None if there is none yet."""
    newest = next(iter(history.runs(limit=1)), None) if history is not None else None
    since = newest.started_at if newest is not None else 0.0
    after = f"since run {newest.id} began" if newest is not None else "before any run"
    works = [work for work in works_by_hand(places) if work.at >= since]
    notes = [f"By hand, {after}: {work}." for work in works[-SHOWN:]]
    if len(works) > SHOWN:
        notes.insert(0, f"By hand, {after}, {len(works) - SHOWN} more: debvisor-tui history list")
    return replace(now, notes=(*now.notes, *notes)) if notes else now


def _row(line: str) -> WorkByHand | None:
    try:
        row: dict[str, Any] = json.loads(line)
        ended = row.get("ended")
        return WorkByHand(
            float(row["at"]),
            one_line(str(row["who"]), 200),
            one_line(str(row["what"]), 200),
            float(ended) if ended is not None else None,
            one_line(str(row.get("error", "")), 500),
            ended is None and ProcessId(**row["process"]).alive(),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None  # a line that a full disk, or a kill, has cut off


def _add(places: TargetPaths, row: dict[str, Any]) -> str:
    """Why it could not be written, or ""."""
    try:
        file = places.by_hand_log
        _shorten(file, places)
        fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            _give_to_owner(fd, places)
            os.write(fd, f"\n{json.dumps(row)}\n".encode())  # first ends a line that was cut off before
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _give_to_owner(fd: int, places: TargetPaths) -> None:
    """What root writes in another user's folder must not keep that user from writing on."""
    if os.geteuid() == 0:
        folder = places.folder.stat()
        os.fchown(fd, folder.st_uid, folder.st_gid)


def _shorten(file: Path, places: TargetPaths) -> None:
    if not file.exists() or file.stat().st_size < LIMIT:
        return
    kept = file.read_bytes()[-LIMIT // 2 :].partition(b"\n")[2]
    fresh = file.with_name(f"{file.name}.new")
    fresh.unlink(missing_ok=True)
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(fd, "wb") as out:
        _give_to_owner(fd, places)
        out.write(kept)
    fresh.replace(file)
