"""The seams are real: kinds of platform, source, database and metrics that the package has never heard of.

Each is one file beside this one, and one line in sitecustomize.py; a release is shipped on them, and rolled back, by
the commands, by the TUI and by a real runner. All of them are on the sandbox's panel, behind other doors.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import tomlkit
from contracts import FileDatabaseContract, MetricsContract, PlatformContract, SourceContract, make_panel
from pydantic import BaseModel
from releasing import Host
from sandboxes import make_sandbox
from terminal import Terminal
from toy_database import ToyDatabase
from toy_metrics import ToyMetrics, ToyMetricsSettings
from toy_platform import ToyPlatform, ToyPlatformSettings
from toy_source import ToySource, ToySourceSettings

from debvisor_tui.adapters.databases.protocol import Database
from debvisor_tui.adapters.metrics.protocol import MetricsSource
from debvisor_tui.adapters.platforms.protocol import Platform
from debvisor_tui.adapters.sources.protocol import Source
from debvisor_tui.config.settings import Settings
from debvisor_tui.sandbox.host import Sandbox

HERE = Path(__file__).parent
PROGRAM = Path(sys.executable).with_name("debvisor-tui")

#: Restarts the panel and counts the times.
CONTROL = """
import json, subprocess, sys
from pathlib import Path
folder = Path(sys.argv[1])
subprocess.run([sys.executable, folder / "panelctl", "restart"], check=True)
file = folder / "generation"
file.write_text(json.dumps(json.loads(file.read_text()) + 1))
"""


TURN = """
import sys
from pathlib import Path
file = Path(sys.argv[1])
file.write_text(str(int(file.read_text()) + 1))
"""


class TestToyDatabase(FileDatabaseContract):
    @pytest.fixture
    def database(self, tmp_path: Path) -> Database:
        self.path = make_panel(tmp_path)
        return ToyDatabase(f"toy:///{self.path}", tmp_path)

    @pytest.fixture
    def missing(self, tmp_path: Path) -> Database:
        return ToyDatabase(f"toy:///{tmp_path}/gone.db", tmp_path)


class TestToyPlatform(PlatformContract):
    @pytest.fixture
    def platform(self, tmp_path: Path) -> Platform:
        (tmp_path / "generation").write_text("1")
        return self.of(tmp_path)

    @pytest.fixture
    def stopped(self, tmp_path: Path) -> Platform:
        return self.of(tmp_path)

    def of(self, folder: Path) -> Platform:
        generation = folder / "generation"
        control = (sys.executable, "-c", TURN, str(generation))
        toy = ToyPlatformSettings(kind="toy", control=control, generation=generation)
        return ToyPlatform(having(folder, platform=toy))


class TestToySource(SourceContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        shelf, link = tmp_path / "shelf", tmp_path / "link"
        for version in ("v1.0.0", "v1.1.0"):
            (shelf / version).mkdir(parents=True)
            (shelf / version / "VERSION").write_text(version)
        link.symlink_to(shelf / "v1.0.0")
        parts = {"python": sys.executable, "alembic_ini": str(link / "alembic.ini")}
        toy = ToySourceSettings(kind="toy", shelf=shelf, link=link)
        return ToySource(having(tmp_path, database=parts, source=toy))


class TestToyMetrics(MetricsContract):
    @pytest.fixture
    def metrics(self, tmp_path: Path) -> MetricsSource:
        (tmp_path / "tally").touch()
        return self.silent_in(tmp_path)

    @pytest.fixture
    def silent(self, tmp_path: Path) -> MetricsSource:
        return self.silent_in(tmp_path)

    def silent_in(self, folder: Path) -> MetricsSource:
        return ToyMetrics(having(folder, monitor=ToyMetricsSettings(kind="toy", tally=folder / "tally")), 1.0)


def having(folder: Path, database: Mapping[str, str] | None = None, **parts: BaseModel) -> Settings:
    """Settings of a usual host in `folder`, with `parts` of toys, which this process has not registered."""
    host = Host(folder, folder / "work", folder / "origin.git", folder / "checkout")
    return host.settings(database=database or {}).model_copy(update=parts)


class ToyHost:
    def __init__(self, sandbox: Sandbox) -> None:
        self.folder = sandbox.dir
        self.options = ("--config", str(sandbox.config_path), "--state-dir", str(sandbox.state_dir))
        self.environ = {**os.environ, "PYTHONPATH": str(HERE)}

    def call(self, *words: str, code: int = 0) -> str:
        argv = [str(PROGRAM), *self.options, *words]
        done = subprocess.run(
            argv, env=self.environ, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=90, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def stands(self) -> tuple[str, str, str]:
        """What the link leads to, what answers, and where the database stands."""
        now = json.loads(self.call("status", "--json"))["now"]
        return Path(self.folder / "checkout").resolve().name, now["version"], now["revision"]


@pytest.fixture
def toys(tmp_path: Path) -> Iterator[ToyHost]:
    sandbox = make_sandbox(tmp_path / "host", monitor="2s")
    folder, checkout = sandbox.dir, sandbox.dir / "checkout"
    shelf = folder / "shelf"
    for version in ("v1.0.0", "v1.1.0"):
        (shelf / version).mkdir(parents=True)
        packed = subprocess.run(
            ["git", "-C", str(sandbox.dir / "origin.git"), "archive", version], check=True, capture_output=True
        )
        subprocess.run(["tar", "-x", "-C", str(shelf / version)], input=packed.stdout, check=True)
    checkout.rename(folder / "gone")
    checkout.symlink_to(shelf / "v1.0.0")
    (folder / "control").write_text(CONTROL)
    (folder / "generation").write_text("1")
    (folder / "tally").touch()
    config = tomlkit.parse(sandbox.config_path.read_text(encoding="utf-8"))
    control = [sys.executable, str(folder / "control"), str(folder)]
    config["platform"] = {"kind": "toy", "control": control, "generation": "generation"}
    config["source"] = {"kind": "toy", "shelf": "shelf", "link": "checkout"}
    config["database"]["url"] = f"toy:///{folder}/data/panel.db"
    config["monitor"] = {"kind": "toy", "tally": "tally", "duration": "1s", "interval": "200ms"}
    del config["ci"]
    sandbox.config_path.write_text(tomlkit.dumps(config), encoding="utf-8")
    sandbox.start()
    yield ToyHost(sandbox)
    sandbox.destroy()


@pytest.mark.slow
def test_a_release_goes_out_and_comes_back_on_toys_alone(toys: ToyHost) -> None:
    before = toys.stands()
    assert before[:2] == ("v1.0.0", "v1.0.0")
    shown = toys.call("release", "v1.1.0", "--headless", "--auto", "--yes", "--json")
    run = json.loads(shown)
    commands = {step["id"]: step["commands"] for step in run["steps"]}
    assert commands["pull"] == [f"ln -sfn {toys.folder}/shelf/v1.1.0 {toys.folder}/checkout"]
    assert commands["restart"] == [f"{sys.executable} {toys.folder}/control {toys.folder} v1.1.0"]
    assert commands["monitor"][0].startswith(f"wc -l {toys.folder}/tally")
    assert list(run["new"]["identity"]) == ["box"]
    assert (run["from_version"], run["to_version"]) == ("v1.0.0", "v1.1.0")
    kinds = {change["kind"]: change for change in run["changes"]}
    assert kinds["image"]["before"]["version"] == "v1.0.0"
    assert kinds["process"]["after"]["generation"] == 2
    assert toys.stands()[:2] == ("v1.1.0", "v1.1.0")
    log = toys.call("history", "log", "1", "--step", "backup")
    assert "cp --verbose" in log
    assert " -> " in log, "what the child wrote is in the log"

    plan = toys.call("rollback", "--plan")
    assert "back to v1.0.0 (" in plan
    toys.call("rollback", "--database", "--yes", "--headless")
    assert toys.stands() == before


@pytest.mark.slow
def test_the_screens_ship_toys_as_well(toys: ToyHost) -> None:
    terminal = Terminal([PROGRAM, *toys.options, "release", "v1.1.0"], toys.environ)
    try:
        terminal.until(lambda text: "Nothing is touched yet." in text, "the plan")
        terminal.decide(b"a", lambda text: "auto: on" in text, "by itself as far as it can")
        terminal.decide(b"\r", lambda text: "Has the pipeline of v1.1.0 passed?" in text, "it runs, and asks")
        terminal.decide(b"\r", lambda text: "enter confirm it" in text, "the dialog")
        terminal.decide(b"\t", lambda text: "The pipeline of this commit passed. " in text, "the sentence")
        terminal.decide(b"\r", lambda text: "enter confirm it" not in text, "confirmed")
        terminal.until(lambda text: "succeeded" in text, "it is shipped")
        assert toys.stands()[:2] == ("v1.1.0", "v1.1.0")
        terminal.decide(b"R", lambda text: "back to v1.0.0" in text, "the way back")
        terminal.decide(b"\r", lambda text: "v1.0.0 runs again" in text, "rolled back")
    finally:
        terminal.close()
    assert toys.stands()[:2] == ("v1.0.0", "v1.0.0")
