"""The migrations that are looked at and applied are the release's own, and those that were shown, wherever a project
keeps them and however it sets alembic up."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from migrating import ENV, Release, make_release, make_settings, run

from debvisor_tui.adapters.migrations.alembic import Pending, current_revision, pending, upgrade
from debvisor_tui.adapters.migrations.probe import AlembicFailed
from debvisor_tui.adapters.sources import open_source
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.system.execute import run_quietly
from debvisor_tui.tasks.migration_check import MigrationCheckTask
from debvisor_tui.tasks.revert_database import RevertDatabaseTask
from debvisor_tui.tasks.upgrade import UpgradeTask

DROPS = 'op.drop_column("node", "notes")'
BRINGS = 'op.add_column("node", sa.Column("notes", sa.Text))'

#: What `pip install --editable` of setuptools puts in a venv, for a package in a src layout.
FINDER = """
import importlib.util, sys
MAPPING = {{"panel": {place!r}}}
NAMESPACES = {{}}
class _EditableFinder:
    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        name, _, rest = fullname.partition(".")
        if name not in MAPPING or rest:
            return None
        place = MAPPING[name]
        return importlib.util.spec_from_file_location(
            fullname, place + "/__init__.py", submodule_search_locations=[place]
        )
def install():
    sys.meta_path.append(_EditableFinder)
"""


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return make_release(tmp_path)


async def _target(release: Release, version: str = "v1.1.0") -> Pending:
    source = open_source(release.settings)
    async with source.code(release.job(version).new) as code:
        return await pending(release.settings, run_quietly, code)


def _next(release: Release, *, put_back: bool = True) -> None:
    """v1.1.0 drops a column; the checkout then stands at v1.0.0 again."""
    release.migration("b2", "a1", DROPS, BRINGS)
    release.tag("v1.1.0")
    if put_back:
        release.git("checkout", "-q", "v1.0.0")


def _moved_into_a_package(release: Release) -> Path:
    """The migrations live in src/panel, and alembic.ini names them by the package; the folder to import from."""
    src = release.checkout / "src"
    (src / "panel").mkdir(parents=True)
    (src / "panel" / "__init__.py").write_text("")
    (release.checkout / "migrations").rename(src / "panel" / "migrations")
    (release.checkout / "migrations").symlink_to("src/panel/migrations")  # for release.migration()
    ini = release.checkout / "alembic.ini"
    ini.write_text(ini.read_text().replace(f"{release.checkout}/migrations", "panel:migrations"))
    return src


@pytest.mark.slow
@pytest.mark.parametrize("how", ["path", "finder"])
def test_an_editable_install_leads_to_the_targets_code(release: Release, tmp_path: Path, how: str) -> None:
    """A .pth file, PYTHONPATH or setuptools' finder names the folder of the release that runs."""
    src = _moved_into_a_package(release)
    release.tag("v1.0.1")
    _next(release)
    release.git("checkout", "-q", "v1.0.1")
    path = src
    if how == "finder":
        path = tmp_path / "site"
        path.mkdir()
        (path / "__editable___panel_finder.py").write_text(FINDER.format(place=str(src / "panel")))
        (path / "sitecustomize.py").write_text("import __editable___panel_finder as f\nf.install()\n")
    release.settings = make_settings(tmp_path, database={"environment": {"PYTHONPATH": str(path)}})
    assert run(_target(release)).revisions == ("b2",)
    assert run(pending(release.settings)).revisions == ()  # of the code in place


@pytest.mark.slow
def test_migrations_in_another_place_are_not_known_until_they_are_shown(release: Release, tmp_path: Path) -> None:
    """A package that is installed, not edited in place: reading it would say that nothing is pending."""
    installed = tmp_path / "site-packages" / "panel"
    src = _moved_into_a_package(release)
    release.tag("v1.0.1")
    _next(release)
    release.git("checkout", "-q", "v1.0.1")
    installed.parent.mkdir()
    (src / "panel").rename(installed)
    release.git("checkout", "-q", "--", "src")
    release.settings = make_settings(tmp_path, database={"environment": {"PYTHONPATH": str(installed.parent)}})

    job = release.job("v1.1.0")
    said = run(MigrationCheckTask().run(release.context("migration-check", job)))
    assert said.startswith("not known: the migrations were found in")
    (asked,) = release.gates
    assert str(installed / "migrations") in asked.danger

    release.git("checkout", "-q", "v1.1.0")
    (installed / "migrations" / "versions" / "b2.py").write_text(
        (src / "panel" / "migrations" / "versions" / "b2.py").read_text()
    )  # as its own installation does
    release.agrees = False
    with pytest.raises(WorkFailed):
        run(UpgradeTask().run(release.context("upgrade", job)))
    assert run(current_revision(release.settings)) == "a1"
    asked = release.gates[-1]
    assert "has not shown 1 migration" in asked.question
    assert "not shown before: b2" in asked.danger
    assert "data is lost: node.notes: 1 of 1 values gone" in asked.danger
    release.agrees = True
    run(UpgradeTask().run(release.context("upgrade", job)))
    assert run(current_revision(release.settings)) == "b2"


def test_only_what_was_shown_is_applied(release: Release) -> None:
    _next(release, put_back=False)
    with pytest.raises(AlembicFailed, match=r"other migrations than were shown \(not shown: b2; not there: x9\)"):
        run(upgrade(release.settings, run_quietly, ["x9"]))
    with pytest.raises(AlembicFailed, match=r"not shown: b2"):
        run(upgrade(release.settings, run_quietly, []))
    assert run(current_revision(release.settings)) == "a1"


@pytest.mark.slow
def test_what_the_check_said_is_nothing_is_asked_about_once_it_is_something(release: Release) -> None:
    """Another commit under the version, a file that appeared: whatever the reason, nobody agreed to it."""
    release.tag("v1.1.0")
    job = release.job("v1.1.0")
    run(MigrationCheckTask().run(release.context("migration-check", job)))
    assert release.gates == []
    release.migration("b2", "a1", BRINGS.replace("notes", "region"))
    run(UpgradeTask().run(release.context("upgrade", job)))
    assert "has not shown 1 migration" in release.gates[-1].question


@pytest.mark.slow
def test_an_ini_beside_the_checkout_and_one_behind_a_link_lead_to_the_target(
    release: Release, tmp_path: Path
) -> None:
    _next(release)
    elsewhere = tmp_path / "etc"
    elsewhere.mkdir()
    (elsewhere / "alembic.ini").write_text((release.checkout / "alembic.ini").read_text())
    (elsewhere / "linked.ini").symlink_to(release.checkout / "alembic.ini")
    for name in ("alembic.ini", "linked.ini"):
        release.settings = make_settings(tmp_path, database={"alembic_ini": str(elsewhere / name)})
        assert run(_target(release)).revisions == ("b2",), name


@pytest.mark.slow
def test_settings_in_pyproject_are_read_as_alembic_reads_them(release: Release) -> None:
    ini = release.checkout / "alembic.ini"
    ini.write_text("".join(line for line in ini.read_text().splitlines(True) if "script_location" not in line))
    (release.checkout / "pyproject.toml").write_text('[tool.alembic]\nscript_location = "%(here)s/migrations"\n')
    release.tag("v1.0.1")
    _next(release)
    release.git("checkout", "-q", "v1.0.1")
    assert run(_target(release)).revisions == ("b2",)


@pytest.mark.slow
def test_an_ini_may_name_variables_that_only_env_py_fills_in(release: Release) -> None:
    ini = release.checkout / "alembic.ini"
    ini.write_text(ini.read_text().replace("[loggers]", "panel.place = %(PANEL_DB)s/x\n[loggers]"))
    release.tag("v1.0.1")
    _next(release)
    assert run(_target(release)).revisions == ("b2",)


@pytest.mark.slow
def test_env_py_may_say_itself_where_the_migrations_are(release: Release) -> None:
    """Heads are asked after it has run; before, there were none."""
    folder = release.checkout / "migrations"
    (folder / "versions").rename(folder / "kept")
    env = folder / "env.py"
    env.write_text(
        ENV.replace(
            "from alembic import context",
            "import os\nfrom alembic import context\n"
            "context.script.version_locations = [os.path.join(os.path.dirname(__file__), 'kept')]",
        )
    )
    release.tag("v1.0.1")
    (folder / "versions").symlink_to("kept")  # for release.migration()
    _next(release, put_back=False)
    assert run(_target(release)).revisions == ("b2",)


@pytest.mark.slow
def test_the_driver_of_the_url_and_its_options_reach_env_py(release: Release, tmp_path: Path) -> None:
    env = release.checkout / "migrations" / "env.py"
    url = 'context.config.get_main_option("sqlalchemy.url")'
    env.write_text(env.read_text().replace("engine =", f'assert {url}.startswith("sqlite+pysqlite:///")\nengine ='))
    env.write_text(env.read_text().replace("engine =", f'assert {url}.endswith("?timeout=7"), {url}\nengine =', 1))
    release.tag("v1.0.1")
    _next(release, put_back=False)
    given = f"sqlite+pysqlite:///{release.database}?timeout=7"
    release.settings = make_settings(tmp_path, database={"url": given})
    assert run(_target(release)).revisions == ("b2",)
    run(upgrade(release.settings, run_quietly, ["b2"]))
    assert run(current_revision(release.settings)) == "b2"


@pytest.mark.slow
def test_two_heads_go_down_to_the_set_that_they_were(release: Release) -> None:
    add = 'op.add_column("node", sa.Column("{0}", sa.Text))'
    drop = 'op.drop_column("node", "{0}")'
    release.migration("b2", "a1", add.format("b"), drop.format("b"))
    release.migration("c2", "a1", add.format("c"), drop.format("c"))
    release.rows(
        "ALTER TABLE node ADD COLUMN b TEXT",
        "ALTER TABLE node ADD COLUMN c TEXT",
        "DELETE FROM alembic_version",
        "INSERT INTO alembic_version VALUES ('b2'), ('c2')",
    )
    versions = release.checkout / "migrations" / "versions"
    (versions / "m3.py").write_text(
        "revision = 'm3'\ndown_revision = ('b2', 'c2')\ndef upgrade():\n    pass\ndef downgrade():\n    pass\n"
    )
    release.migration("d4", "m3", add.format("d"), drop.format("d"))
    release.tag("v1.1.0")
    run(upgrade(release.settings, run_quietly, ["m3", "d4"]))
    assert run(current_revision(release.settings)) == "d4"
    job = release.job("v1.1.0", {"revision": "b2, c2", "count": 2})
    assert RevertDatabaseTask().commands(release.settings, job)[0].endswith("db downgrade b2 c2")
    run(RevertDatabaseTask().run(release.context("revert-database", job)))
    assert run(current_revision(release.settings)) == "b2, c2"
    assert [row[1] for row in release.rows("PRAGMA table_info(node)")] == ["id", "notes", "b", "c"]


@pytest.mark.slow
def test_a_branch_that_the_release_brought_is_undone_with_the_merge(release: Release) -> None:
    """`alembic downgrade b2` would leave the other branch standing."""
    release.migration("b2", "a1")
    release.rows("SELECT 1", "UPDATE alembic_version SET version_num = 'b2'")
    release.migration("c2", "a1")
    text = "revision = 'm3'\ndown_revision = ('b2', 'c2')\ndef upgrade():\n    pass\ndef downgrade():\n    pass\n"
    (release.checkout / "migrations" / "versions" / "m3.py").write_text(text)
    release.tag("v1.1.0")
    run(upgrade(release.settings, run_quietly, ["c2", "m3"]))
    job = release.job("v1.1.0", {"revision": "b2", "count": 2})
    run(RevertDatabaseTask().run(release.context("revert-database", job)))
    assert run(current_revision(release.settings)) == "b2"


@pytest.mark.slow
def test_a_place_that_is_not_below_is_no_way_down(release: Release) -> None:
    release.migration("b2", "a1")
    release.tag("v1.1.0")
    job = release.job("v1.1.0", {"revision": "b2", "count": 1})
    with pytest.raises(WorkFailed, match="does not have b2 yet"):
        run(RevertDatabaseTask().run(release.context("revert-database", job)))


FLASK_APP = """
import os
from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

db = SQLAlchemy()

class Node(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    notes = db.Column(db.Text)

def create_app():
    app = Flask("panel")
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
    db.init_app(app)
    Migrate(app, db, directory=os.path.join(os.path.dirname(os.path.abspath(__file__)), "migrations"))
    return app
"""


@pytest.mark.slow
def test_flask_migrates_env_py_asks_the_application_of_the_target(tmp_path: Path) -> None:
    """Its ini names no folder, and its env.py works only as `flask db` runs it."""
    checkout = tmp_path / "checkout"
    database = {
        "alembic_ini": str(checkout / "migrations" / "alembic.ini"),
        "cwd": str(checkout),
        "environment": {"FLASK_APP": "panel_app:create_app()"},
    }
    release = make_release(tmp_path, database=database)
    first = (checkout / "migrations" / "versions" / "a1.py").read_text()
    shutil.rmtree(checkout / "migrations")
    (checkout / "panel_app.py").write_text(FLASK_APP)
    url = f"sqlite:///{release.database}"
    env = {**os.environ, "FLASK_APP": "panel_app:create_app()", "DATABASE_URL": url, "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-m", "flask", "db", "init"], cwd=checkout, env=env, check=True, stdout=-3)
    (checkout / "migrations" / "versions" / "a1.py").write_text(first)
    release.tag("v1.0.1")
    app = checkout / "panel_app.py"
    app.write_text(FLASK_APP.replace("notes = db", "racks = db"))  # only the target's application knows it
    _next(release)
    release.git("checkout", "-q", "v1.0.1")

    assert [m.revision for m in run(_target(release)).migrations] == ["b2"]
    run(MigrationCheckTask().run(release.context("migration-check", release.job("v1.1.0"))))
    assert "it cannot read node" in release.gates[0].danger, "the application in place was asked, too"
    release.git("checkout", "-q", "v1.1.0")
    run(UpgradeTask().run(release.context("upgrade", release.job("v1.1.0"))))
    assert run(current_revision(release.settings)) == "b2"
