"""What an operator would do by hand on a sandbox, and waiting for what it leads to."""

import http.client
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from debvisor_tui.sandbox.host import Sandbox

BASE = "7e20b4d8f1a6"  # the revision of v1.0.0


class Hand:
    """The playbook by hand."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.dir = sandbox.dir

    def run(self, *argv: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
        database = f"sqlite:///{self.dir / 'data' / 'panel.db'}"
        env = {**os.environ, "DATABASE_URL": database, "PANEL_FAULTS": str(self.dir / "faults.json")}
        return subprocess.run(
            argv, cwd=cwd or self.dir, env=env, capture_output=True, text=True, timeout=30, check=False
        )

    def git(self, *arguments: str) -> str:
        done = self.run("git", "-c", "safe.directory=*", *arguments, cwd=self.dir / "checkout")
        assert done.returncode == 0, done.stderr
        return done.stdout

    def alembic(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self.run(sys.executable, "-m", "alembic", *arguments, cwd=self.dir / "checkout")

    def cli(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        config = str(self.dir / "debvisor.toml")
        return self.run(sys.executable, "-m", "debvisor_tui.cli.playbook", "--config", config, *arguments)

    def panelctl(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self.run(sys.executable, "panelctl", *arguments)

    def ship(self, version: str) -> None:
        self.git("merge", "--quiet", "--ff-only", version)
        for done in (self.alembic("upgrade", "head"), self.panelctl("restart")):
            assert done.returncode == 0, done.stderr

    def pid(self, name: str = "panel") -> int:
        return int((self.dir / "run" / f"{name}.pid").read_text().splitlines()[0])

    def ask(
        self, path: str, *, cookie: str = "", form: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.sandbox.port, timeout=10)
        headers = {"Cookie": cookie} if cookie else {}
        try:
            connection.request("GET" if form is None else "POST", path, urlencode(form or {}), headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.headers), answer.read().decode()
        finally:
            connection.close()

    def ready(self) -> tuple[int, dict[str, Any]]:
        status, _, body = self.ask("/health/ready")
        return status, json.loads(body)

    def log_in(self) -> tuple[int, str]:
        """The status of the login, and the new session's cookie."""
        _, headers, body = self.ask("/login")
        found = re.search(r'name="csrf_token" value="([^"]+)"', body)
        form = {
            "username": "oncall",
            "password": (self.dir / "smoke-password").read_text().strip(),
            **({"csrf_token": found.group(1)} if found else {}),
        }
        status, answered, _ = self.ask("/login", cookie=headers["Set-Cookie"].partition(";")[0], form=form)
        return status, answered.get("Set-Cookie", "").partition(";")[0]


def wait_for(true: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def gone(pid: int) -> bool:
    """Whether no process of this id runs; one that nobody has reaped yet does not run."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in {"Z", "X"}
    except OSError:
        return True
