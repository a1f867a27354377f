"""Asks alembic, in the release's own interpreter, what stands and what is pending, and moves the database.

A program of its own: it imports the standard library and alembic alone (Python 3.8 and later), never this package.

    python alembic_probe --ini FILE [--moved OLD NEW] [--tree TREE]… --look LIVE  current | history | pending | …
    python alembic_probe --ini FILE [--only REVISION,…]                          upgrade | downgrade TARGET

`--moved`: the code that is to be looked at is at NEW, and the release's files call that place OLD; `--tree`: the
migrations must be in one of these. The database's SQLAlchemy URL is in $DATABASE_URL, with an absolute path if it is
SQLite; with `--look` that is a copy, the database itself is at LIVE, and the release's code reaches neither it nor
anything else (probe_closed.py). `trial` and `fit` work on the copy (probe_trial.py, probe_fit.py). `upgrade` goes up
to the head, and refuses where that would apply other revisions than `--only` names. `downgrade -N` goes N revisions
down; else TARGET names the heads, "b2, c2" or base, that the database stands at afterwards, and at no others.

It writes JSON objects to stdout, a line each: {"event", …} as each revision starts and ends, and last its answer:
{"current", …}, or {"error": kind, "what", "hint"} and exit code 1. The events of `trial` and `fit` want an empty line
on stdin before it goes on. What env.py and the migrations print goes to stderr.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional  # noqa: UP035 - it may run Python 3.8

if TYPE_CHECKING or __package__:
    from debvisor_tui.adapters.migrations.alembic_probe.probe_closed import CannotTell
    from debvisor_tui.adapters.migrations.alembic_probe.probe_fit import fit
    from debvisor_tui.adapters.migrations.alembic_probe.probe_recorder import describe, first_line
    from debvisor_tui.adapters.migrations.alembic_probe.probe_release import Failure, Release, place, quietly
    from debvisor_tui.adapters.migrations.alembic_probe.probe_trial import trial
else:  # run as a folder: python puts it first on sys.path
    from probe_closed import CannotTell
    from probe_fit import fit
    from probe_recorder import describe, first_line
    from probe_release import Failure, Release, place, quietly
    from probe_trial import trial

Json = Dict[str, Any]  # noqa: UP006
Say = Callable[[Json], None]


def joined(revisions: Any) -> Optional[str]:  # noqa: UP045
    return ", ".join(revisions) or None


def current(release: Release) -> Json:
    stands = release.current()
    return {"current": joined(stands), "heads": list(release.heads)}


def history(release: Release) -> Json:
    stands = release.current()
    release.heads  # noqa: B018 - says what is wrong with migrations that cannot be read
    rows = [
        {"revision": s.revision, "message": s.doc or "", "current": s.revision in stands, "head": s.is_head}
        for s in release.script.walk_revisions()
    ]
    return {"current": joined(stands), "history": rows[::-1]}


def pending(release: Release, trees: List[str]) -> Json:  # noqa: UP006
    stands = release.current()
    if folder := release.outside(trees, release.script.dir):
        answer: Json = {"current": joined(stands), "head": None, "pending": [], "elsewhere": folder}
    else:
        steps = release.pending_steps(stands)
        with quietly():
            found = [describe(step.revision, release.dialect, release.closed) for step in steps]
        for row, step in zip(found, steps):  # noqa: B905 - Python 3.8 knows no `strict`
            if folder := release.outside(trees, step.revision.path):
                row["unknown"] = row["unknown"] or f"it was read from {folder}, which is not the release's own"
        answer = {"current": joined(stands), "head": release.head(), "pending": found}
    refused = [refusal.what for refusal in release.closed.refusals] if release.closed else []
    return {**answer, "dialect": release.dialect, "refused": list(dict.fromkeys(refused))[:20]}


def move(release: Release, command: str, target: str, only: Optional[str], say: Say) -> Json:  # noqa: UP045
    before = release.current()
    release.heads  # noqa: B018 - as above
    release.known(before)
    applied: List[Json] = []  # noqa: UP006

    def steps_from(rev: Any) -> Any:
        if command == "upgrade":
            return release.pending_steps(rev)
        if target.startswith("-"):
            return list(release.script._downgrade_revs(target, rev))
        return release.steps_down_to([] if target == "base" else target.split(", "), rev)

    def work(rev: Any, context: Any) -> Any:
        steps = steps_from(rev)
        if only is not None:
            require_shown([step.revision.revision for step in steps], only.split(",") if only else [])
        for number, step in enumerate(steps, 1):
            script = step.revision
            release.started = (script.revision, script.doc or "")
            row = {"revision": script.revision, "message": script.doc or "", "number": number, "of": len(steps)}
            say({"event": "started", **row})
            began = time.monotonic()
            yield step
            seconds = round(time.monotonic() - began, 3)
            applied.append({"revision": row["revision"], "message": row["message"], "seconds": seconds})
            say({"event": "applied", "seconds": seconds, **row})
        release.started = None

    # destination_rev and starting_rev are what env.py may ask of its context.
    destination = release.head() if command == "upgrade" else target
    release.run_env(work, as_sql=False, starting_rev=None, destination_rev=destination)
    return {"before": joined(before), "after": joined(release.current()), "applied": applied}


def require_shown(found: List[str], shown: List[str]) -> None:  # noqa: UP006
    if found == shown:
        return
    more = [revision for revision in found if revision not in shown]
    less = [revision for revision in shown if revision not in found]
    differs = [f"not shown: {', '.join(more)}"] if more else []
    differs += [f"not there: {', '.join(less)}"] if less else []
    what = f"The code in place has other migrations than were shown ({'; '.join(differs) or 'in another order'})"
    raise Failure("not-shown", what, "None was applied. Run the migration check again, and look at them.")


def answer(options: argparse.Namespace, say: Say, tell: Say) -> Json:
    try:
        import alembic  # noqa: F401
    except ImportError as error:
        what = f"There is no alembic in {sys.executable}: {error}"
        raise Failure("no-alembic", what, "database.python must be the interpreter of the release.") from error
    release = Release(options.ini, options.look, [(old, new) for old, new in options.moved or ()])
    if options.command == "current":
        return current(release)
    if options.command == "history":
        return history(release)
    if options.command == "pending":
        return pending(release, options.tree)
    if options.command == "trial":
        return trial(release, tell)
    if options.command == "fit":
        return fit(release, tell)
    return move(release, options.command, options.target, options.only, say)


def main() -> int:
    gc.set_threshold(50_000)  # importing alembic makes many objects that all stay: looking through them costs a tenth
    sys.path[0] = os.getcwd()  # as `python -m alembic` has it; not the folder of this file
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    answers = os.fdopen(os.dup(0), encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # nobody answers a migration that asks
    os.dup2(2, 1)  # whatever env.py or a migration prints, also from C, goes to stderr

    def say(row: Json) -> None:
        try:
            out.write(json.dumps(row) + "\n")
            out.flush()
        except OSError:  # whoever asked is gone: what was begun is brought to its end all the same
            os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())

    def tell(row: Json) -> None:
        say(row)
        answers.readline()

    parser = argparse.ArgumentParser()
    parser.add_argument("--ini", required=True)
    parser.add_argument("--moved", nargs=2, action="append")
    parser.add_argument("--tree", action="append", default=[])
    parser.add_argument("--look", metavar="LIVE", default="")
    parser.add_argument("--only")
    parser.add_argument("command", choices=["current", "history", "pending", "trial", "fit", "upgrade", "downgrade"])
    parser.add_argument("target", nargs="?", default="head")
    code = 0
    try:
        result = answer(parser.parse_args(), say, tell)
    except Failure as failure:
        result, code = failure.answer, 1
    except (Exception, CannotTell) as error:  # the last line of defence: an answer, never a traceback
        result, code = {"error": "probe", "what": f"{first_line(error)}{place(error)}", "hint": ""}, 1
    say(result)
    return code


if __name__ == "__main__":
    sys.exit(main())
