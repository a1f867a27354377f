"""What can be made to go wrong in the sandbox, for practice; only releases after the one in place are hit."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from debvisor_tui.sandbox.history import commits_after
from debvisor_tui.sandbox.layout import Layout, write_atomically
from debvisor_tui.sandbox.seed import plant_twin, remove_twin


@dataclass(frozen=True, slots=True)
class Fault:
    """`summary` in one line; `version`: the release to ship to see it."""

    name: str
    summary: str
    version: str = "v1.1.0"


FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        fault.name: fault
        for fault in (
            Fault("unhealthy", "the new release never becomes ready: its cache is failing"),
            Fault("crash", "the new release ends right after its start"),
            Fault("errors", "the new release answers about 10 % of its pages with 500"),
            Fault("slow", "the new release answers slowly: p95 about 600 ms"),
            Fault("migration-fails", "the second of three migrations fails, on the copy already", "v1.3.0"),
            Fault(
                "half-migrated", "the second of three migrations is fine on the copy, and fails half-way", "v1.3.0"
            ),
            Fault("cascade", "a table is rebuilt, and takes the rows of another with it"),
            Fault("way-down-broken", "the migrations go up, and not down again"),
            Fault("unknown-sql", "a migration starts a program: what it does cannot be tried"),
            Fault("ci-red", "the pipeline of every later commit failed in its integration tests"),
            Fault("login-broken", "the new release's login form has lost its CSRF token"),
            Fault("backup-fails", "the backup folder cannot be written to"),
            Fault("health-html", "readiness answers 200 with a page of HTML"),
            Fault("metrics-garbage", "/metrics answers with a page of HTML"),
            Fault("low-traffic", "nobody uses the new release: too little to judge it by"),
        )
    }
)

CHECKS = (
    ("unit", 41, 30),
    ("integration", 138, 60),
    ("e2e", 224, 90),
)  # name, seconds at least, and up to so many more


def arrange(layout: Layout, fault: str | None, after: str) -> None:
    """Make `fault` (or none) what goes wrong for releases after the version `after`; what was arranged is undone."""
    _restore(layout)
    if fault == "ci-red":
        write_ci(layout, after=after, red=True)
    elif fault == "backup-fails":
        _take_backup_place(layout)
    elif fault == "migration-fails":
        plant_twin(layout.database)
    write_atomically(layout.faults, json.dumps({"fault": fault, "after": after}) + "\n")


def current(layout: Layout) -> str | None:
    """The fault that is set, or None."""
    try:
        fault = json.loads(layout.faults.read_text(encoding="utf-8"))["fault"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return fault if fault in FAULTS else None


def _restore(layout: Layout) -> None:
    before = current(layout)
    if before == "ci-red":
        write_ci(layout)
    elif before == "backup-fails":
        _give_backup_place_back(layout)
    elif before == "migration-fails":
        remove_twin(layout.database)


def write_ci(layout: Layout, *, after: str = "", red: bool = False) -> None:
    """What the pipeline says of every commit after the version `after`."""
    for commit in commits_after(layout, after):
        write_atomically(
            layout.ci / f"{commit}.json", json.dumps({"checks": _checks(commit, red=red)}, indent=2) + "\n"
        )


def _checks(commit: str, *, red: bool) -> list[dict[str, Any]]:
    noise = hashlib.sha256(commit.encode()).digest()
    checks: list[dict[str, Any]] = []
    for (name, least, more), byte in zip(CHECKS, noise, strict=False):
        failed = red and name == "integration"
        checks.append(
            {
                "name": name,
                "result": "failed" if failed else "passed",
                "seconds": least + byte % more,
                "detail": "test_login_after_restart: expected 200, got 503" if failed else "",
            }
        )
    return checks


def _take_backup_place(layout: Layout) -> None:
    # A file where the folder should be stops even root, whom a folder without write permission would not.
    layout.backups.rename(layout.dir / "backups.kept")
    layout.backups.write_text("This file stands in the place of the backup folder.\n", encoding="utf-8")


def _give_backup_place_back(layout: Layout) -> None:
    kept = layout.dir / "backups.kept"
    if kept.is_dir() and layout.backups.is_file():
        layout.backups.unlink()
        kept.rename(layout.backups)
