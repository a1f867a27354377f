"""Looking at migrations changes nothing, whatever the release's own code does when it is imported or recorded."""

import hashlib
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from migrating import ENV, Release, make_release, make_settings, run

from debvisor_tui.adapters.databases.sqlite import file as sqlite
from debvisor_tui.adapters.migrations.alembic import Pending, current_revision, history, pending
from debvisor_tui.adapters.migrations.probe import PROBE
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.gates import GateKind
from debvisor_tui.tasks.migration_check import MigrationCheckTask


def landlocked() -> bool:
    """Whether this host's kernel closes files and TCP."""
    program = "import sys, probe_landlock; print(probe_landlock.close(sys.argv[1]))"
    argv = [sys.executable, "-c", program, tempfile.gettempdir()]
    env = {**os.environ, "PYTHONPATH": str(PROBE)}
    return "UDP" in subprocess.run(argv, env=env, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def release(tmp_path: Path) -> Release:
    made = make_release(tmp_path)
    (tmp_path / "precious").write_text("kept")
    # As an application has it: its settings name the live database, whatever the environment says.
    settings = f"import sqlite3\nPATH = {str(made.database)!r}\ndef connect():\n    return sqlite3.connect(PATH)\n"
    (made.checkout / "panel_db.py").write_text(settings)
    return made


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


def _state(release: Release) -> dict[str, str]:
    """Every file of the host but git's own, and what the database holds."""
    found = {}
    for path in sorted(release.folder.rglob("*")):
        if path.is_file() and ".git" not in path.parts:
            found[str(path.relative_to(release.folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


#: Each is a statement that would change the host; {folder} is it.
HARM = {
    "its own engine": "sa.create_engine('sqlite:///{folder}/panel.db').connect().execute(sa.text('DELETE FROM node'))",  # noqa: E501
    "sqlite3 straight": "__import__('sqlite3').connect('{folder}/panel.db').executescript('DELETE FROM node')",
    "by a URI": "__import__('sqlite3').connect('file:{folder}/panel.db', uri=True).executescript('DELETE FROM node')",
    "its settings": "__import__('panel_db').connect().executescript('DELETE FROM node')",
    "another database": "__import__('sqlite3').connect('{folder}/other.db').executescript('CREATE TABLE t (id)')",
    "a process": "__import__('subprocess').run(['touch', '{folder}/made'])",
    "a shell": "__import__('os').system('touch {folder}/made')",
    "a write": "open('{folder}/made', 'w').write('x')",
    "an append": "open('{folder}/precious', 'a').write('x')",
    "a low-level write": "__import__('os').open('{folder}/low', 65)",  # O_CREAT | O_WRONLY
    "a removal": "__import__('os').remove('{folder}/precious')",
    "a rename": "__import__('os').rename('{folder}/precious', '{folder}/gone')",
    "a tree's removal": "__import__('shutil').rmtree('{folder}/checkout')",
    "a folder": "__import__('os').makedirs('{folder}/made/deep')",
    "a fork": "__import__('os').fork()",
    "a rename out of the room": "__import__('os').replace(__import__('tempfile').mkstemp()[1], '{folder}/precious')",
    "a link out of the room": "__import__('os').link(__import__('tempfile').mkstemp()[1], '{folder}/made')",
    "a symbolic link": "__import__('os').symlink('/dev/null', '{folder}/made')",
    "an open file's mode": "__import__('os').chmod(__import__('os').open('{folder}/precious', 0), 0)",
}


def _one_each(release: Release, harms: Sequence[str], body: Callable[[str], str]) -> dict[str, Path]:
    """A revision for each harm, in a chain; `body` makes its upgrade and downgrade of the harm's statement."""
    made, down = {}, "a1"
    for number, harm in enumerate(harms):
        revision, text = f"b{number:02}", body(HARM[harm].format(folder=release.folder))
        release.migration(revision, down, text, text)
        made[harm] = release.checkout / "migrations" / "versions" / f"{revision}.py"
        down = revision
    return made


@pytest.mark.parametrize("caught", ["", "except Exception", "except"])
def test_a_recorded_migration_reaches_nothing_and_is_unknown(release: Release, caught: str) -> None:
    made = _one_each(
        release, list(HARM), lambda harm: f"try:\n        {harm}\n    {caught}:\n        pass" if caught else harm
    )
    before = _state(release)
    found = run(pending(release.settings))
    assert _state(release) == before
    assert release.rows("SELECT count(*) FROM node") == [(2,)]
    for harm, migration in zip(made, found.migrations, strict=True):
        assert migration.unknown.startswith("it would "), f"what it does there went unseen: {harm}"
        assert migration.destructive, harm
        assert migration.drops_on_the_way_down == (f"whatever {migration.revision} drops on its way down",), harm


def _at_import(release: Release, file: Path, *harms: str) -> None:
    """As with create_all() or a log file at the top of a module."""
    text = "".join(
        f"\ntry:\n    {HARM[harm].format(folder=release.folder)}\nexcept OSError:\n    pass\n" for harm in harms
    )
    file.write_text(f"import sqlalchemy as sa\n{file.read_text()}{text}")


#: The live database is the copy to whoever opens it while all is read; nothing is refused there.
OPENS_LIVE = [harm for harm, text in HARM.items() if "panel.db" in text or harm == "its settings"]
OTHERS = [harm for harm in HARM if harm not in OPENS_LIVE]
#: Each that opens the live database for itself: two of them lock each other out.
GROUPS = [
    pytest.param(OTHERS, id="others"),
    pytest.param(OPENS_LIVE[:1], id=OPENS_LIVE[0]),
    *(pytest.param([harm], id=harm, marks=pytest.mark.slow) for harm in OPENS_LIVE[1:]),
]


def _look_at(release: Release) -> Pending:
    """What a look finds; nothing was changed by it, nor by any other."""
    before = _state(release)
    found = run(pending(release.settings))
    for look in (history, current_revision):
        run(look(release.settings))
    assert _state(release) == before
    assert release.rows("SELECT count(*) FROM node") == [(2,)]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("harms", GROUPS)
def test_what_a_migration_does_when_it_is_imported_reaches_nothing(release: Release, harms: list[str]) -> None:
    """Refused as by a read-only file system."""
    made = _one_each(release, harms, lambda _: "pass")
    for harm, file in made.items():
        _at_import(release, file, harm)
    found = _look_at(release)
    unknown = [harm for harm, migration in zip(made, found.migrations, strict=True) if migration.unknown]
    assert unknown == (harms if harms == OTHERS else [])


@pytest.mark.slow
@pytest.mark.parametrize("harms", GROUPS)
def test_what_env_py_does_when_it_is_imported_reaches_nothing(release: Release, harms: list[str]) -> None:
    release.migration("b2", "a1")
    _at_import(release, release.checkout / "migrations" / "env.py", *harms)
    found = _look_at(release)
    assert not found.migrations[0].unknown
    assert len(found.refused) == (len(OTHERS) if harms == OTHERS else 0), found.refused


ATTACHES = (
    "__import__('sqlite3').connect(':memory:').executescript(\"ATTACH '{folder}/panel.db' AS x; DELETE FROM x.node\")"
)
INTO = "__import__('sqlite3').connect(':memory:').execute(\"VACUUM INTO '{folder}/made'\")"


@pytest.mark.slow
@pytest.mark.parametrize("harm", [ATTACHES, INTO], ids=["attach", "vacuum into"])
def test_no_sql_opens_another_file(release: Release, harm: str) -> None:
    """What SQLite opens by itself raises no audit event; its own authorizer refuses it."""
    body = harm.format(folder=release.folder)
    release.migration("b2", "a1", f"try:\n        {body}\n    except Exception:\n        pass")
    before = _state(release)
    (migration,) = run(pending(release.settings)).migrations
    assert _state(release) == before
    assert "it would open the database" in migration.unknown


@pytest.mark.skipif(not landlocked(), reason="this host's kernel has no Landlock, or forbids it")
def test_what_is_done_in_c_reaches_nothing_either(release: Release, server: socket.socket) -> None:
    """No audit event tells of it; the kernel refuses."""
    folder, port = release.folder, server.getsockname()[1]
    body = f"""import ctypes, socket, struct
    c = ctypes.CDLL(None)
    c.unlink(b'{folder}/precious'); c.rename(b'{folder}/precious', b'{folder}/gone')
    c.creat(b'{folder}/made', 0o600); c.system(b'touch {folder}/made')
    to = struct.pack('=H', socket.AF_INET) + struct.pack('!H', {port}) + socket.inet_aton('127.0.0.1') + bytes(8)
    c.connect(c.socket(2, 1, 0), to, 16)"""
    release.migration("b2", "a1", body)
    before = _state(release)
    run(pending(release.settings))
    assert _state(release) == before
    with pytest.raises(BlockingIOError):
        server.accept()


@pytest.mark.slow
def test_a_temporary_file_of_its_own_is_no_refusal(release: Release) -> None:
    uses = "__import__('tempfile').TemporaryFile().write(b'x'); __import__('tempfile').mkdtemp()"
    release.migration("b2", "a1", f"{uses}; op.add_column('node', sa.Column('region', sa.Text))")
    found = run(pending(release.settings))
    assert (found.migrations[0].unknown, found.refused) == ("", ())


def test_a_look_that_cannot_do_without_says_what_was_refused(release: Release, server: socket.socket) -> None:
    env = release.checkout / "migrations" / "env.py"
    port = server.getsockname()[1]
    connects = f"import socket\nsocket.create_connection(('127.0.0.1', {port}))\n"
    env.write_text(connects + env.read_text())
    with pytest.raises(
        WorkFailed, match=r"env\.py cannot be run for a look: it would .*\(in env\.py, line 2\)"
    ) as told:
        run(pending(release.settings))
    assert "looking changes nothing" in told.value.hint
    with pytest.raises(BlockingIOError):
        server.accept()


def test_the_environment_of_a_look_names_the_copy_alone(release: Release) -> None:
    seen = release.folder / "seen"
    live = f"sqlite:///{release.database}"
    database = {"environment": {"PANEL_DB": live, "PANEL_FILE": str(release.database), "PANEL_KEY": "k"}}
    release.settings = make_settings(release.folder, database=database)
    release.migration("b2", "a1", 'op.add_column("node", sa.Column("region", sa.Text))')
    env = release.checkout / "migrations" / "env.py"
    tells = (
        "import os, sys\n"
        f"told = [f'{{k}}={{v}}' for k, v in os.environ.items() if {str(release.database)!r} in v]\n"
        "print('TOLD', told, os.environ['PANEL_KEY'], file=sys.stderr)\n"
        "assert os.path.exists(os.environ['PANEL_FILE'])\n"
    )
    env.write_text(tells + env.read_text())
    ctx = release.context("migration-check", release.job("v1.0.0"))
    assert run(pending(release.settings, ctx.execute)).current == "a1"
    assert "TOLD [] k" in release.lines
    assert not seen.exists()


@pytest.mark.slow
@pytest.mark.parametrize("table", ["alembic_version", "panel_version"])
def test_a_large_database_is_looked_at_without_its_rows(
    release: Release, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    monkeypatch.setattr(sqlite, "SNAPSHOT", 1)
    if table != "alembic_version":
        env = release.checkout / "migrations" / "env.py"
        env.write_text(env.read_text().replace("render_as_batch=True", f'version_table="{table}"'))
        release.rows("SELECT 1", f"ALTER TABLE alembic_version RENAME TO {table}")
    release.migration("b2", "a1", 'op.add_column("node", sa.Column("region", sa.Text))')
    found = run(pending(release.settings))
    assert (found.current, [m.revision for m in found.migrations]) == ("a1", ["b2"])


@pytest.mark.slow
def test_the_check_asks_before_a_migration_that_could_not_be_seen(release: Release) -> None:
    """It is not only unknown: tried on a copy, it is seen what it does there."""
    release.migration("b2", "a1", HARM["its settings"], HARM["its settings"])
    job = release.job("v1.1.0") if release.tag("v1.1.0") else None
    assert job is not None
    run(MigrationCheckTask().run(release.context("migration-check", job)))
    (gate,) = release.gates
    assert gate.kind is GateKind.ACKNOWLEDGE
    assert gate.danger == "data is lost: node: all 2 rows gone (revision b2, make b2)"
    assert release.rows("SELECT count(*) FROM node") == [(2,)]


#: As packages that many releases import do.
ASKS = """
import ctypes.util, logging.config, platform, socket
assert ctypes.util.find_library("no-such-library") is None
platform.uname().processor
with socket.socket() as once:
    try:
        once.bind(("127.0.0.1", 0))
    except OSError:
        pass
logging.config.dictConfig({
    "version": 1,
    "handlers": {"task": {"class": "logging.FileHandler", "filename": "/nowhere/task.log"}},
    "loggers": {"panel.task": {"handlers": ["task"]}},
})
assert logging.getLogger("panel.task").handlers, "some look at once whether they were set up"
"""


@pytest.mark.slow
def test_what_packages_ask_of_the_host_when_they_are_imported_is_no_alarm(release: Release) -> None:
    (release.checkout / "migrations" / "env.py").write_text(ASKS + ENV)
    release.migration("b2", "a1", "import ctypes.util; ctypes.util.find_library('no-such-library')")
    before = _state(release)
    found = run(pending(release.settings))
    assert found.refused == ()
    assert [(m.revision, m.unknown) for m in found.migrations] == [("b2", "")]
    assert _state(release) == before
