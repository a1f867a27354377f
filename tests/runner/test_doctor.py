"""`debvisor-tui doctor`: what a release would meet on a real small host, found without touching it."""

import json
import subprocess
import sys
from typing import Any

import pytest
from release_host import Host

from debvisor_tui.runner.lock import TargetLock

pytestmark = pytest.mark.slow


def doctor(host: Host, code: int) -> dict[str, list[tuple[str, str]]]:
    """Part → (state, text) of what it found; it ends with `code`, and has changed nothing."""
    before = contents(host)
    argv = [sys.executable, "-m", "debvisor_tui", "--config", str(host.sandbox.config_path)]
    argv += ["--state-dir", str(host.sandbox.state_dir), "doctor", "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert contents(host) == before
    document = json.loads(done.stdout)
    assert document["ok"] is (code == 0)
    found: dict[str, list[tuple[str, str]]] = {}
    for check in document["checks"]:
        found.setdefault(check["part"], []).append((check["state"], check["text"]))
    return found


def contents(host: Host) -> dict[str, bytes]:
    """What must not be touched: all but what git writes of a fetch, and what the service itself writes."""
    folder = host.sandbox.dir
    files = [*folder.glob("checkout/*"), *folder.glob("backups/*"), *host.sandbox.state_dir.rglob("*")]
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in files if not path.is_socket()}


def states(found: dict[str, list[tuple[str, str]]]) -> dict[str, set[str]]:
    return {part: {state for state, _ in checks} for part, checks in found.items()}


def test_a_sound_host_has_nothing_that_would_stop_a_release(host: Host) -> None:
    for _ in range(3):  # a probe that takes over 3 s on a loaded machine is a warning, and rightly so
        found = doctor(host, 0)
        if all(state == "good" for checks in found.values() for state, _ in checks):
            break
    parts = "config platform source database migrations backup health monitor runner journal"
    assert states(found) == {part: {"good"} for part in parts.split()}
    assert "pid " in found["platform"][0][1]
    assert "v1.3.0 could be put in place, the newest of 4 on offer" in dict(found["source"]).values()


def test_what_would_stop_a_release_is_named_part_by_part(host: Host) -> None:
    (host.sandbox.dir / "checkout" / "VERSION").write_text("changed by hand\n")
    host.configure(lambda config: config["database"].update(python="/nowhere/python"))

    def far(config: Any) -> None:
        config["source"]["remote"] = "elsewhere"
        config["backup"]["dir"] = str(host.sandbox.config_path / "backups")

    found = doctor(host, 1)
    assert states(found)["migrations"] == {"bad"}
    assert "has 1 changed file: VERSION" in found["source"][1][1]
    assert "bad" not in states(found)["health"], "the rest is told all the same"
    host.configure(far)
    host.sandbox.stop()
    found = doctor(host, 1)
    assert states(found)["source"] >= {"bad"}
    assert states(found)["backup"] == {"bad"}
    assert states(found)["platform"] == states(found)["health"] == states(found)["monitor"] == {"warning"}
    host.places.prepare()
    lock = TargetLock.acquire(host.places, "bea", "release v1.2.0")
    try:
        assert ("bad", "bea has the target: release v1.2.0") in doctor(host, 1)["runner"]
    finally:
        lock.release()
