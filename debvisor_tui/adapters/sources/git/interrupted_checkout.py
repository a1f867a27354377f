"""A checkout that a killed git has left half-written: put back to its HEAD, without a byte of anybody else's work."""

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from debvisor_tui.adapters.sources.git.checkout import dirty, existing
from debvisor_tui.adapters.sources.git.commands import WRITING, Git, blob_id
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.wording import counted, listed
from debvisor_tui.system.files import open_at_once
from debvisor_tui.system.procfs import working_in
from debvisor_tui.system.work import Work

#: What git leaves behind when it is killed, below .git.
LOCKS = ("index.lock", "HEAD.lock", "ORIG_HEAD.lock", "refs/heads")


@dataclass(frozen=True, slots=True)
class HalfWritten:
    """`changed`: tracked files that are not as HEAD has them; `strays`: new files that HEAD does not have."""

    locks: tuple[Path, ...]
    changed: tuple[str, ...]
    strays: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.locks or self.changed or self.strays)


async def half_written(repo: Git, other: str) -> HalfWritten:
    """What is left of a move from HEAD to `other` that was cut off; nothing of it if it never began, or was whole."""
    head = await repo.head()
    known = head != other and await repo.commit_of(other)  # not before it is fetched: then no move has begun
    added = await repo.files_between(head, other, added=True) if known else ()
    return HalfWritten(_locks(repo.checkout), await repo.changed_files(), tuple(existing(repo.checkout, added)))


async def put_back(work: Work, repo: Git, other: str) -> None:
    """Undo what a git that moved the checkout from HEAD to `other` was killed in: all is as HEAD has it again.

    To be called only by a step whose run has begun that move, from a clean checkout. WorkFailed, and nothing touched,
    if a file is neither as the one commit has it nor as the other, nor the beginning of it: that is somebody's work.
    """
    left = await half_written(repo, other)
    if not left:
        return
    head = await repo.head()
    if left.locks and (alive := working_in(repo.checkout, "git")):
        raise WorkFailed(
            f"Another git works in {repo.checkout} ({', '.join(f'pid {pid}' for pid in alive)})",
            "Let it end, or end it; then retry.",
        )
    known = head != other and await repo.commit_of(other)
    ours = set(await repo.files_between(head, other)) if known else set()
    touched = (*left.changed, *left.strays)
    blobs = [await repo.blobs(commit) for commit in (other, head)] if known else []
    moved = {path for path in touched if path in ours and await _is_of_the_move(repo, path, head, other, blobs)}
    foreign = [path for path in touched if path not in moved]
    if foreign and not (moved or left.locks):
        return  # nothing of the move is left: who moves the checkout next will say what is in the way
    if foreign:
        obstacle = await dirty(repo)
        raise WorkFailed(
            f"A pull was cut off half-way in {repo.checkout}, and somebody has changed {listed(foreign)} since",
            obstacle.hint if obstacle else "Move these files away, and retry.",
        )
    for lock in left.locks:
        lock.unlink(missing_ok=True)
    work.log(f"a git that was killed left {counted(len(left.changed) + len(left.strays), 'file')} half-way; put back")
    # The index knows some of the new files already, or none: git removes the first, we the others.
    await repo.run("reset", "--hard", head, limit=WRITING, told=True)
    for path in left.strays:
        (repo.checkout / path).unlink(missing_ok=True)


async def _is_of_the_move(repo: Git, path: str, head: str, other: str, blobs: Sequence[Mapping[str, str]]) -> bool:
    """Whether the file holds what the one or the other commit has, or the beginning of that, or is not there.

    `blobs`: the id of each file's content in these commits: most files are whole, and git need not be asked.
    """
    try:
        found = _held(repo.checkout / path)
    except FileNotFoundError:
        return True
    except OSError:  # a folder, a pipe, unreadable: nothing that git was writing
        return False
    if any(path in known and blob_id(found, len(known[path])) == known[path] for known in blobs):
        return True
    for commit in (other, head):
        wanted = await repo.content(commit, path)
        if wanted is not None and wanted.startswith(found):
            return True
    return False


def _held(file: Path) -> bytes:
    if file.is_symlink():
        return os.fsencode(os.readlink(file))
    with open_at_once(file) as opened:
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            raise OSError(f"{file} is no file")
        return opened.read()


def _locks(checkout: Path) -> tuple[Path, ...]:
    folder = checkout / ".git"
    found = []
    for name in LOCKS:
        place = folder / name
        found += sorted(place.rglob("*.lock")) if place.is_dir() else [place] if place.exists() else []
    return tuple(found)
