"""A small host for the tasks: a git origin with releases, a web server on loopback, a service that restarts."""

import asyncio
import atexit
import functools
import os
import select
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from debvisor_tui.config.settings import Settings
from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.evidence import Evidence
from debvisor_tui.model.gates import Answer, Gate
from debvisor_tui.model.people import Person
from debvisor_tui.model.playbook import RunKind
from debvisor_tui.tasks.base import Job, Reply, StepCommand
from debvisor_tui.tasks.cli_context import StandaloneContext

ANNA = Person("anna", "pts/1")
_GIT_ENV = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Mira Santos",
    "GIT_AUTHOR_EMAIL": "mira@example.org",
    "GIT_COMMITTER_NAME": "Mira Santos",
    "GIT_COMMITTER_EMAIL": "mira@example.org",
}


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *words], env={**os.environ, **_GIT_ENV}, capture_output=True, check=True, text=True
    )
    return done.stdout.strip()


@dataclass
class Host:
    """`work` is where the authors work; `origin` what they push to; `checkout` what the service runs from."""

    folder: Path
    work: Path
    origin: Path
    checkout: Path

    def commit(self, name: str, content: str, subject: str, tag: str = "", push: bool = True) -> str:
        (self.work / name).write_text(content)
        git(self.work, "add", name)
        git(self.work, "commit", "-q", "-m", subject)
        if tag:
            git(self.work, "tag", "-a", "-m", f"Release {tag}", tag)
        if push:
            git(self.work, "push", "-q", "--tags", "origin", "main")
        return git(self.work, "rev-parse", "HEAD")

    def head(self) -> str:
        return git(self.checkout, "rev-parse", "HEAD")

    def settings(self, base: str = "http://127.0.0.1:9", **parts: Mapping[str, Any]) -> Settings:
        """Settings of this host, its URLs at `base`; `parts` add to or replace keys of a section, or, of
        another kind, the section."""
        document: dict[str, dict[str, Any]] = {
            "platform": {"kind": "process", "restart": ["true"], "pid_file": str(self.folder / "pid")},
            "source": {"kind": "git", "checkout": str(self.checkout)},
            "database": {"url": "sqlite:////none.db", "alembic_ini": "/none/alembic.ini", "python": "/none/python"},
            "backup": {"dir": str(self.folder / "backups")},
            "health": {
                "live": f"{base}/health/live",
                "ready": f"{base}/health/ready",
                "successes": 3,
                "interval": "20ms",
                "timeout": "2s",
            },
            "smoke": {
                "login_url": f"{base}/login",
                "username": "oncall",
                "password": "correct-horse",
                "dashboard_url": f"{base}/dashboard",
                "dashboard_contains": "Nodes & more",
            },
            "monitor": {"metrics": f"{base}/metrics", "duration": "500ms", "interval": "50ms"},
        }
        for name, keys in parts.items():
            there = document.get(name, {})
            other = keys.get("kind", there.get("kind")) != there.get("kind")
            document[name] = dict(keys) if other else {**there, **keys}
        return Settings.model_validate({"name": "test", "path": self.folder / "debvisor.toml", **document})

    def job(self, to_version: str, kind: RunKind = RunKind.RELEASE, **facts: Any) -> Job:
        to = git(self.work, "rev-parse", f"{to_version}^{{commit}}")
        old, new = Artifact("v1.0.0", {"commit": self.head()}), Artifact(to_version, {"commit": to})
        return Job(kind, old, new, ANNA, facts=facts)


def make_host(folder: Path) -> Host:
    """v1.0.0 is in place; v1.1.0, two commits on, and v1.10.0 are on offer."""
    return copy_of(_template(), folder)


def copy_of(template: Path, folder: Path) -> Host:
    """A host in `folder` as the one in `template` is; made once, it is copied often: git takes its time."""
    shutil.copytree(template, folder, dirs_exist_ok=True)
    for config in (folder / "work/.git/config", folder / "checkout/.git/config"):
        config.write_text(config.read_text().replace(str(template), str(folder)))
    return Host(folder, folder / "work", folder / "origin.git", folder / "checkout")


@functools.cache
def _template() -> Path:
    """Made once: twenty git commands take their time."""
    folder = Path(tempfile.mkdtemp(prefix="debvisor-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    host = Host(folder, folder / "work", folder / "origin.git", folder / "checkout")
    git(folder, "init", "-q", "--bare", "-b", "main", str(host.origin))
    git(folder, "init", "-q", "-b", "main", str(host.work))
    git(host.work, "remote", "add", "origin", str(host.origin))
    host.commit("VERSION", "1.0.0\n", "First release", "v1.0.0")
    git(folder, "clone", "-q", str(host.origin), str(host.checkout))
    host.commit("panel.py", "print('nodes')\n", "Show the nodes (#38)", push=False)
    host.commit("VERSION", "1.1.0\n", "Release v1.1.0", "v1.1.0", push=False)
    host.commit("VERSION", "1.10.0\n", "Release v1.10.0", "v1.10.0")
    return folder


@dataclass
class Told(StandaloneContext):
    """A step's context that remembers all it is told. `answer`: what the operator says at a gate."""

    settings: Settings
    job: Job
    step: str
    answer: Answer = Answer.ATTEST
    lines: list[str] = field(default_factory=list)
    gates: list[Gate] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(self.settings, self.job, self.step, say=self._hear, ask=self._decide)
        self.inbox: asyncio.Queue[StepCommand] = asyncio.Queue(maxsize=10)

    def _hear(self, line: str, stream: str) -> None:
        self.lines.append(f"{stream}: {line}")

    async def _decide(self, gate: Gate) -> Reply:
        self.gates.append(gate)
        return Reply(self.answer, ANNA, 1_700_000_000.0, "read them all")

    def evidences(self, name: str) -> list[Evidence]:
        return [e for e in self.found if e.name == name]

    @property
    def log_text(self) -> str:
        return "\n".join(self.lines)


#: status, headers, body
Page = tuple[int, Mapping[str, str], bytes]


@dataclass
class Web:
    """A web server: `pages` gives the answer by path, as a page or as a function of the request that makes one."""

    pages: dict[str, Page | Callable[["Request"], Page]] = field(default_factory=dict)
    asked: list["Request"] = field(default_factory=list)
    base: str = ""

    def json(self, path: str, text: str, status: int = 200) -> None:
        self.pages[path] = (status, {"content-type": "application/json"}, text.encode())

    def html(self, path: str, text: str, status: int = 200) -> None:
        self.pages[path] = (status, {"content-type": "text/html"}, text.encode())


@dataclass
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: str


@contextmanager
def web(host: str = "127.0.0.1") -> Iterator[Web]:
    site = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            headers = {k.lower(): v for k, v in self.headers.items()}
            request = Request(self.command, self.path, headers, self.rfile.read(length).decode())
            site.asked.append(request)
            page = site.pages.get(self.path.partition("?")[0], (404, {}, b"no such page"))
            status, given, body = page(request) if callable(page) else page
            self.send_response(status)
            for name, value in given.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((host, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    site.base = f"http://{host}:{server.server_address[1]}"
    try:
        yield site
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


def end(pid_file: Path) -> None:
    """End the service that `pid_file` names, if it lives, and wait until it is gone."""
    try:
        fd = os.pidfd_open(int(pid_file.read_text()))
    except (OSError, ValueError):
        return
    try:
        signal.pidfd_send_signal(fd, signal.SIGKILL)
        select.select([fd], [], [], 5)
    except ProcessLookupError:
        return
    finally:
        os.close(fd)
