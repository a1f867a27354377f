"""Where a target's journal, lock, socket and runner log lie: one private folder a target."""

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from debvisor_tui.config.trust import make_trusted_folder
from debvisor_tui.model.errors import UsageError

STATE_DIR_VARIABLE = "DEBVISOR_TUI_STATE_DIR"
#: sun_path holds 108 bytes with its NUL (unix(7)); a longer path is moved to a short private folder.
SOCKET_PATH_LIMIT = 100


@dataclass(frozen=True, slots=True)
class TargetPaths:
    """`state_dir` is shared by all targets of a host; `folder` is this target's own, 0700."""

    state_dir: Path
    target: str

    @property
    def folder(self) -> Path:
        return self.state_dir / "targets" / self.target

    @property
    def journal(self) -> Path:
        return self.folder / "journal.db"

    def has_journal(self) -> bool:
        """UsageError if that cannot be seen: what is another user's is not nothing."""
        try:
            self.journal.stat()  # Path.exists() calls it missing, from Python 3.14 on
        except (FileNotFoundError, NotADirectoryError):
            return False
        except PermissionError as error:
            raise UsageError(
                f"The state folder {self.folder} cannot be read: {error.strerror}.",
                "Become the user whose releases these are (sudo -u), or root.",
            ) from error
        return True

    @property
    def lock(self) -> Path:
        return self.folder / "lock"

    @property
    def by_hand(self) -> Path:
        return self.folder / "by-hand"

    @property
    def by_hand_log(self) -> Path:
        return self.folder / "by-hand.jsonl"

    @property
    def runner_log(self) -> Path:
        return self.folder / "runner.log"

    @property
    def socket(self) -> Path:
        path = self.folder / "runner.sock"
        if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT:
            return path
        digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
        return Path(f"/tmp/debvisor-tui-{self.owner}") / f"{digest}.sock"  # noqa: S108 - made 0700, owner checked

    @property
    def owner(self) -> int:
        """The user whose runners work here: the folder's owner, or whoever would make it."""
        try:
            return self.folder.stat().st_uid
        except OSError:
            return os.getuid()

    def prepare(self) -> None:
        """Make the folders, private to this user; UsageError if that cannot be, before anything else is done."""
        _make_private(self.folder)
        _make_private(self.socket.parent)
        if self.socket.exists() and not self.socket.is_socket():
            raise UsageError(f"{self.socket} is not a socket: something else lies in its place.", "Move it away.")


def _make_private(folder: Path) -> None:
    try:
        make_trusted_folder(folder, "state folder")
        status = folder.stat()
        # Of a link, both ends: in /tmp anybody could have laid one.
        for uid in {status.st_uid, folder.lstat().st_uid} - {os.getuid(), 0}:
            raise PermissionError(1, f"it belongs to user {uid}")
        if status.st_mode & stat.S_IWOTH:
            raise PermissionError(1, "everybody may write to it")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(1, "it is not writable")
    except OSError as error:
        raise UsageError(
            f"The state folder {folder} cannot be used: {error.strerror}.",
            f"Give the releasing user rights to it, or choose another (--state-dir, ${STATE_DIR_VARIABLE}).",
        ) from error


def find_state_dir(given: Path | None = None) -> Path:
    """`given`, else the environment's, else /var/lib/debvisor-tui for root, else the user's state folder."""
    if given is not None:
        return given.expanduser().resolve()
    if variable := os.environ.get(STATE_DIR_VARIABLE):
        return Path(variable).expanduser().resolve()
    if os.geteuid() == 0:
        return Path("/var/lib/debvisor-tui")
    from platformdirs import user_state_path

    return user_state_path("debvisor-tui")
