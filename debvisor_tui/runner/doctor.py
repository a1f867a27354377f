"""What of this program itself a release would meet on this host: its journal, its lock, and the next logout."""

import os

from debvisor_tui.config.settings import Settings
from debvisor_tui.model.checks import Check, CheckState
from debvisor_tui.model.errors import DebvisorError
from debvisor_tui.model.states import RunState
from debvisor_tui.runner.launch import find_service, logout_ends_it
from debvisor_tui.runner.lock import find_holder
from debvisor_tui.runner.paths import TargetPaths
from debvisor_tui.tasks import doctor


async def examine(settings: Settings, places: TargetPaths) -> list[Check]:
    """Of the whole target: `tasks/doctor.py`, and this."""
    return [*await doctor.examine(settings), *_runner(places), *_journal(places)]


def _runner(places: TargetPaths) -> list[Check]:
    found = []
    if warning := logout_ends_it():
        found.append(Check("runner", CheckState.WARNING, warning))
    else:
        service = find_service()
        found.append(Check("runner", CheckState.GOOD, f"started by {service or 'setsid'}, and outlives this login"))
    try:
        holder = find_holder(places)
    except DebvisorError as error:
        return [*found, Check("runner", CheckState.BAD, error.what, error.hint)]
    if holder is not None:
        fix = "Attach to it: debvisor-tui attach" if holder.attachable else "Wait for its end."
        found.append(Check("runner", CheckState.BAD, f"{holder.who} has the target: {holder.what}", fix))
    return found


def _journal(places: TargetPaths) -> list[Check]:
    folder = next(path for path in (places.folder, *places.folder.parents) if path.exists())
    if not os.access(folder, os.W_OK | os.X_OK):
        return [Check("journal", CheckState.BAD, f"{folder} cannot be written to", f"See: ls -ld {folder}")]
    if not places.has_journal():
        return [Check("journal", CheckState.GOOD, f"none yet; it will be {places.journal}")]
    from debvisor_tui.runner.live_history import LiveHistory

    try:
        history = LiveHistory(places)
        try:
            active, last = history.active(), history.runs(limit=1)
        finally:
            history.close()
    except DebvisorError as error:
        return [Check("journal", CheckState.BAD, error.what, error.hint)]
    if active is not None and active.state is RunState.INTERRUPTED:
        what = f"run {active.id} to {active.to_version} was interrupted, and has not ended"
        fix = f"Take it up, or back: debvisor-tui attach {active.id}, debvisor-tui rollback {active.id}"
        return [Check("journal", CheckState.BAD, what, fix)]
    return [
        Check("journal", CheckState.GOOD, f"{places.journal}, {'last run ' + str(last[0].id) if last else 'empty'}")
    ]
