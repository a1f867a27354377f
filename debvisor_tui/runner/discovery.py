"""The runs of this user that go on, as their runners registered them: for who comes back without the options.

Each runner keeps a file in a folder that only its user can write to. What a process says of itself in its argument
list is never believed: anybody can start a setuid program with any arguments.
"""

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from debvisor_tui.config.trust import is_private_folder, make_trusted_folder, read_trusted, require_trusted
from debvisor_tui.model.errors import UsageError
from debvisor_tui.system.procfs import ProcessId, myself

MAX_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class GoingOn:
    """What names the run's target again: its config and the state folder."""

    config: Path
    state_dir: Path

    @property
    def options(self) -> tuple[str, ...]:
        return ("--config", str(self.config), "--state-dir", str(self.state_dir))


def registry() -> Path:
    """The folder of this user's registrations, wherever their runs keep their state: it must be found without it."""
    if os.geteuid() == 0:
        return Path("/run/debvisor-tui")
    from platformdirs import user_state_path

    return user_state_path("debvisor-tui") / "running"


def register(this: GoingOn) -> None:
    """Register this process as the runner of `this`. A run does not fail for it: it is a convenience for later."""
    folder, me = registry(), myself()
    entry = asdict(me) | {"config": str(this.config), "state_dir": str(this.state_dir)}
    with contextlib.suppress(OSError, UsageError):
        make_trusted_folder(folder, "folder of the runs that go on")
        _require_own(folder)
        for path in folder.glob("*.json"):
            if (found := _read(path)) is None or not found[0].alive():
                path.unlink(missing_ok=True)
        new = folder / f"{me.pid}.partial"
        new.unlink(missing_ok=True)
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with open(fd, "w", encoding="utf-8") as file:
            json.dump(entry, file)
        new.rename(folder / f"{me.pid}.json")


def unregister() -> None:
    with contextlib.suppress(OSError):
        (registry() / f"{os.getpid()}.json").unlink(missing_ok=True)


def runs_going_on() -> list[GoingOn]:
    """Those whose runner lives. Nothing is believed from a folder that another user could have filled."""
    folder = registry()
    try:
        _require_own(folder)
        entries = sorted(folder.glob("*.json"))
    except (OSError, UsageError):
        return []
    found: dict[GoingOn, None] = {}
    for path in entries:
        entry = _read(path)
        if entry is not None and entry[0].alive():
            found[entry[1]] = None
    return list(found)


def _require_own(folder: Path) -> None:
    require_trusted(folder, "folder of the runs that go on")
    if not is_private_folder(folder):
        raise UsageError(f"The folder {folder} is not a private folder of yours.", f"Remove it: rm -r {folder}")


def _read(path: Path) -> tuple[ProcessId, GoingOn] | None:
    """None if it is gone, not whole, or not to be believed."""
    try:
        told: dict[str, Any] = json.loads(read_trusted(path, "registration", MAX_BYTES))
        identity = ProcessId(int(told["pid"]), int(told["start_ticks"]), str(told["boot_id"]))
        return identity, GoingOn(Path(str(told["config"])), Path(str(told["state_dir"])))
    except (OSError, ValueError, TypeError, KeyError, UsageError):
        return None
