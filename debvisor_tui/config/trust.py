"""Whether a file can be changed by others: what it says may run commands, so it must be root's or the caller's.

The rule is that of sshd's StrictModes (OpenSSH, misc.c, safe_path): the file and every folder above it belong to root
or to the caller, and nobody else may write to them. Two things pass as on Debian: a sticky folder such as /tmp, where
nobody can replace another's entry, and a group in which the caller is alone (user-private groups).
"""

import errno
import os
import stat
from pathlib import Path
from typing import Final

from debvisor_tui.model.errors import UsageError
from debvisor_tui.model.text import one_line

MAX_LINKS: Final = 40  # as the kernel follows at the most (path_resolution(7))


def require_trusted(path: Path, what: str) -> Path:
    """`path` with every link resolved; UsageError, naming the chmod or chown, if others can change what it names.

    `what` names it in the error: "config file". OSError as os.lstat raises it, if it is not there.
    """
    links = 0
    trusted = Path("/")
    _check(trusted, os.lstat(trusted), path, what)
    todo = list(path.absolute().parts[:0:-1])
    while todo:
        name = todo.pop()
        if name == "..":
            trusted = trusted.parent
            continue
        here = trusted / name
        status = os.lstat(here)
        if not stat.S_ISLNK(status.st_mode):
            _check(here, status, path, what)
            trusted = here
            continue
        _check_owner(here, status, path, what)  # in a sticky folder, only its owner can make it point elsewhere
        links += 1
        if links > MAX_LINKS:
            raise UsageError(f"The {what} {path} goes round in links.", f"See: namei -l {path}")
        target = Path(os.readlink(here))
        if target.is_absolute():
            trusted = Path("/")
        todo += [part for part in reversed(target.parts) if part != "/"]
    return trusted


def read_trusted(path: Path, what: str, limit: int) -> bytes:
    """The first `limit` bytes of the regular file `path`, by :func:`require_trusted`'s rule; OSError as open has it.

    What is read is what was checked: the open file is looked at once more. A pipe or a device is not waited for.
    """
    real = require_trusted(path, what)
    fd = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    with open(fd, "rb") as file:
        _check(real, os.fstat(fd), path, what)
        return file.read(limit)


def make_trusted_folder(folder: Path, what: str) -> None:
    """Make `folder` and those above it that are missing, each for its owner alone; UsageError as require_trusted.

    OSError as os.mkdir raises it.
    """
    missing = []
    here = folder.absolute()
    while not here.exists() and not here.is_symlink():
        missing.append(here)
        here = here.parent
    require_trusted(here, what)
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
    require_trusted(folder, what)
    status = folder.stat()
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    # Sticky or not: what others could lay there would be taken for ours.
    _check_writers(folder, status, folder, what)


def is_private_folder(folder: Path) -> bool:
    """Whether `folder` is a real folder (no link) of the caller's own that nobody else may write to."""
    try:
        status = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022


def _check(here: Path, status: os.stat_result, path: Path, what: str) -> None:
    if not stat.S_ISDIR(status.st_mode) and not stat.S_ISREG(status.st_mode):
        raise UsageError(f"The {what} {one_line(str(path), 200)} is not a regular file.", "Name a plain file.")
    _check_owner(here, status, path, what)
    if stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX:
        return
    _check_writers(here, status, path, what)


def _check_writers(here: Path, status: os.stat_result, path: Path, what: str) -> None:
    if status.st_mode & stat.S_IWOTH:
        raise _refusal(path, what, here, "everybody may write to", f"chmod o-w {here}")
    if status.st_mode & stat.S_IWGRP and not _alone_in(status.st_gid):
        raise _refusal(path, what, here, f"the group {_group(status.st_gid)} may write to", f"chmod g-w {here}")


def _check_owner(here: Path, status: os.stat_result, path: Path, what: str) -> None:
    if status.st_uid not in {0, os.geteuid()}:
        owner = _user(status.st_uid)
        mine = _user(os.geteuid())
        raise _refusal(
            path, what, here, f"the user {owner} owns", f"chown {mine} {here}, or become that user: sudo -u {owner}"
        )


def _refusal(path: Path, what: str, here: Path, why: str, fix: str) -> UsageError:
    place = "it" if here == path else one_line(str(here), 200)
    return UsageError(
        f"The {what} {one_line(str(path), 200)} is not used: {why} {place}.",
        f"Whoever may change it decides which commands run with your rights. Fix it: {fix}",
    )


def _alone_in(gid: int) -> bool:
    """Whether the caller (or root) is the only user who has the group `gid`."""
    import grp
    import pwd

    try:
        me = pwd.getpwuid(os.geteuid()).pw_name
        members = set(grp.getgrgid(gid).gr_mem)
    except KeyError:
        return False
    members |= {user.pw_name for user in pwd.getpwall() if user.pw_gid == gid}
    return members <= {me, "root"}


def _user(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    import grp

    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
