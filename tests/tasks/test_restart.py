"""Restart on a real service: a new process came of it and lives, or its own last words say why not."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from releasing import Host, Told, end, make_host, web

from debvisor_tui.adapters.platforms.process import process_of
from debvisor_tui.model.changes import ChangeState
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.findings import Found
from debvisor_tui.model.services import ServiceState
from debvisor_tui.tasks.restart import RestartTask

#: Stops what the pid file names and starts another; the file `mode` says how that one fares.
CONTROL = """
import os, signal, subprocess, sys, time
from pathlib import Path
folder = Path(sys.argv[1])
mode = (folder / "mode").read_text()
if mode == "lazy":
    sys.exit(0)
try:
    os.kill(int((folder / "pid").read_text()), signal.SIGTERM)
except (OSError, ValueError):
    pass
body = "import sys, time; print('panel: starting', flush=True); "
body += "print('no such table: \\x1b[31mnode'); sys.exit(3)" if mode == "dies" else "time.sleep(60)"
with open(folder / "log", "ab") as log:
    child = subprocess.Popen([sys.executable, "-c", body], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                             start_new_session=True)
(folder / "pid").write_text(f"{child.pid}\\n")
if mode == "fails":
    print("panelctl: no licence", file=sys.stderr)
    sys.exit(1)
"""


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = make_host(tmp_path)
    (tmp_path / "panelctl").write_text(CONTROL)
    (tmp_path / "log").write_text("an old line\n")
    yield host
    end(tmp_path / "pid")


def restart(host: Host, mode: str, base: str = "http://127.0.0.1:9", **platform: Any) -> Told:
    """The step's context, before its run."""
    (host.folder / "mode").write_text(mode)
    keys = {
        "restart": [sys.executable, str(host.folder / "panelctl"), str(host.folder)],
        "log_file": str(host.folder / "log"),
        "settle": "200ms",
        "stop_timeout": "5s",
        **platform,
    }
    return Told(host.settings(base, platform=keys), host.job("v1.1.0"), "restart")


def running(host: Host) -> ServiceState | None:
    return process_of(host.folder / "pid")


def test_a_new_process_is_followed_until_it_has_settled(host: Host) -> None:
    first = restart(host, "lives")
    asyncio.run(RestartTask().run(first))
    old = running(host)
    assert old is not None
    assert first.made[0].before == {}
    assert first.evidences("process")[0].value == {"before": None, "after": old.facts()}

    second = restart(host, "lives")
    assert asyncio.run(RestartTask().inspect(second)).found is Found.NOT_DONE
    asyncio.run(RestartTask().run(second))
    new = running(host)
    assert new is not None
    assert new.identity != old.identity
    [change] = second.made
    assert (change.state, change.before, change.after) == (ChangeState.DONE, old.facts(), new.facts())
    assert asyncio.run(RestartTask().inspect(second)).found is Found.DONE
    end(host.folder / "pid")
    assert asyncio.run(RestartTask().inspect(second)).found is Found.PARTLY


def test_a_service_that_dies_is_quoted(host: Host) -> None:
    ctx = restart(host, "dies", settle="5s")
    with pytest.raises(WorkFailed) as failure:
        asyncio.run(RestartTask().run(ctx))
    assert failure.value.what.endswith("no such table: node")
    assert [line for line in ctx.lines if line.startswith("err: ")] == [
        "err: panel: starting",
        "err: no such table: node",
    ]
    assert "an old line" not in ctx.log_text
    [change] = ctx.made
    assert (change.state, change.after) == (ChangeState.FAILED, {})


def test_a_command_that_fails_is_said_with_its_own_words(host: Host) -> None:
    ctx = restart(host, "fails")
    with pytest.raises(WorkFailed, match="panelctl failed with exit code 1: panelctl: no licence"):
        asyncio.run(RestartTask().run(ctx))
    now = running(host)
    assert now is not None
    assert ctx.made[0].after == now.facts()  # what really stands, although the step failed


def test_a_command_that_restarts_nothing_is_found_out(host: Host) -> None:
    asyncio.run(RestartTask().run(restart(host, "lives")))
    ctx = restart(host, "lazy", stop_timeout="200ms")
    with pytest.raises(WorkFailed, match="still runs, the same as before"):
        asyncio.run(RestartTask().run(ctx))
    assert asyncio.run(RestartTask().inspect(ctx)).found is Found.NOT_DONE


def test_the_numbers_of_the_old_process_are_kept_before_it_goes(host: Host) -> None:
    with web() as site:
        site.pages["/metrics"] = (
            200,
            {"content-type": "text/plain"},
            b"# TYPE http_requests_total counter\n"
            b'http_requests_total{path="/dashboard",status="200"} 95\n'
            b'http_requests_total{path="/dashboard",status="500"} 5\n'
            b'http_requests_total{path="/health/live",status="200"} 1000\n'
            b"# TYPE http_request_duration_seconds histogram\n"
            b'http_request_duration_seconds_bucket{le="0.1"} 50\n'
            b'http_request_duration_seconds_bucket{le="0.2"} 100\n'
            b'http_request_duration_seconds_bucket{le="+Inf"} 100\n',
        )
        ctx = restart(host, "lives", site.base)
        asyncio.run(RestartTask().run(ctx))
    [baseline] = ctx.evidences("baseline")
    assert baseline.value == {
        "requests": 100.0,
        "error_rate": 0.05,
        "seconds": None,
        "p50": 100.0,
        "p95": 190.0,
        "p99": 198.0,
    }
