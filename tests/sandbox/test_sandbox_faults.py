"""Each fault does what its line says, to the new release alone, and is gone when it is taken away."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from by_hand import Hand, wait_for
from sandboxes import make_sandbox

from debvisor_tui.sandbox.faults import FAULTS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hand]:
    """A sandbox at v1.1.0, so that a fault set "after v1.0.0" hits it."""
    sandbox = make_sandbox(tmp_path_factory.mktemp("shipped"))
    try:
        sandbox.start()
        hand = Hand(sandbox)
        hand.ship("v1.1.0")
        yield hand
    finally:
        sandbox.stop()


def _unhealthy(hand: Hand) -> bool:
    status, answer = hand.ready()
    return status == 503 and answer["checks"] == {"database": "ok", "cache": "failing"}


def _errors(hand: Hand) -> bool:
    return [hand.ask("/api/nodes")[0] for _ in range(40)].count(500) >= 2


def _slow(hand: Hand) -> bool:
    def at_most(seconds: str) -> float:
        lines = hand.ask("/metrics")[2].splitlines()
        wanted = f'http_request_duration_seconds_bucket{{le="{seconds}",method="GET",path="/api/nodes"}}'
        return sum(float(line.split()[-1]) for line in lines if line.startswith(wanted))

    return wait_for(lambda: at_most("+Inf") - at_most("0.4") >= 5)


def _login_broken(hand: Hand) -> bool:
    return hand.log_in()[0] == 403 and "csrf_token" not in hand.ask("/login")[2]


def _health_html(hand: Hand) -> bool:
    status, headers, body = hand.ask("/health/ready")
    return status == 200 and headers["Content-Type"].startswith("text/html") and "{" not in body


def _metrics_garbage(hand: Hand) -> bool:
    return hand.ask("/metrics")[2].startswith("<!doctype html>")


def _low_traffic(hand: Hand) -> bool:
    def counted() -> str:
        return "".join(
            line for line in hand.ask("/metrics")[2].splitlines() if line.startswith("http_requests_total")
        )

    def quiet() -> bool:
        before = counted()
        return not wait_for(lambda: counted() != before, 1.0)

    return wait_for(quiet)


SHOWS: Mapping[str, Callable[[Hand], bool]] = {
    "unhealthy": _unhealthy,
    "errors": _errors,
    "slow": _slow,
    "login-broken": _login_broken,
    "health-html": _health_html,
    "metrics-garbage": _metrics_garbage,
    "low-traffic": _low_traffic,
}


@pytest.mark.parametrize("name", SHOWS)
def test_fault_shows_and_goes(shipped: Hand, name: str) -> None:
    shipped.sandbox.set_fault(name, after="v1.0.0")
    assert SHOWS[name](shipped)
    shipped.sandbox.set_fault(None)
    assert shipped.ready()[0] == 200
    assert shipped.log_in()[0] == 302
    assert {shipped.ask("/api/nodes")[0] for _ in range(20)} == {200}
    assert "# TYPE http_requests_total counter" in shipped.ask("/metrics")[2]


def test_the_release_in_place_is_spared(shipped: Hand) -> None:
    shipped.sandbox.set_fault("unhealthy")
    assert shipped.sandbox.fault == "unhealthy"
    assert shipped.ready()[0] == 200
    shipped.sandbox.set_fault(None)
    assert shipped.sandbox.fault is None


def test_crash_is_told_with_the_last_words_of_the_release_alone(hand: Hand) -> None:
    hand.sandbox.set_fault("crash")
    hand.git("merge", "--quiet", "--ff-only", "v1.1.0")
    done = hand.panelctl("restart")
    assert done.returncode == 1
    assert "panel (v1.1.0) ended with 1 right after its start" in done.stderr
    assert "undefined symbol: dv_quota_open_v2" in done.stderr
    assert "v1.0.0" not in done.stderr
    hand.git("reset", "--quiet", "--hard", "v1.0.0")
    assert hand.panelctl("restart").returncode == 0
    assert hand.ready()[0] == 200


def test_migration_fails_half_way_and_goes_on_once_mended(hand: Hand) -> None:
    hand.sandbox.set_fault("migration-fails")
    hand.git("merge", "--quiet", "--ff-only", FAULTS["migration-fails"].version)
    failed = hand.alembic("upgrade", "head")
    assert failed.returncode == 1
    assert "UNIQUE constraint failed: vm.name" in failed.stderr
    with closing(sqlite3.connect(hand.dir / "data" / "panel.db")) as database:
        assert database.execute("SELECT version_num FROM alembic_version").fetchall() == [("b1f0a7c3d2e4",)]
        tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master")}
    assert "maintenance_window" not in tables  # the failed one is undone whole, the first one stands
    hand.sandbox.set_fault(None)
    assert hand.alembic("upgrade", "head").returncode == 0


def _check(hand: Hand, fault: str) -> str:
    """What `db check` finds of the release that is practised with."""
    hand.sandbox.set_fault(fault)
    hand.git("merge", "--quiet", "--ff-only", FAULTS[fault].version)
    return hand.cli("db", "check").stdout


def _state(hand: Hand) -> tuple[str, int, bool]:
    """The revision, how many machines there are, and whether the windows' table is there."""
    with closing(sqlite3.connect(hand.dir / "data" / "panel.db")) as database:
        (revision,) = database.execute("SELECT version_num FROM alembic_version").fetchone()
        (machines,) = database.execute("SELECT count(*) FROM vm").fetchone()
        names = {row[0] for row in database.execute("SELECT name FROM sqlite_master")}
    return revision, machines, "maintenance_window" in names


def test_a_cascade_is_found_on_the_copy_and_happens(hand: Hand) -> None:
    assert "data is lost: vm: all 60 rows gone (revision b1f0a7c3d2e4" in _check(hand, "cascade")
    assert _state(hand)[1] == 60
    assert hand.alembic("upgrade", "head").returncode == 0
    assert _state(hand) == ("c48d9e6a1b70", 0, True)


def test_half_migrated_is_fine_on_the_copy_and_leaves_a_table_behind(hand: Hand) -> None:
    said = _check(hand, "half-migrated")
    assert "1 of 3 loses data" in said  # node.notes, as without the fault
    assert "fails" not in said
    assert hand.alembic("upgrade", "head").returncode == 1
    assert _state(hand) == ("b1f0a7c3d2e4", 61, True)
    hand.sandbox.set_fault(None)


def test_a_broken_way_down_is_found_on_the_copy_and_happens(hand: Hand) -> None:
    assert "the way down: it fails on the copy: Revision c48d9e6a1b70" in _check(hand, "way-down-broken")
    assert hand.alembic("upgrade", "head").returncode == 0
    failed = hand.alembic("downgrade", "base")
    assert "ix_vm_names is not there" in failed.stderr
    assert _state(hand)[0] == "c48d9e6a1b70"


def test_unknown_sql_is_not_known_and_does_no_harm(hand: Hand) -> None:
    assert "not known: it could not be tried: it would start true (revision b1f0a7c3d2e4" in _check(
        hand, "unknown-sql"
    )
    assert hand.alembic("upgrade", "head").returncode == 0


def test_ci_is_red_for_the_later_commits_alone(hand: Hand) -> None:
    def results(version: str) -> set[str]:
        commit = hand.git("rev-parse", f"{version}^{{commit}}").strip()
        return {check["result"] for check in json.loads((hand.dir / "ci" / f"{commit}.json").read_text())["checks"]}

    hand.sandbox.set_fault("ci-red")
    assert results("v1.0.0") == {"passed"}
    assert results("v1.1.0") == results("v1.3.0") == {"passed", "failed"}
    hand.sandbox.set_fault(None)
    assert results("v1.3.0") == {"passed"}


def test_nobody_can_write_a_backup_not_even_root(hand: Hand) -> None:
    kept: Path = hand.dir / "backups" / "kept.db"
    kept.write_bytes(b"an earlier backup")
    hand.sandbox.set_fault("backup-fails")
    with pytest.raises(OSError, match="Not a directory"):
        (hand.dir / "backups" / "new.db").write_bytes(b"")
    hand.sandbox.set_fault(None)
    assert kept.read_bytes() == b"an earlier backup"


def test_every_fault_is_tried_here() -> None:
    assert set(FAULTS) == {
        *SHOWS,
        *("crash", "migration-fails", "ci-red", "backup-fails"),
        *("cascade", "half-migrated", "way-down-broken", "unknown-sql"),
    }
