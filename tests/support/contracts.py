"""What every kind of a seam must hold: one abstract test class a protocol. A kind's test subclasses it."""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Unpack

import pytest

from debvisor_tui.adapters.databases.protocol import Database
from debvisor_tui.adapters.metrics.protocol import MetricsSource, NoData
from debvisor_tui.adapters.platforms.protocol import Platform
from debvisor_tui.adapters.sources.protocol import Source
from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.changes import Change, ChangeKind, ChangeState
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.findings import Found
from debvisor_tui.model.services import is_recorded
from debvisor_tui.system.execute import Completed, Converse, Options, run_quietly


class Noted:
    """Work without a step, which remembers the commands that were run, and the lines."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, ...]] = []
        self.lines: list[str] = []

    async def execute(self, argv: Sequence[str], **options: Unpack[Options]) -> Completed:
        self.ran.append(tuple(argv))
        return await run_quietly(argv, **options)

    def log(self, text: str, stream: str = "note") -> None:
        self.lines.append(text)

    def progress(self, done: float, total: float | None, unit: str, note: str = "") -> None:
        assert total is None or 0 <= done <= total

    def clock(self) -> float:
        return asyncio.get_running_loop().time()


def _into(lines: list[str]) -> Converse:
    async def hear(line: str) -> bytes:
        lines.append(line)
        return b""

    return hear


def left_in(folder: Path) -> list[str]:
    """The backups and copies that lie in `folder`."""
    return [path.name for path in sorted(folder.iterdir()) if path.name.startswith(("backup", "a-copy"))]


class PlatformContract:
    """`platform`: of a service that runs, and that its restart really restarts."""

    @pytest.fixture
    def platform(self) -> Platform:
        raise NotImplementedError

    @pytest.fixture
    def stopped(self) -> Platform:
        """One whose service does not run."""
        raise NotImplementedError

    def test_a_restart_is_told_from_no_restart(self, platform: Platform) -> None:
        async def story() -> None:
            before, again = await platform.state(), await platform.state()
            assert before is not None
            assert before == again, "looking changes nothing, and says the same twice"
            assert is_recorded(before, before.facts())
            work = Noted()
            now = await platform.restart(work, Artifact("v2"), before)
            assert now.identity != before.identity
            assert not is_recorded(now, before.facts())
            assert now == await platform.state()
            assert tuple(work.ran) == platform.restart_commands(Artifact("v2")), "what is shown is what is run"
            change = Change(1, "restart", ChangeKind.PROCESS, "", ChangeState.DONE, before.facts(), now.facts())
            assert not change.is_noop

        asyncio.run(story())

    def test_what_does_not_run_has_no_state(self, stopped: Platform) -> None:
        assert asyncio.run(stopped.state()) is None


class SourceContract:
    """`source`: v1 is in place, `new` is on offer."""

    new = "v1.1.0"

    @pytest.fixture
    def source(self) -> Source:
        raise NotImplementedError

    def test_it_goes_forward_and_back_by_the_commands_that_it_shows(self, source: Source) -> None:
        async def story() -> None:
            old = await source.installed()
            found = await source.resolve(self.new, fetch=True)
            assert (found.installed, found.problems) == (old, ())
            assert found.artifact is not None
            new = found.artifact
            assert new.version == self.new
            assert new.exact
            assert not new.is_same_code(old)
            work = Noted()
            assert await source.prepare(work, new, begun=False) == old
            assert await source.installed() == old, "nothing is put in place yet"
            await source.install(work, new)
            assert (await source.installed()).is_same_code(new)
            assert set(source.install_commands(new)) >= set(work.ran), "what is run was shown"
            assert (await source.inspect(new, old)).found is Found.DONE
            back = Noted()
            assert (await source.prepare_revert(back, old, new)).is_same_code(new)
            await source.revert(back, old)
            assert (await source.installed()).is_same_code(old)
            assert set(source.revert_commands(old)) <= set(back.ran)
            assert (await source.inspect(new, old)).found is Found.NOT_DONE

        asyncio.run(story())

    def test_an_artifact_survives_the_journal(self, source: Source) -> None:
        here = asyncio.run(source.installed())
        assert Artifact.from_facts(here.facts()) == here
        assert str(here) == f"{here.version} ({here.short})"

    def test_what_is_not_on_offer_is_a_problem_and_no_error(self, source: Source) -> None:
        found = asyncio.run(source.resolve("v99", fetch=True))
        assert found.artifact is None
        assert found.problems

    def test_the_code_can_be_run_without_putting_it_in_place(self, source: Source, tmp_path: Path) -> None:
        (tmp_path / "look").mkdir()
        (tmp_path / "look" / "__main__.py").write_text(
            "import os, sys\nprint(open('VERSION').read())\nprint(sys.argv[1], os.environ['WORD'])\nsys.exit(3)\n"
        )

        async def look(artifact: Artifact | None) -> list[str]:
            lines: list[str] = []
            async with source.code(artifact) as code:
                args, env = ["an argument"], {"WORD": "a word"}
                done = await code.python(run_quietly, tmp_path / "look", args, env, _into(lines))
            assert done.exit_code == 3
            return lines

        async def story() -> None:
            old = await source.installed()
            new = (await source.resolve(self.new, fetch=True)).artifact
            assert new is not None
            seen = await look(new)
            assert seen[1:] == ["an argument a word"]
            assert seen != await look(None) == await look(old), "without an artifact it is the code in place"
            assert await source.installed() == old

        asyncio.run(story())


class DatabaseContract:
    """`database`: with a table "node" of two rows, at the revision "a1"."""

    @pytest.fixture
    def database(self) -> Database:
        raise NotImplementedError

    @pytest.fixture
    def missing(self) -> Database:
        raise NotImplementedError

    def add_a_row(self) -> None:
        raise NotImplementedError

    def test_a_backup_holds_what_was_there_and_brings_it_back(self, database: Database, tmp_path: Path) -> None:
        async def story() -> None:
            work, file = Noted(), tmp_path / f"backup{database.suffix}"
            assert await database.revision() == "a1"
            before = await database.contents()
            assert (before.revision, before.rows["node"]) == ("a1", 2)
            assert await database.size() > 0
            assert await database.back_up(work, file) == before
            await database.verify(work, file)
            self.add_a_row()
            assert (await database.contents()).rows["node"] == 3
            async with database.copy(work, file) as copy:
                assert await copy.contents() == before
                assert copy.url != database.url, "a copy is never the database itself"
            assert (await database.contents()).rows["node"] == 3
            assert left_in(tmp_path) == [file.name]
            assert await database.restore(work, file) == before
            assert await database.quarantine("now") is None, "it can be read"

        asyncio.run(story())

    def test_what_is_not_there_is_not_made(self, missing: Database) -> None:
        assert asyncio.run(missing.exists()) is False
        with pytest.raises(WorkFailed):
            asyncio.run(missing.contents())
        assert asyncio.run(missing.exists()) is False


def make_panel(folder: Path) -> Path:
    """What a database's contract wants to be there, in a file of SQLite's."""
    path = folder / "panel.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE alembic_version (version_num TEXT)")
        db.execute("INSERT INTO alembic_version VALUES ('a1')")
        db.execute("CREATE TABLE node (id INTEGER PRIMARY KEY)")
        db.execute("INSERT INTO node VALUES (1), (2)")
    return path


class FileDatabaseContract(DatabaseContract):
    """Of a kind whose databases are files of SQLite's in the end: `path`, as made by :func:`make_panel`."""

    path: Path

    def add_a_row(self) -> None:
        with closing(sqlite3.connect(self.path)) as db, db:
            db.execute("INSERT INTO node VALUES (3)")


class MetricsContract:
    """`metrics`: of a service that was asked something between two looks; `silent`: of one that tells nothing."""

    @pytest.fixture
    def metrics(self) -> MetricsSource:
        raise NotImplementedError

    @pytest.fixture
    def silent(self) -> MetricsSource:
        raise NotImplementedError

    def test_samples_are_of_what_happened_in_between(self, metrics: MetricsSource) -> None:
        async def story() -> None:
            assert metrics.describe()
            async with metrics:
                assert await metrics.sample() is None, "there is nothing yet to compare the first look with"
                sample = await metrics.sample()
                assert sample is not None
                assert sample.requests > 0
                assert sample.problem == ""
                metrics.begin_anew()
                assert await metrics.sample() is None

        asyncio.run(story())

    def test_no_numbers_are_said_to_be_none(self, silent: MetricsSource) -> None:
        async def story() -> Any:
            async with silent:
                with pytest.raises(NoData):
                    await silent.baseline()
                with pytest.raises(NoData):
                    await silent.sample()

        asyncio.run(story())
