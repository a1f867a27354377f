"""What of this program itself a release would meet on this host: its journal, its lock, and the next logout."""

import asyncio
import shlex

from debvisor_tui.adapters.sources import open_source
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.checks import Check, CheckState
from debvisor_tui.model.states import RunState
from debvisor_tui.runner.launch import find_service, logout_ends_it
from debvisor_tui.runner.lock import find_lasting_holder
from debvisor_tui.runner.lock_holder import holder_by_kernel
from debvisor_tui.runner.paths import TargetPaths
from debvisor_tui.tasks import doctor


async def examine(settings: Settings, places: TargetPaths) -> list[Check]:
    """Of the whole target: `tasks/doctor.py`, and this."""
    found = await asyncio.gather(
        doctor.examine(settings),
        doctor.bounded("runner", asyncio.to_thread(_runner, settings, places)),
        doctor.bounded("journal", asyncio.to_thread(_journal, places)),
    )
    return [check for checks in found for check in checks]


def _runner(settings: Settings, places: TargetPaths) -> list[Check]:
    found = []
    if warning := logout_ends_it():
        found.append(Check("runner", CheckState.WARNING, warning))
    else:
        service = find_service()
        how = f"started by {service.words}: no logout ends it" if service else "started by setsid"
        found.append(Check("runner", CheckState.GOOD, how))
    holder = find_lasting_holder(places)
    if holder is not None:
        fix = "Attach to it: debvisor-tui attach" if holder.attachable else "Wait for its end."
        found.append(Check("runner", CheckState.BAD, f"{holder.who} has the target: {holder.what}", fix))
        return found
    for path in open_source(settings).locks():
        if (other := holder_by_kernel(path)) is not None:
            where = f" from {other.state_dir}" if other.state_dir else ""
            text = f"{other.who} works on {path}{where}: {other.what}"
            found.append(Check("runner", CheckState.BAD, text, "Wait for its end, or ask them."))
    return found


def _journal(places: TargetPaths) -> list[Check]:
    folder = doctor.nearest_folder(places.folder)
    if why := doctor.unwritable(folder):
        return [Check("journal", CheckState.BAD, why, f"See: ls -ld {shlex.quote(str(folder))}")]
    if not places.has_journal():
        return [Check("journal", CheckState.GOOD, f"none yet; it will be {places.journal}")]
    from debvisor_tui.runner.live_history import LiveHistory

    history = LiveHistory(places)
    try:
        active, last = history.active(), history.runs(limit=1)
    finally:
        history.close()
    if active is not None and active.state is RunState.INTERRUPTED:
        what = f"run {active.id} to {active.to_version} was interrupted, and has not ended"
        return [Check("journal", CheckState.BAD, what, f"Resume it or roll it back: debvisor-tui attach {active.id}")]
    text = f"{places.journal}, {f'last run {last[0].id}' if last else 'empty'}"
    return [Check("journal", CheckState.GOOD, text)]
