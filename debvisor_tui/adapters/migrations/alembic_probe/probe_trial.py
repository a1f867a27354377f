"""Tries the pending revisions on a copy: up, one by one, down again to where it stood, and up once more.

Part of the probe that runs in the release's own interpreter: the standard library and alembic alone. After each step
it says what it did, and waits for an answer: whoever asked looks at the copy meanwhile. Each step is a whole
run of env.py, so that what was done is committed, and nothing holds the copy.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Callable, Dict  # noqa: UP035 - it may run Python 3.8

if TYPE_CHECKING or __package__:
    from debvisor_tui.adapters.migrations.alembic_probe.probe_release import Failure, Release, quietly
else:  # run as a folder: python puts it first on sys.path
    from probe_release import Failure, Release, quietly

Json = Dict[str, Any]  # noqa: UP006
Tell = Callable[[Json], None]  # and waits for the answer


def trial(release: Release, tell: Tell) -> Json:
    """{"tried": how many of the three ways were gone to their end, "open": what could not be closed}; each step is
    told as an event."""
    assert release.closed is not None  # noqa: S101 - it is only run with --look
    steps = release.pending_steps(release.current())
    scripts = [step.revision for step in steps]
    tell({"event": "ready", "revisions": [script.revision for script in scripts]})
    ways = (("up", scripts), ("down", scripts[::-1]), ("again", scripts))
    for number, (way, ordered) in enumerate(ways):
        for script in ordered:
            if not _try(release, way, script, tell):
                return {"tried": number, "open": release.closed.open}
    return {"tried": len(ways), "open": release.closed.open}


def _try(release: Release, way: str, script: Any, tell: Tell) -> bool:
    """One step; whether it was done."""
    from alembic.runtime.migration import MigrationStep

    closed = release.closed
    assert closed is not None  # noqa: S101
    make = MigrationStep.downgrade_from_script if way == "down" else MigrationStep.upgrade_from_script
    event: Json = {"event": "tried", "way": way, "revision": script.revision, "error": ""}
    release.started = (script.revision, script.doc or "")
    began = 0.0

    def work(rev: Any, context: Any) -> Any:
        nonlocal began
        began = time.monotonic()
        yield make(release.script.revision_map, script)

    with closed.trying() as tried:
        try:
            with quietly():
                release.run_env(work, as_sql=False, starting_rev=None, destination_rev=script.revision)
        except Failure as failure:
            event["error"] = failure.answer["what"]
    event["seconds"] = round(time.monotonic() - began, 3) if began else 0.0
    event["refused"] = tried.refused()
    event["touched"] = sorted(tried.touched)
    event["sql"] = tried.sql
    event["undoes"] = release.undoes
    release.started = None
    tell(event)
    return not event["error"] and not event["refused"]
