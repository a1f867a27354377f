"""Answers questions about the world as one JSON document: `python -m … CONFIG STATE QUESTION …` (query_client.py)."""

import asyncio
import json
import signal
import sys
from collections.abc import Coroutine
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from debvisor_tui.config.load import load_settings
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.errors import DebvisorError, UsageError
from debvisor_tui.model.rollback import RollbackOptions
from debvisor_tui.model.secrets_registry import scrub, scrub_all
from debvisor_tui.model.views import Now
from debvisor_tui.runner.paths import TargetPaths


def _with_notes(now: Now, places: TargetPaths) -> Now:
    """`now`, with what the journal and the log of work by hand have to say to it."""
    from debvisor_tui.runner.by_hand_log import with_works_by_hand

    if not places.has_journal():
        return with_works_by_hand(now, places, None)
    from debvisor_tui.runner.left_behind import with_left_behind
    from debvisor_tui.store.history import History

    try:
        history = History(places.journal)
        try:
            return with_works_by_hand(with_left_behind(now, history), places, history)
        finally:
            history.close()
    except DebvisorError as error:  # what runs is known all the same
        return with_works_by_hand(replace(now, problems=(*now.problems, error.what)), places, None)


async def answer(settings: Settings, places: TargetPaths, question: str, *args: str) -> Any:
    """The answer as plain data; DebvisorError if there is none."""
    match question:
        case "now":
            from debvisor_tui.tasks.status import what_runs_now

            return asdict(_with_notes(await what_runs_now(settings), places))
        case "versions":
            from debvisor_tui.tasks.plan import versions

            return [asdict(version) for version in await versions(settings)]
        case "plan":
            from debvisor_tui.runner.usual import usual_at
            from debvisor_tui.tasks.plan import plan_release

            plan = asdict(await plan_release(settings, args[0], fetch=args[1] == "fetch"))
            usual = usual_at(settings, places)
            for step in plan["steps"]:
                step["usual"] = usual.get(step["id"])
            return plan
        case "rollback":
            from debvisor_tui.runner.rollback_planning import plan_way_back
            from debvisor_tui.store.history import History

            options = RollbackOptions.from_json(json.loads(args[1]))
            return asdict(
                await plan_way_back(settings, History(places.journal), int(args[0]), options, all_rows=True)
            )
        case "doctor":
            from debvisor_tui.runner.doctor import examine

            return [asdict(check) for check in await examine(settings, places)]
        case _:
            raise UsageError(f"No such question: {question}")


async def _until_told_to_end(answering: Coroutine[Any, Any, Any]) -> Any:
    """Its answer; who asked may have gone meanwhile, and what was made for the answer is removed then."""
    task = asyncio.ensure_future(answering)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        raise SystemExit(1) from None


def main() -> None:
    config, state_dir, question, *args = sys.argv[1:]
    try:
        settings = load_settings(Path(config))
        settings.remember_secrets()
        places = TargetPaths(Path(state_dir), settings.name)
        # What it found in the world is foreign, and no step's context has cleaned it.
        document = {"answer": scrub_all(asyncio.run(_until_told_to_end(answer(settings, places, question, *args))))}
    except DebvisorError as error:
        document = {"error": {"what": scrub(error.what), "hint": scrub(error.hint)}}
    print(json.dumps(document, default=str))


if __name__ == "__main__":
    main()
