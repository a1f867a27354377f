"""Asks alembic, in the release's own interpreter, what stands and what is pending, and moves the database.

A program of its own: it imports the standard library and alembic alone (Python 3.8 and later), never this package.

    python alembic_probe --ini FILE [--relocate FROM TO] --look LIVE  current | history | pending
    python alembic_probe --ini FILE                                   upgrade TARGET | downgrade TARGET

The database's SQLAlchemy URL is in $DATABASE_URL, with an absolute path if it is SQLite; with `--look` that is a
copy, the database itself is at LIVE, and the release's code reaches neither it nor anything else (closed.py). It
writes JSON objects to stdout, a line each: {"event", …} as each revision starts and ends, and last its answer:
{"current", …}, or {"error": kind, "what", "hint"} and exit code 1. What env.py and the migrations print goes to
stderr.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import sys
import time
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Optional, Tuple  # noqa: UP035 - it may run Python 3.8

if TYPE_CHECKING or __package__:
    from debvisor_tui.adapters.migrations.alembic_probe.alembic_recorder import describe, first_line
    from debvisor_tui.adapters.migrations.alembic_probe.closed import CannotTell, Closed, denied
else:  # run as a folder: python puts it first on sys.path
    from alembic_recorder import describe, first_line
    from closed import CannotTell, Closed, denied

Json = Dict[str, Any]  # noqa: UP006

STANDARD_LIBRARY = os.path.dirname(os.__file__) + os.sep
HELD = "Another process holds it: see which with `fuser -v {path}`, let it finish, then try again."


class Failure(Exception):
    """Ends the probe with a clear answer."""

    def __init__(self, kind: str, what: str, hint: str = "", **more: Any) -> None:
        super().__init__(what)
        self.answer: Json = {"error": kind, "what": what, "hint": hint, **more}


#: Where a server listens if its URL does not say.
PORTS = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306}


def place_of(url: Any) -> Tuple[str, str, int, str]:  # noqa: UP006
    """Which database a URL means: two that differ only in driver, user, options or the name of this host are one."""
    backend = {"mariadb": "mysql"}.get(url.get_backend_name(), url.get_backend_name())
    host = str(url.host or url.query.get("host") or "")
    here = not host or host.startswith("/") or host in ("localhost", "127.0.0.1", "::1")
    port = int(url.port or url.query.get("port") or PORTS.get(backend, 0))
    return (backend, "" if here else host.lower(), port, str(url.database or url.username or ""))


class Probe:
    def __init__(self, options: argparse.Namespace, say: Callable[[Json], None]) -> None:
        self.url = os.environ.get("DATABASE_URL", "")
        self.say = say
        self.started: Optional[Tuple[str, str]] = None  # noqa: UP006, UP045 - the revision under way
        self.applied: List[Json] = []  # noqa: UP006
        self.undoes = True  # a revision that fails is undone whole
        self.path = self._database_file()
        self.live = os.path.realpath(options.look) if options.look else self.path
        if not os.path.isfile(options.ini):
            raise Failure("no-ini", f"There is no alembic.ini at {options.ini}", "Fix database.alembic_ini.")
        self.closed = Closed(self.live, self.path) if options.look else None
        self._load(options)

    def _database_file(self) -> str:
        """The SQLite file's path, or ""; a file that is not there must not be made by looking at it."""
        from sqlalchemy.engine import make_url

        url = make_url(self.url)
        if url.get_backend_name() != "sqlite" or not url.database or url.database.startswith("file:"):
            return ""
        if not os.path.isfile(url.database):
            hint = "Is database.url right? Nothing was made in its place."
            raise Failure("no-database", f"There is no database at {url.database}", hint)
        return os.path.realpath(url.database)

    def _load(self, options: argparse.Namespace) -> None:
        from alembic.config import Config
        from alembic.script import ScriptDirectory
        from sqlalchemy.engine import make_url

        try:
            self.config = Config(options.ini)
            for old, new in options.relocate or ():
                for name in self.config.file_config.options(self.config.config_ini_section):
                    value = self.config.get_main_option(name) or ""
                    if old in value:
                        self.config.set_main_option(name, value.replace(old, new).replace("%", "%%"))
            # An env.py that reads the ini file must reach the same database as one that reads the environment.
            self.config.set_main_option("sqlalchemy.url", self.url.replace("%", "%%"))
            self.script = ScriptDirectory.from_config(self.config)
            self.heads = sorted(self.script.get_heads())
        except (Exception, CannotTell) as error:
            what = f"The migrations of {options.ini} cannot be read: {first_line(error)}{_place(error)}"
            hint = "Is database.alembic_ini right, and are all migrations of the release whole?"
            raise Failure("bad-migrations", what, hint) from error
        self.dialect = make_url(self.url).get_backend_name()

    def head(self) -> Optional[str]:  # noqa: UP045
        if len(self.heads) > 1:
            what = f"The release has {len(self.heads)} heads: {', '.join(self.heads)}"
            hint = "Two branches of migrations were never joined: the release needs a merge revision (alembic merge)."
            raise Failure("heads", what, hint)
        return self.heads[0] if self.heads else None

    def run_env(self, fn: Any, **options: Any) -> None:
        """Run the release's env.py with `fn` as its work."""
        from alembic.runtime.environment import EnvironmentContext

        def guarded(rev: Any, context: Any) -> Any:
            reached = getattr(getattr(context.connection, "engine", None), "url", None)
            if reached is not None and self._is_elsewhere(reached):
                raise self._elsewhere(reached)
            self.undoes = bool(context.impl.transactional_ddl)
            return fn(rev, context)

        try:
            with EnvironmentContext(self.config, self.script, fn=guarded, **options):
                self.script.run_env()
        except Failure:
            raise
        except (Exception, SystemExit, CannotTell) as error:
            raise self._explain(error) from error

    def _is_elsewhere(self, reached: Any) -> bool:
        if self.path:
            return os.path.realpath(str(reached.database or "")) not in {self.path, self.live}
        from sqlalchemy.engine import make_url

        return place_of(reached) != place_of(make_url(self.url))

    def _elsewhere(self, reached: Any) -> Failure:
        from sqlalchemy.engine import make_url

        meant = self.live or make_url(self.url).render_as_string(hide_password=True)
        what = f"The release's env.py connects to {reached}, not to {meant}"
        hint = "Let env.py take the URL from DATABASE_URL, or fix database.url or database.environment."
        return Failure("other-database", what, hint)

    def _explain(self, error: BaseException) -> Failure:
        said = first_line(error)
        low = said.lower()
        refused = denied(error)
        if refused is not None and refused.database:
            return self._elsewhere(refused.database)
        if refused is not None:
            what = f"The release's env.py cannot be run for a look: {refused.what}{_place(error)}"
            return Failure(
                "refused", what, "That was refused: looking changes nothing. Read the migrations yourself."
            )
        if "database is locked" in low or "database table is locked" in low:
            return Failure("locked", f"The database {self.live} is locked", HELD.format(path=self.live))
        if "file is not a database" in low or "malformed" in low:
            return Failure("damaged", f"{self.live} is damaged: {said}", "Restore a backup of it.")
        if self.started:
            revision, message = self.started
            what = f"Revision {revision} ({message}) failed: {said}{_place(error)}"
            hint = "Fix the migration or the data, or roll back."
            if not self.undoes:
                hint += " What it did before the failing statement stands: it ran without a transaction around it."
            return Failure("migration-failed", what, hint, revision=revision)
        if type(error).__name__ == "CommandError":
            if "elative revision" in said:
                what = "There are not that many revisions below the one that the database stands at"
                return Failure("too-far", what, "See them: debvisor-cli db history")
            return Failure("alembic", f"alembic refuses: {error}", "")
        if "unable to open database file" in low or "readonly database" in low:
            return Failure("no-access", f"{self.live}: {said}", "Who owns the file and its folder?")
        what = f"The release's env.py failed: {said}{_place(error)}"
        return Failure("env", what, "Does it need settings? They go into [database.environment].")

    def current(self) -> Tuple[str, ...]:  # noqa: UP006
        found: List[str] = []  # noqa: UP006

        def look(rev: Any, context: Any) -> Any:
            found.extend(context.get_current_heads())
            return []

        with quietly():
            self.run_env(look, dont_mutate=True)
        return tuple(sorted(found))

    def known(self, revisions: Any) -> None:
        for revision in revisions:
            try:
                there = self.script.get_revision(revision)
            except Exception:
                there = None
            if there is None:
                what = f"The database stands at revision {revision}, which the code in place does not have"
                hint = (
                    "Other code moved it: a newer release, another branch. Put that code back, or restore a backup."
                )
                raise Failure("unknown-revision", what, hint, revision=revision)

    def pending(self) -> Json:
        head, current = self.head(), self.current()
        self.known(current)
        steps = self.script._upgrade_revs(head, current) if head else []  # type: ignore[arg-type]
        with quietly():
            found = [describe(step.revision, self.dialect, self.closed) for step in steps]
        refused = [refusal.what for refusal in self.closed.refusals] if self.closed else []
        answer = {"current": ", ".join(current) or None, "head": head, "pending": found}
        return {**answer, "refused": list(dict.fromkeys(refused))[:20]}

    def history(self) -> Json:
        current = self.current()
        rows = [
            {"revision": s.revision, "message": s.doc or "", "current": s.revision in current, "head": s.is_head}
            for s in self.script.walk_revisions()
        ]
        return {"current": ", ".join(current) or None, "history": rows[::-1]}

    def move(self, target: str, up: bool) -> Json:
        if up and target == "head":
            target = self.head() or "base"
        before = self.current()
        self.known(before)
        if not up and target != "base" and not target.startswith("-"):
            self._known_target(target)

        def work(rev: Any, context: Any) -> Any:
            plan = self.script._upgrade_revs if up else self.script._downgrade_revs
            steps = list(plan(target, rev))
            for number, step in enumerate(steps, 1):
                script = step.revision
                self.started = (script.revision, script.doc or "")
                row = {"revision": script.revision, "message": script.doc or "", "number": number, "of": len(steps)}
                self.say({"event": "started", **row})
                began = time.monotonic()
                yield step
                seconds = round(time.monotonic() - began, 3)
                self.applied.append({"revision": row["revision"], "message": row["message"], "seconds": seconds})
                self.say({"event": "applied", "seconds": seconds, **row})
            self.started = None

        # destination_rev and starting_rev are what env.py may ask of its context.
        self.run_env(work, as_sql=False, starting_rev=None, destination_rev=target)
        after = self.current()
        return {"before": ", ".join(before) or None, "after": ", ".join(after) or None, "applied": self.applied}

    def _known_target(self, target: str) -> None:
        try:
            there = self.script.get_revision(target)
        except Exception:
            there = None
        if there is None:
            what = f"The code in place does not have revision {target}"
            hint = "See which it has: debvisor-cli db history. Is the right release in place?"
            raise Failure("unknown-target", what, hint)


@contextmanager
def quietly() -> Iterator[None]:
    """Without alembic's own log, in a way that env.py's fileConfig does not undo."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _place(error: BaseException) -> str:
    """Where in the release's files `error` was raised, as " (in FILE, line N)", or ""."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        inside = os.sep + "versions" + os.sep in frame.filename or frame.filename.endswith("env.py")
        if inside and "site-packages" not in frame.filename and not frame.filename.startswith(STANDARD_LIBRARY):
            return f" (in {os.path.basename(frame.filename)}, line {frame.lineno})"
    return ""


def answer(options: argparse.Namespace, say: Callable[[Json], None]) -> Json:
    try:
        import alembic  # noqa: F401
    except ImportError as error:
        what = f"There is no alembic in {sys.executable}: {error}"
        raise Failure("no-alembic", what, "database.python must be the interpreter of the release.") from error
    probe = Probe(options, say)
    if options.command == "current":
        current = probe.current()
        return {"current": ", ".join(current) or None, "heads": probe.heads}
    if options.command == "pending":
        return probe.pending()
    if options.command == "history":
        return probe.history()
    return probe.move(options.target, options.command == "upgrade")


def main() -> int:
    gc.set_threshold(50_000)  # importing alembic makes many objects that all stay: looking through them costs a tenth
    sys.path[0] = os.getcwd()  # as `python -m alembic` has it; not the folder of this file
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever env.py or a migration prints, also from C, goes to stderr

    def say(row: Json) -> None:
        try:
            out.write(json.dumps(row) + "\n")
            out.flush()
        except OSError:  # whoever asked is gone: what was begun is brought to its end all the same
            os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())

    parser = argparse.ArgumentParser()
    parser.add_argument("--ini", required=True)
    parser.add_argument("--relocate", nargs=2, action="append")
    parser.add_argument("--look", metavar="LIVE")
    parser.add_argument("command", choices=["current", "history", "pending", "upgrade", "downgrade"])
    parser.add_argument("target", nargs="?", default="head")
    code = 0
    try:
        result = answer(parser.parse_args(), say)
    except Failure as failure:
        result, code = failure.answer, 1
    except (Exception, CannotTell) as error:  # the last line of defence: an answer, never a traceback
        result, code = {"error": "probe", "what": f"{first_line(error)}{_place(error)}", "hint": ""}, 1
    say(result)
    return code


if __name__ == "__main__":
    sys.exit(main())
