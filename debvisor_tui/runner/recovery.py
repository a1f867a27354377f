"""After a runner was gone: what it left running is ended, what was under way is marked, nothing is run again."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from debvisor_tui.model.text import one_line
from debvisor_tui.runner.orphans import Orphan, end_orphans, host_restarted_since
from debvisor_tui.runner.recorder import Recorder
from debvisor_tui.store.history import History

RESTARTED = "The host was restarted since: nothing that was running then can still run."
GONE = "its runner was gone while it ran"


@dataclass(slots=True)
class OrphanReport:
    """What was found running of a step, in sentences: `told` for the log, `danger` what runs on and must not."""

    told: list[str] = field(default_factory=list)
    danger: list[str] = field(default_factory=list)


async def recover(
    recorder: Recorder, history: History, run: int, spared: Set[str] = frozenset()
) -> Mapping[str, OrphanReport]:
    """Mark run `run`, which has no runner any more, as interrupted; what was found running of its steps, by step.

    `spared`: the steps whose commands may leave the service itself running.
    """
    found: dict[str, OrphanReport] = {}
    for child in history.children(run):
        orphans = await end_orphans(child, spare=child.step in spared)
        of_step = found.setdefault(child.step, OrphanReport())
        if host_restarted_since(child) and RESTARTED not in of_step.told:
            of_step.told.append(RESTARTED)
        for orphan in orphans:
            of_step.told.append(_told(orphan))
            if not (orphan.ended or orphan.spared):
                of_step.danger.append(_told(orphan))
        if all(orphan.ended or orphan.spared for orphan in orphans):
            await recorder.do(recorder.journal.end_child, child.id)
    await recorder.do(recorder.journal.interrupt, run, GONE)
    return found


def _told(orphan: Orphan) -> str:
    name = f"pid {orphan.pid} ({one_line(orphan.command, 120)})"
    if orphan.spared:
        return f"{name} was left running by the restart, and runs on: it may be the service"
    if orphan.ended:
        return f"{name} was left running, and was ended"
    return f"{name} STILL RUNS and could not be ended: end it before you go on"
