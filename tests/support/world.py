"""The world of a sandbox as it stands, looked at without the program's own eyes, and held against its journal."""

import json
import os
import sqlite3
import subprocess
import urllib.request
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from debvisor_tui.model.changes import Change, ChangeKind, ChangeState
from debvisor_tui.model.views import RunView
from debvisor_tui.sandbox.host import Sandbox


@dataclass(frozen=True)
class World:
    """`answers`: the version that /health/ready tells, "" if nothing does. `backups`: tags with file and manifest."""

    commit: str
    clean: bool
    revision: str | None
    nodes: int
    panel: int  # pid, 0 if it does not live
    answers: str
    backups: frozenset[str]


def look(sandbox: Sandbox) -> World:
    checkout = sandbox.dir / "checkout"
    panel = _panel(sandbox)
    with closing(sqlite3.connect(f"file:{sandbox.dir}/data/panel.db?mode=ro", uri=True, timeout=10)) as database:
        row = database.execute("SELECT version_num FROM alembic_version").fetchone()
        nodes = database.execute("SELECT count(*) FROM node").fetchone()[0]
    return World(
        commit=_git(checkout, "rev-parse", "HEAD"),
        clean=_git(checkout, "status", "--porcelain") == "" and not (checkout / ".git/index.lock").exists(),
        revision=row[0] if row else None,
        nodes=nodes,
        panel=panel,
        answers=_answers(sandbox) if panel else "",
        backups=frozenset(
            json.loads(manifest.read_text(encoding="utf-8"))["tag"]
            for manifest in (sandbox.dir / "backups").glob("*.json")
        ),
    )


def contradictions(view: RunView, world: World, before: World) -> list[str]:
    """Where the journal of a release says what is not so. `before`: the world before its run began.

    A change that is only intended may or may not have happened, so it says nothing.
    """
    said: list[str] = []
    for kind, stood, stands, key in (
        (ChangeKind.CODE, before.commit, world.commit, "commit"),
        (ChangeKind.DATABASE, before.revision, world.revision, "revision"),
        (ChangeKind.PROCESS, before.panel, world.panel, "pid"),
    ):
        changes = [c for c in view.changes if c.kind is kind]
        wanted, why = _said(changes, stood, key)
        if wanted is not _ANYTHING and wanted != stands:
            said.append(f"{kind}: the journal says {wanted} ({why}), the world is at {stands}")
    for change in view.changes:
        made = change.kind is ChangeKind.BACKUP and change.state is ChangeState.DONE
        if made and change.after["tag"] not in world.backups:
            said.append(f"the backup {change.after['tag']} is not there")
    return said


_ANYTHING: Any = object()


def _said(changes: list[Change], stood: Any, key: str) -> tuple[Any, str]:
    if not changes:
        return stood, "no change"
    last = changes[-1]
    if last.state is ChangeState.UNDONE:
        return (stood, "undone") if key != "pid" else (_ANYTHING, "")
    if last.state is ChangeState.INTENDED or key not in last.after:
        return _ANYTHING, ""
    return last.after[key], str(last.state)


def stragglers(sandbox: Sandbox) -> list[str]:
    """Processes that a step of a run in this sandbox has started and that still live."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            environ = Path(f"/proc/{entry}/environ").read_bytes()
            command = Path(f"/proc/{entry}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            here = os.fsencode(sandbox.dir) in environ + command.encode()
        except OSError:
            continue
        if b"DEBVISOR_TUI_CHILD=" in environ and here:
            found.append(f"{entry}: {command}")
    return found


def _panel(sandbox: Sandbox) -> int:
    try:
        pid, ticks = (sandbox.dir / "run/panel.pid").read_text(encoding="utf-8").split("\n")[:2]
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (OSError, ValueError):
        return 0
    return int(pid) if fields[19] == ticks and fields[0] != "Z" else 0


def _answers(sandbox: Sandbox) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{sandbox.port}/health/ready", timeout=5) as response:
            return "v" + str(json.load(response)["version"]).removeprefix("v")
    except (OSError, ValueError):
        return ""


def _git(checkout: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-c", f"safe.directory={checkout}", "-C", checkout, "--no-optional-locks", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return done.stdout.strip()
