"""The kinds that this version has hold their protocols' contracts."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from contracts import FileDatabaseContract, MetricsContract, PlatformContract, SourceContract, make_panel
from releasing import Host, Page, Request, end, make_host, web

from debvisor_tui.adapters.databases import open_database
from debvisor_tui.adapters.databases.protocol import Database
from debvisor_tui.adapters.metrics import open_metrics
from debvisor_tui.adapters.metrics.protocol import MetricsSource
from debvisor_tui.adapters.platforms import open_platform
from debvisor_tui.adapters.platforms.protocol import Platform
from debvisor_tui.adapters.sources import open_source
from debvisor_tui.adapters.sources.protocol import Source

RESTART = """
import os, signal, subprocess, sys
from pathlib import Path
pid = Path(sys.argv[1])
if pid.exists():
    os.kill(int(pid.read_text()), signal.SIGTERM)
child = subprocess.Popen(["sleep", "60"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL, start_new_session=True)
pid.write_text(str(child.pid))
"""


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return make_host(tmp_path)


class TestProcess(PlatformContract):
    def of(self, host: Host) -> Platform:
        argv = [sys.executable, "-c", RESTART, str(host.folder / "pid")]
        return open_platform(host.settings(platform={"restart": argv, "settle": "100ms"}))

    @pytest.fixture
    def platform(self, host: Host) -> Iterator[Platform]:
        subprocess.run([sys.executable, "-c", RESTART, str(host.folder / "pid")], check=True)
        yield self.of(host)
        end(host.folder / "pid")

    @pytest.fixture
    def stopped(self, host: Host) -> Platform:
        return self.of(host)


class TestGit(SourceContract):
    @pytest.fixture
    def source(self, host: Host) -> Source:
        ini = str(host.checkout / "alembic.ini")
        return open_source(host.settings(database={"python": sys.executable, "alembic_ini": ini}))


class TestSQLite(FileDatabaseContract):
    @pytest.fixture
    def database(self, tmp_path: Path) -> Database:
        self.path = make_panel(tmp_path)
        return open_database(f"{self.scheme}:///{self.path}", tmp_path)

    scheme = "sqlite"

    @pytest.fixture
    def missing(self, tmp_path: Path) -> Database:
        return open_database(f"{self.scheme}:///{tmp_path}/gone.db", tmp_path)


class TestScrape(MetricsContract):
    @pytest.fixture
    def metrics(self, host: Host) -> Iterator[MetricsSource]:
        asked = 0

        def numbers(_: Request) -> Page:
            nonlocal asked
            asked += 1
            return 200, {"content-type": "text/plain"}, f'http_requests_total{{code="200"}} {asked * 7}\n'.encode()

        with web() as site:
            site.pages["/metrics"] = numbers
            yield open_metrics(host.settings(site.base), 3.0)

    @pytest.fixture
    def silent(self, host: Host) -> MetricsSource:
        return open_metrics(host.settings("http://127.0.0.1:9"), 1.0)
