"""The backups in a target's backup folder: each a data file with a manifest beside it, and no index to go stale."""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from debvisor_tui.model.errors import LockHeld, UsageError, WorkFailed
from debvisor_tui.model.text import one_line
from debvisor_tui.system.failpoints import around, reach
from debvisor_tui.system.files import explained, sync_file, sync_folder
from debvisor_tui.system.threads import Progress, Stopped

MANIFEST: Final = ".json"
PARTIAL: Final = ".partial"
CHUNK: Final = 4 * 1024 * 1024  # bytes
MAX_MANIFEST: Final = 4 * 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup, as its manifest says. `created`: unix seconds. `problem`: why it cannot be relied on, or ""."""

    tag: str
    path: Path
    created: float
    sha256: str = ""
    bytes: int = 0
    revision: str | None = None
    rows: Mapping[str, int] = field(default_factory=dict)
    target: str = ""
    source: str = ""
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "path": str(self.path), "rows": dict(self.rows)}

    @property
    def facts(self) -> dict[str, Any]:
        """What a BACKUP change keeps of it."""
        return {
            "tag": self.tag,
            "path": str(self.path),
            "sha256": self.sha256,
            "bytes": self.bytes,
            "revision": self.revision,
        }


def list_backups(folder: Path, target: str, suffix: str) -> tuple[Backup, ...]:
    """The backups of `target` in `folder`, newest first; those that were broken off too, with their problem."""
    if not folder.exists():
        return ()
    with explained(folder):
        names = sorted(os.listdir(folder))
    found = []
    for name in names:
        path = folder / name
        if name.endswith(suffix + PARTIAL):
            found.append(_broken(path, name.removesuffix(suffix + PARTIAL), "it was broken off"))
        elif name.endswith(suffix) and path.is_file():
            found.append(_read(path, name.removesuffix(suffix)))
    return tuple(
        sorted((b for b in found if b.target in {target, ""}), key=lambda b: (b.created, b.path.name), reverse=True)
    )


def newest(backups: Sequence[Backup], tag: str) -> Backup | None:
    """The newest whole backup tagged `tag`, or None. `backups` are newest first."""
    return next((b for b in backups if b.tag == tag and not b.problem), None)


def sha256_of(file: Path, progress: Progress, stop: threading.Event) -> str:
    """Read `file` back whole, from the disk where the system allows it rather than from memory."""
    digest, done = hashlib.sha256(), 0
    with explained(file), file.open("rb", buffering=0) as data:
        total = os.fstat(data.fileno()).st_size
        os.posix_fadvise(data.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while chunk := data.read(CHUNK):
            if stop.is_set():
                raise Stopped
            digest.update(chunk)
            done += len(chunk)
            progress(done, total)
    return digest.hexdigest()


def prove_whole(backup: Backup, progress: Progress, stop: threading.Event) -> None:
    """WorkFailed unless the file is what its manifest says, byte for byte."""
    if backup.problem:
        raise WorkFailed(f"The backup {backup.path} cannot be used: {backup.problem}", "Take another one.")
    with explained(backup.path):
        size = backup.path.stat().st_size
    if size != backup.bytes:
        raise _damaged(backup, f"it has {size:,} bytes and should have {backup.bytes:,}")
    if sha256_of(backup.path, progress, stop) != backup.sha256:
        raise _damaged(backup, "its checksum is not that of its manifest")


def publish(backup: Backup, partial: Path) -> None:
    """Give the finished file `partial` its name, then its manifest; all of it on the disk when this returns."""
    with explained(backup.path):
        with around("the backup's name"):
            partial.rename(backup.path)
        manifest = manifest_of(backup.path)
        draft = manifest.with_name(manifest.name + PARTIAL)
        content = {k: v for k, v in backup.to_json().items() if k not in {"path", "problem"}}
        content["created"] = datetime.fromtimestamp(backup.created, UTC).isoformat()
        descriptor = os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump({"format": 1, "file": backup.path.name, **content}, file, indent=1)
        sync_file(draft)
        with around("the manifest's name"):
            draft.rename(manifest)
        sync_folder(backup.path.parent)


def prune(backups: Sequence[Backup], keep: int, protected: Sequence[Path]) -> tuple[Path, ...]:
    """Remove the oldest beyond `keep` whole ones, but never the newest nor a `protected` one; what was removed."""
    whole = [b for b in backups if not b.problem]
    removed = []
    for backup in whole[max(keep, 1) :]:
        if backup.path in protected:
            continue
        with explained(backup.path), around("an old backup's end"):
            # The manifest first: without it the file counts as broken off, never as a backup.
            manifest_of(backup.path).unlink(missing_ok=True)
            reach("an old manifest's end")
            backup.path.unlink(missing_ok=True)
        removed.append(backup.path)
    return tuple(removed)


def new_path(folder: Path, tag: str, suffix: str, now: float) -> Path:
    """Where a backup tagged `tag` goes: nothing is overwritten, a second one has its time in its name."""
    stem = re.sub(r"[^A-Za-z0-9._+-]", "_", tag)
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    names = [stem, f"{stem}.{stamp}", *(f"{stem}.{stamp}-{n}" for n in range(2, 100))]
    for name in names:
        path = folder / (name + suffix)
        if not path.exists() and not manifest_of(path).exists():
            return path
    raise WorkFailed(f"{folder} holds a hundred backups of {tag} from this second", "Wait a second, then retry.")


def check_tag(tag: str) -> str:
    if not tag.strip() or len(tag) > 150 or not tag.isprintable() or tag.startswith((".", "-")):
        raise UsageError(f"{one_line(tag, 80)!r} is no tag for a backup", 'Expected one such as "pre-deploy-v1.1.0".')
    return tag


def manifest_of(path: Path) -> Path:
    return path.with_name(path.name + MANIFEST)


def make_folder(folder: Path) -> None:
    """The backup folder, 0700, there and writable; WorkFailed says what is in its way."""
    if folder.exists() and not folder.is_dir():
        raise WorkFailed(f"{folder} is not a folder", "backup.dir must name one. Move the file, or fix the config.")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        reason = one_line(error.strerror or str(error))
        raise WorkFailed(f"The backup folder {folder} cannot be made: {reason}", "Fix backup.dir.") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise WorkFailed(f"The backup folder {folder} is not writable", "Who owns it? Or fix backup.dir.")


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One writer in the folder at a time; LockHeld if there is another."""
    with explained(folder):
        descriptor = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockHeld(
                f"Another backup is being written to {folder}", "Wait for it to end, then retry."
            ) from None
        yield
    finally:
        os.close(descriptor)


def _read(path: Path, stem: str) -> Backup:
    try:
        with manifest_of(path).open("rb") as file:
            data = json.loads(file.read(MAX_MANIFEST))
        return Backup(
            tag=str(data["tag"]),
            path=path,
            created=datetime.fromisoformat(data["created"]).timestamp(),
            sha256=str(data["sha256"]),
            bytes=int(data["bytes"]),
            revision=data["revision"] and str(data["revision"]),
            rows={str(k): int(v) for k, v in data["rows"].items()},
            target=str(data["target"]),
            source=str(data["source"]),
        )
    except FileNotFoundError:
        return _broken(path, stem, "it has no manifest, so it was never finished")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return _broken(path, stem, f"its manifest cannot be read ({type(error).__name__})")


def _broken(path: Path, tag: str, problem: str) -> Backup:
    try:
        status = path.stat()
    except OSError:
        return Backup(tag=tag, path=path, created=0.0, problem=problem)
    return Backup(tag=tag, path=path, created=status.st_mtime, bytes=status.st_size, problem=problem)


def _damaged(backup: Backup, how: str) -> WorkFailed:
    return WorkFailed(f"The backup {backup.path} is damaged: {how}", "Do not restore it. Is there another one?")
