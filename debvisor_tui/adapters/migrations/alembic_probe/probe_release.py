"""A release's migrations as its own alembic has them: its config, its scripts, its env.py.

Part of the probe that runs in the release's own interpreter: the standard library and alembic alone.
"""

from __future__ import annotations

import inspect
import logging
import os
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional, Set, Tuple  # noqa: UP035 - it may run Python 3.8

if TYPE_CHECKING or __package__:
    from debvisor_tui.adapters.migrations.alembic_probe.probe_closed import CannotTell, Closed, denied
    from debvisor_tui.adapters.migrations.alembic_probe.probe_recorder import first_line
    from debvisor_tui.adapters.migrations.alembic_probe.probe_relocation import (
        Pairs,
        is_inside,
        relocate_imports,
    )
else:  # run as a folder: python puts it first on sys.path
    from probe_closed import CannotTell, Closed, denied
    from probe_recorder import first_line
    from probe_relocation import Pairs, is_inside, relocate_imports

Json = Dict[str, Any]  # noqa: UP006

STANDARD_LIBRARY = os.path.dirname(os.__file__) + os.sep
HELD = "Another process holds it: see which with `fuser -v {path}`, let it finish, then try again."

#: Where a server listens if its URL does not say.
PORTS = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306}


class Failure(Exception):
    """Ends the probe with a clear answer."""

    def __init__(self, kind: str, what: str, hint: str = "", **more: Any) -> None:
        super().__init__(what)
        self.answer: Json = {"error": kind, "what": what, "hint": hint, **more}


def place_of(url: Any) -> Tuple[str, str, int, str]:  # noqa: UP006
    """Which database a URL means: two that differ only in driver, user, options or the name of this host are one."""
    backend = {"mariadb": "mysql"}.get(url.get_backend_name(), url.get_backend_name())
    host = str(url.host or url.query.get("host") or "")
    here = not host or host.startswith("/") or host in ("localhost", "127.0.0.1", "::1")
    port = int(url.port or url.query.get("port") or PORTS.get(backend, 0))
    return (backend, "" if here else host.lower(), port, str(url.database or url.username or ""))


class Release:
    """`started`: the revision under way and its message. `undoes`: a revision that fails is undone whole.

    `pairs`: where the release runs, and where the code that is looked at is; empty for the code in place.
    """

    def __init__(self, ini: str, live: str, pairs: Pairs) -> None:
        self.url = os.environ.get("DATABASE_URL", "")
        self.pairs = pairs
        self.started: Optional[Tuple[str, str]] = None  # noqa: UP006, UP045
        self.undoes = True
        self.path = self._database_file()
        self.live = os.path.realpath(live) if live else self.path
        self.ini = ini
        if not os.path.isfile(ini):
            raise Failure("no-ini", f"There is no alembic.ini at {ini}", "Fix database.alembic_ini.")
        self.closed = Closed(self.live, self.path) if live else None
        self._load()
        self._heads: Optional[Tuple[str, ...]] = None  # noqa: UP006, UP045
        self._app: Any = None

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

    def _load(self) -> None:
        from alembic.script import ScriptDirectory
        from sqlalchemy.engine import make_url

        try:
            relocate_imports(self.pairs)
            self.config = self._config()
            self.script = ScriptDirectory.from_config(self.config)
            relocate_imports(self.pairs)  # what the config has put in front of sys.path
        except (Exception, CannotTell) as error:
            raise self._unreadable(error) from error
        self.dialect = make_url(self.url).get_backend_name()

    def _config(self) -> Any:
        """As `alembic` itself has it: its ini, and pyproject.toml in the folder that it is run in."""
        from alembic.config import Config

        more: Json = {}
        if "toml_file" in inspect.signature(Config.__init__).parameters:  # since 1.16
            more["toml_file"] = os.path.join(os.getcwd(), "pyproject.toml")
        config = Config(self.ini, **more)
        section, known = config.config_ini_section, config.file_config
        for name in known.options(section) if known.has_section(section) else ():
            # Raw: the file may name variables that only env.py fills in.
            value = found = known.get(section, name, raw=True)
            for old, new in self.pairs:
                found = found.replace(old, new)
            if found != value:
                known.set(section, name, found)
        if os.environ.get("FLASK_APP") and not config.get_main_option("script_location"):
            config.set_main_option("script_location", os.path.dirname(self.ini).replace("%", "%%"))  # Flask-Migrate's
        # An env.py that reads the ini file must reach the same database as one that reads the environment.
        config.set_main_option("sqlalchemy.url", self.url.replace("%", "%%"))
        return config

    def _unreadable(self, error: BaseException) -> Failure:
        what = f"The migrations of {self.ini} cannot be read: {first_line(error)}{place(error)}"
        return Failure(
            "bad-migrations", what, "Is database.alembic_ini right, and are all migrations of the release whole?"
        )

    # -- the revisions ------------------------------------------------------------------------------------------

    @property
    def heads(self) -> Tuple[str, ...]:  # noqa: UP006
        """Asked only after env.py has run: it may say itself where the migrations are."""
        if self._heads is None:
            try:
                self._heads = tuple(sorted(self.script.get_heads()))
            except (Exception, CannotTell) as error:
                raise self._unreadable(error) from error
        return self._heads

    def head(self) -> Optional[str]:  # noqa: UP045
        if len(self.heads) > 1:
            what = f"The release has {len(self.heads)} heads: {', '.join(self.heads)}"
            hint = "Two branches of migrations were never joined: the release needs a merge revision (alembic merge)."
            raise Failure("heads", what, hint)
        return self.heads[0] if self.heads else None

    def current(self) -> Tuple[str, ...]:  # noqa: UP006
        found: List[str] = []  # noqa: UP006

        def look(rev: Any, context: Any) -> Any:
            found.extend(context.get_current_heads())
            return []

        with quietly():
            self.run_env(look, dont_mutate=True)
        return tuple(sorted(found))

    def pending_steps(self, current: Any) -> List[Any]:  # noqa: UP006
        """alembic's steps from `current` up to the head."""
        head = self.head()
        self.known(current)
        return list(self.script._upgrade_revs(head, current)) if head else []

    def get(self, revision: str) -> Any:
        """The alembic Script, or None."""
        try:
            return self.script.get_revision(revision)
        except Exception:
            return None

    def known(self, revisions: Any) -> None:
        for revision in revisions:
            if self.get(revision) is None:
                what = f"The database stands at revision {revision}, which the code in place does not have"
                hint = (
                    "Other code moved it: a newer release, another branch. Put that code back, or restore a backup."
                )
                raise Failure("unknown-revision", what, hint, revision=revision)

    def steps_down_to(self, wanted: Any, current: Any) -> List[Any]:  # noqa: UP006
        """alembic's steps that leave a database, which stands at `current`, at exactly the heads `wanted`."""
        from alembic.runtime.migration import MigrationStep

        for revision in wanted:
            if self.get(revision) is None:
                what = f"The code in place does not have revision {revision}"
                hint = "See which it has: debvisor-cli db history. Is the right release in place?"
                raise Failure("unknown-target", what, hint)
        stands, stays = self._with_ancestors(current), self._with_ancestors(wanted)
        if not stays <= stands:
            above = ", ".join(sorted(stays - stands))
            raise Failure(
                "not-below",
                f"The database does not have {above} yet: that is no way down",
                "See: debvisor-cli db history",
            )
        undone = [script for script in self.script.walk_revisions() if script.revision in stands - stays]
        return [MigrationStep.downgrade_from_script(self.script.revision_map, script) for script in undone]

    def _with_ancestors(self, revisions: Any) -> Set[str]:  # noqa: UP006
        found: Set[str] = set()  # noqa: UP006
        todo = [self.get(revision) for revision in revisions]
        while todo:
            script = todo.pop()
            if script.revision in found:
                continue
            found.add(script.revision)
            down = script.down_revision or ()
            todo += [self.get(name) for name in ((down,) if isinstance(down, str) else down)]
            todo += list(self.script.get_revisions(script.dependencies) if script.dependencies else ())
        return found

    @staticmethod
    def outside(trees: List[str], path: str) -> str:  # noqa: UP006
        """Where `path` really is, if there are `trees` and it is in none of them, else ""."""
        real = os.path.realpath(path)
        return "" if not trees or any(is_inside(real, os.path.realpath(tree)) for tree in trees) else real

    # -- env.py -------------------------------------------------------------------------------------------------

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
            with self._in_its_app(), EnvironmentContext(self.config, self.script, fn=guarded, **options):
                self.script.run_env()
        except Failure:
            raise
        except (Exception, SystemExit, CannotTell) as error:
            raise self._explain(error) from error

    @contextmanager
    def _in_its_app(self) -> Iterator[None]:
        """As `flask db` runs it, where the target's settings name the application: its env.py asks that."""
        if not os.environ.get("FLASK_APP"):
            yield
            return
        from flask.cli import ScriptInfo

        if self._app is None:
            self._app = ScriptInfo(app_import_path=os.environ["FLASK_APP"]).load_app()
        with self._app.app_context():
            yield

    def _is_elsewhere(self, reached: Any) -> bool:
        if self.path:
            return os.path.realpath(str(reached.database or "")) not in {self.path, self.live}
        from sqlalchemy.engine import make_url

        return place_of(reached) != place_of(make_url(self.url))

    def _elsewhere(self, reached: Any) -> Failure:
        from sqlalchemy.engine import make_url

        meant = self.live or make_url(self.url).render_as_string(hide_password=True)
        told = reached.render_as_string(hide_password=True) if hasattr(reached, "render_as_string") else reached
        what = f"The release's env.py connects to {told}, not to {meant}"
        hint = "Let env.py take the URL from DATABASE_URL, or fix database.url or database.environment."
        return Failure("other-database", what, hint)

    def _explain(self, error: BaseException) -> Failure:
        said = first_line(error)
        low = said.lower()
        refused = denied(error)
        if refused is not None and refused.database:
            return self._elsewhere(refused.database)
        if refused is not None:
            what = f"The release's env.py cannot be run for a look: {refused.what}{place(error)}"
            return Failure(
                "refused", what, "That was refused: looking changes nothing. Read the migrations yourself."
            )
        if "database is locked" in low or "database table is locked" in low:
            return Failure("locked", f"The database {self.live} is locked", HELD.format(path=self.live))
        if "file is not a database" in low or "malformed" in low:
            return Failure("damaged", f"{self.live} is damaged: {said}", "Restore a backup of it.")
        if self.started:
            revision, message = self.started
            what = f"Revision {revision} ({message}) failed: {said}{place(error)}"
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
        what = f"The release's env.py failed: {said}{place(error)}"
        return Failure("env", what, "Does it need settings? They go into [database.environment].")


@contextmanager
def quietly() -> Iterator[None]:
    """Without alembic's own log, in a way that env.py's fileConfig does not undo."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def place(error: BaseException) -> str:
    """Where in the release's files `error` was raised, as " (in FILE, line N)", or ""."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        inside = os.sep + "versions" + os.sep in frame.filename or frame.filename.endswith("env.py")
        if inside and "site-packages" not in frame.filename and not frame.filename.startswith(STANDARD_LIBRARY):
            return f" (in {os.path.basename(frame.filename)}, line {frame.lineno})"
    return ""
