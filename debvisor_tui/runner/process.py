"""The detached process that owns a run: `python -m debvisor_tui.runner.process START …` (argv.py), by launch.py.

START names a file with one JSON object, which is removed at once: {"config", "state_dir", "ready", "log", "how",
"umask", "environment" (for a service, which does not inherit its caller's), "who": {…}, "work": {"kind": "release",
"version", "identity" (of the artifact that was agreed to, or None), "auto"} | {"kind": "rollback", "run", "options"}
| {"kind": "resume", "run"}}. When the run is journaled, and clients can connect, or when it cannot start, `ready`
is written: {"run": int} or {"code", "what", "hint"}.
"""

import asyncio
import contextlib
import gc
import importlib
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from debvisor_tui.model.secrets_registry import scrub_all
from debvisor_tui.runner.handshake import take_start, write_answer
from debvisor_tui.runner.log_file import take_output
from debvisor_tui.system.failpoints import arm, at, reach

if TYPE_CHECKING:
    from debvisor_tui.model.views import ReleasePlan
    from debvisor_tui.runner.session import Session

#: Objects made between two collections: imports make many that all stay, and looking through them costs a tenth.
GC_THRESHOLD = 50_000


def main() -> None:
    gc.set_threshold(GC_THRESHOLD)
    start = take_start(Path(sys.argv[1]))
    if "environment" in start:
        os.environ.clear()
        os.environ.update(start["environment"])
    elif pid := os.fork():
        # The caller has put us in a session of our own; by a second fork its end leaves no zombie, and ours no tty.
        os.write(1, f"{pid}\n".encode())
        os._exit(0)
    arm()
    os.umask(start["umask"])
    os.chdir("/")
    # A child that prints to a lost terminal dies of it: what is printed goes to the runner's own log.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    take_output(Path(start["log"]))
    if start["how"] not in {"setsid", "systemd-run", "systemd-run --user"}:
        print(f"started by {start['how']}")
    sys.exit(asyncio.run(_run(start)))


async def _run(start: dict[str, Any]) -> int:
    from debvisor_tui.adapters.sources import open_source
    from debvisor_tui.config.load import load_settings
    from debvisor_tui.model.artifacts import Artifact
    from debvisor_tui.model.errors import DebvisorError, JournalError, UsageError
    from debvisor_tui.model.people import Person
    from debvisor_tui.model.rollback import RollbackOptions
    from debvisor_tui.runner.discovery import GoingOn, register, unregister
    from debvisor_tui.runner.lock import TargetLock
    from debvisor_tui.runner.lock_holder import words_of
    from debvisor_tui.runner.paths import TargetPaths
    from debvisor_tui.runner.peers import Peer, person_behind

    task = asyncio.current_task()
    assert task is not None  # noqa: S101
    session: Session | None = None
    seen: Artifact | None = None

    def end() -> None:
        if session is not None:
            session.give_up()
        task.cancel()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, lambda: None)
    ready = Path(start["ready"])
    work = start["work"]
    # Whoever could start this process as this user has this user's rights, and the name that goes with them.
    who = person_behind(Peer(os.getpid(), os.getuid()), Person.from_json(start["who"]))
    at(f"start-{work['kind']}")
    lock = None
    reason = "the runner ended"
    failure: dict[str, Any] | None = None
    planning: asyncio.Task[ReleasePlan] | None = None
    try:
        settings = load_settings(Path(start["config"]))
        places = TargetPaths(Path(start["state_dir"]), settings.name)
        places.prepare()
        lock = TargetLock.acquire(places, str(who), words_of(work), open_source(settings).locks())
        reach("locked")
        if work["kind"] == "release":
            from debvisor_tui.tasks.plan import plan_release

            # The plan waits for the source most of the time; the journal's libraries are imported meanwhile.
            seen = Artifact(work["version"], work["identity"]) if work["identity"] else None
            plan = plan_release(settings, work["version"], fetch=seen is None)
            planning = asyncio.create_task(plan, name="plan")
        loaded = await asyncio.to_thread(importlib.import_module, "debvisor_tui.runner.session")
        await asyncio.to_thread(settings.secrets)  # a secret's command may take its time: not on the event loop
        session = loaded.Session(settings, places, lock, start["how"])
        match work["kind"]:
            case "release":
                assert planning is not None  # noqa: S101 - begun above
                run = await session.new_release(planning, who, seen, auto=bool(work["auto"]))
            case "rollback":
                run = await session.new_rollback(work["run"], RollbackOptions.from_json(work["options"]), who)
            case _:
                run = await session.resume(work["run"], who)
        await session.listen(run)
        register(GoingOn(settings.path, places.state_dir))
        reach("ready before")
        if not write_answer(ready, {"run": run}):
            raise UsageError(f"Whoever started this has given up waiting; run {run} was not begun.")
        reach("ready after")
        warming = asyncio.create_task(asyncio.to_thread(_warm), name="warm")
        state = await session.drive(run, auto=bool(work.get("auto", False)))
        reason = f"the run has ended: {state}"
        await warming
        return 0
    except JournalError as error:
        reason = error.what
        print(error, file=sys.stderr)
        failure = {"code": error.exit_code, "what": error.what, "hint": error.hint}
        return 1
    except DebvisorError as error:
        print(error, file=sys.stderr)
        failure = {"code": error.exit_code, "what": error.what, "hint": error.hint}
        return error.exit_code
    except asyncio.CancelledError:
        reason = "the runner was ended by a signal"
        return 130
    except Exception as bug:
        traceback.print_exception(bug)
        what = f"The runner failed: {type(bug).__name__}: {bug}"
        failure = {"code": 1, "what": what, "hint": f"This is a bug; its details are in {start['log']}."}
        return 1
    finally:
        if planning is not None:
            planning.cancel()
        with contextlib.suppress(JournalError):
            if session is not None:
                await session.close(reason)
        unregister()
        if lock is not None:
            lock.release()
        if failure is not None:  # said last: who hears it finds the lock free
            with contextlib.suppress(OSError):  # nobody can be told; the log has it
                write_answer(ready, scrub_all(failure))


def _warm() -> None:
    """Import what later steps need while the first ones wait for commands."""
    import httpx
    import prometheus_client.parser

    for step in ("restart", "health", "smoke", "monitor"):
        importlib.import_module(f"debvisor_tui.tasks.{step}")
    del httpx, prometheus_client


if __name__ == "__main__":
    main()
