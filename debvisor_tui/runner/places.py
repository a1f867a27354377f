"""Where a target's journal, lock, socket and runner log lie: one private folder a target."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from debvisor_tui.model.errors import UsageError

STATE_DIR_VARIABLE = "DEBVISOR_TUI_STATE_DIR"
#: sun_path holds 108 bytes with its NUL (unix(7)); a longer path is moved to a short private folder.
SOCKET_PATH_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Places:
    """`state_dir` is shared by all targets of a host; `folder` is this target's own, 0700."""

    state_dir: Path
    target: str

    @property
    def folder(self) -> Path:
        return self.state_dir / "targets" / self.target

    @property
    def journal(self) -> Path:
        return self.folder / "journal.db"

    @property
    def lock(self) -> Path:
        return self.folder / "lock"

    @property
    def runner_log(self) -> Path:
        return self.folder / "runner.log"

    @property
    def socket(self) -> Path:
        path = self.folder / "runner.sock"
        if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT:
            return path
        digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
        return Path(f"/tmp/debvisor-tui-{os.getuid()}") / f"{digest}.sock"  # noqa: S108 - made 0700, owner checked

    def prepare(self) -> None:
        """Make the folders, private to this user; UsageError if that cannot be, before anything else is done."""
        for folder in (self.folder, self.socket.parent):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                status = folder.stat()
                if status.st_uid not in {os.getuid(), 0}:
                    raise PermissionError(1, f"it belongs to user {status.st_uid}")
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
