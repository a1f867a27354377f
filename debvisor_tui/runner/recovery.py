"""After a runner was gone: its children are found and ended, its attempts marked, nothing is run again."""

import asyncio
import contextlib
import os
import signal
import time

from debvisor_tui.model.states import ACTIVE_RUN_STATES, RunState, StepState
from debvisor_tui.runner.identity import ProcessIdentity, boot_id
from debvisor_tui.runner.recorder import Recorder
from debvisor_tui.store.history import History

GRACE = 5.0  # seconds between TERM and KILL
POLL = 0.05


async def recover(recorder: Recorder, history: History, run: int) -> None:
    """Mark run `run`, which has no runner any more, as interrupted, with what was under way. The lock is held."""
    view = history.run(run)
    assert view is not None  # noqa: S101 - the caller has found it
    await _reap(recorder, history, run)
    for step in view.steps:
        attempt = step.attempt
        if attempt is not None and attempt.state is StepState.RUNNING:
            end = recorder.journal.end_attempt
            await recorder.do(end, attempt.id, StepState.INTERRUPTED, None, "its runner was gone while it ran")
    if view.run.state in ACTIVE_RUN_STATES:
        await recorder.do(recorder.journal.set_run_state, run, RunState.INTERRUPTED, "its runner was gone")


async def _reap(recorder: Recorder, history: History, run: int) -> None:
    here = boot_id()
    for child in history.children(run):
        identity = ProcessIdentity(child.pid, child.start_ticks, child.boot_id)
        # A pid of another boot, or with another start time, is a stranger's by now: it is left alone.
        if child.boot_id == here and identity.alive():
            await _end_group(identity)
        await recorder.do(recorder.journal.end_child, child.id)


async def _end_group(identity: ProcessIdentity) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(identity.pid, number)  # each child leads a group of its own
        deadline = time.monotonic() + GRACE
        while identity.alive() and time.monotonic() < deadline:  # noqa: ASYNC110 - not our child: nothing to await
            await asyncio.sleep(POLL)
        if not identity.alive():
            return
