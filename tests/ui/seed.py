"""A journal with a realistic release in it, at fixed times, for pilot tests and snapshots."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from debvisor_tui.config.settings import Settings
from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.changes import ChangeKind, ChangeState
from debvisor_tui.model.gates import Gate, GateKind
from debvisor_tui.model.instants import Instant
from debvisor_tui.model.people import Person
from debvisor_tui.model.playbook import RELEASE_STEPS, ROLLBACK_STEPS, RunKind
from debvisor_tui.model.schema import Loss
from debvisor_tui.model.states import RunState, StepState
from debvisor_tui.model.trial import Break, Fit, Trial, Tried, Way
from debvisor_tui.model.verdict import Sample
from debvisor_tui.model.views import PlannedStep
from debvisor_tui.runner.paths import TargetPaths
from debvisor_tui.store import journal_file as journal_module
from debvisor_tui.store.journal import Journal, NewRun
from debvisor_tui.tasks.base import Job
from debvisor_tui.tasks.registry import task_for
from debvisor_tui.ui.clock import StandingClock
from debvisor_tui.ui.session import Session

START = 1_773_784_920.0  # 2026-03-17 22:02:00 UTC
ANNA = Person("anna", "10.0.0.7")
OLD, NEW = "3f2a91c04d7be81f6a5590c2be3d1f7a9e64c210", "b81d40ffe2963a57c1a80d9be4e7720f5ac3d916"

TRIAL = Trial(
    of="the backup pre-deploy-v1.1.0",
    rows=81_204,
    tried=(
        Tried(
            "b1f0a7c3d2e4",
            Way(0.021),
            changes=("node.region is new",),
            touched=("node",),
            cuts=(),
            drops=("node.region",),
            down=Way(0.034),
            again=Way(0.02),
        ),
        Tried(
            "d2a95be81c07",
            Way(1.8),
            changes=("vm has got index ix_vm_node_id (node_id)",),
            touched=("vm",),
            cuts=(),
            down=Way(0.2),
            again=Way(1.7),
        ),
        Tried(
            "e7d0315fb2c8",
            Way(0.052),
            losses=(Loss("node.notes", 12, 12),),
            changes=("node.notes is gone",),
            touched=("node",),
            down=Way(0.04, left=("node.notes: all 12 values gone",)),
            again=Way(0.05),
        ),
    ),
    fit=Fit(4, 4, (Break("node", "read", "no such column: node.notes"),)),
    seconds=6.2,
).to_json()
USUAL = {"review": 2.1, "ci": 0.8, "backup": 14.0, "migration-check": 1.6, "pull": 3.0, "upgrade": 4.2}
SECONDS = {
    "review": 1.9,
    "ci": 0.6,
    "backup": 12.4,
    "migration-check": 1.7,
    "pull": 2.6,
    "upgrade": 3.8,
    "restart": 1.2,
    "health": 2.4,
    "smoke": 0.9,
    "monitor": 30.0,
    "revert-database": 2.2,
    "revert-release": 0.4,
}

Fact = tuple[str, str, dict[str, Any]]


def settings(folder: Path, *, production: bool = True) -> Settings:
    """Settings of a target whose files need not be there."""
    return Settings.model_validate(
        {
            "name": "production" if production else "sandbox",
            "production": production,
            "platform": {
                "kind": "process",
                "restart": ["/srv/debvisor/panelctl", "restart"],
                "pid_file": "/run/p.pid",
            },
            "source": {"kind": "git", "checkout": "/srv/debvisor"},
            "database": {
                "url": "sqlite:////srv/debvisor/panel.db",
                "alembic_ini": "/srv/debvisor/alembic.ini",
                "python": "/usr/bin/python3",
            },
            "backup": {"dir": "/var/backups/debvisor", "verify": "restore"},
            "health": {"live": "http://127.0.0.1:8080/health/live", "ready": "http://127.0.0.1:8080/health/ready"},
            "smoke": {
                "login_url": "http://127.0.0.1:8080/login",
                "username": "oncall",
                "password": {"env": "SMOKE_PASSWORD"},
                "dashboard_url": "http://127.0.0.1:8080/dashboard",
                "dashboard_contains": "Nodes",
            },
            "monitor": {"metrics": "http://127.0.0.1:8080/metrics", "duration": "30s", "interval": "1s"},
            "path": str(folder / "debvisor.toml"),
        }
    )


def commands(kind: RunKind, step: str, old: Artifact, new: Artifact) -> tuple[str, ...]:
    """What the step's own task says that it runs."""
    known = settings(Path("/etc/debvisor"))
    job = Job(kind, old, new, ANNA, facts=FACTS.get(step, {}) if kind is RunKind.ROLLBACK else {})
    return task_for(kind, step, known).commands(known, job)


def session(folder: Path, *, at: float, production: bool = True) -> Session:
    """A session on the journal that a Story writes in `folder`, with a clock that stands at `at`."""
    chosen = settings(folder, production=production)
    return Session(chosen, TargetPaths(folder, chosen.name), ANNA, StandingClock(at))


@dataclass
class Story:
    """Writes runs as the runner would, at times of its own: `at` moves on with each step."""

    folder: Path
    target: str = "production"
    at: float = START
    run: int = 0
    attempt: int = 0
    commands: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # of the run's steps
    evidence: Mapping[str, "list[Fact]"] = field(default_factory=dict)  # where a step found other things
    journal: Journal = field(init=False)

    def __post_init__(self) -> None:
        self.journal = Journal(TargetPaths(self.folder, self.target).journal)

    @contextmanager
    def _frozen(self) -> Iterator[Journal]:
        with patch.object(journal_module, "present", lambda: Instant(self.at)):
            yield self.journal

    def close(self) -> None:
        self.journal.close()

    # -- runs -----------------------------------------------------------------------------------------------------

    def release(self, old: str = "v1.0.0", new: str = "v1.1.0") -> int:
        return self._create(RunKind.RELEASE, old, OLD, new, NEW, [s.id for s in RELEASE_STEPS])

    def rollback(self, of_run: int, steps: Sequence[str], old: str = "v1.1.0", new: str = "v1.0.0") -> int:
        return self._create(RunKind.ROLLBACK, old, NEW, new, OLD, steps, of_run)

    def _create(
        self, kind: RunKind, old: str, old_sha: str, new: str, new_sha: str, ids: Sequence[str], of: int | None = None
    ) -> int:
        specs = RELEASE_STEPS if kind is RunKind.RELEASE else ROLLBACK_STEPS
        before, after = Artifact(old, {"commit": old_sha}), Artifact(new, {"commit": new_sha})
        self.commands = {step: commands(kind, step, before, after) for step in ids}
        steps = [
            PlannedStep(s.id, s.title, s.phase, s.why, self.commands[s.id], usual=USUAL.get(s.id))
            for s in specs
            if s.id in ids
        ]
        with self._frozen() as journal:
            self.run = journal.create_run(
                NewRun(
                    kind,
                    self.target,
                    before,
                    after,
                    str(ANNA),
                    steps,
                    of_run=of,
                    how="setsid",
                )
            )
            journal.set_run_state(self.run, RunState.RUNNING)
        return self.run

    def state(self, state: RunState, gate: Gate | None = None, reason: str = "") -> None:
        with self._frozen() as journal:
            journal.set_run_state(self.run, state, reason, gate)

    def wait(
        self, kind: GateKind, step: str, question: str, detail: str = "", danger: str = "", finding: str = ""
    ) -> None:
        self.state(RunState.WAITING, Gate(kind, step, question, detail, danger, finding))

    def ready(self, step: str) -> None:
        title = next(s.title for s in (*RELEASE_STEPS, *ROLLBACK_STEPS) if s.id == step)
        self.wait(GateKind.READY, step, f"Run {title}?")

    # -- steps ----------------------------------------------------------------------------------------------------

    def start(self, step: str, facts: int | None = None) -> None:
        """Start a step, and leave it running with the first `facts` of its evidence (None: all of it)."""
        with self._frozen() as journal:
            journal.decide(self.run, step, str(ANNA), "run")
            journal.set_run_state(self.run, RunState.RUNNING)
            self.attempt, _number = journal.start_attempt(self.run, step)
            if shown := self.commands[step]:
                journal.add_lines(self.attempt, [(self.at, "cmd", f"$ {command}") for command in shown])
            for name, text, value in {**EVIDENCE, **self.evidence}.get(step, [])[:facts]:
                journal.add_evidence(self.run, self.attempt, step, name, text, value)
            if told := LINES.get(step):
                journal.add_lines(self.attempt, [(self.at + i / 10, s, t) for i, (s, t) in enumerate(told)])

    def end(self, step: str, state: StepState = StepState.SUCCEEDED, error: str = "", hint: str = "") -> None:
        seconds = SECONDS.get(step, 1.0)
        self.at += seconds
        with self._frozen() as journal:
            journal.end_attempt(self.attempt, state, seconds, error, hint)

    def change(self, step: str) -> None:
        kind, subject, before, after = CHANGES[step]
        with self._frozen() as journal:
            change = journal.intend_change(self.run, self.attempt, step, kind, subject, before)
            journal.settle_change(change, ChangeState.DONE, after)

    def play(self, *steps: str) -> None:
        """Whole steps, each run by the operator and done."""
        for step in steps:
            self.at += 2
            self.start(step)
            if step in CHANGES:
                self.change(step)
            if step == "monitor":
                self.samples(30)
            self.end(step)

    def samples(self, count: int) -> None:
        with self._frozen() as journal:
            for i in range(count):
                wave = (i * 7) % 5
                journal.add_sample(
                    self.attempt,
                    Sample(self.at + i, float(i), 1.0, 16.0 + wave, 0.0, 8.0 + wave, 21.0 + wave, 30.0 + wave),
                )

    def lines(self, count: int, text: str = "pg_dump: dumping row {n} of table public.vm") -> None:
        with self._frozen() as journal:
            rows = [(self.at + n / 100, "out", text.format(n=n)) for n in range(count)]
            journal.add_lines(self.attempt, rows)

    def done(self, state: RunState = RunState.SUCCEEDED) -> None:
        """With a rollback, its release is rolled back too."""
        with self._frozen() as journal:
            journal.end_run(self.run, state)


def whole(story: Story, old: str = "v1.0.0", new: str = "v1.1.0") -> int:
    """A release that went well."""
    run = story.release(old, new)
    story.play(*(s.id for s in RELEASE_STEPS))
    story.done()
    return run


COMMITS = [
    (NEW, "Bea Lindqvist", "Merge pull request #41 from bea/node-regions"),
    ("77aa0c21", "Bea Lindqvist", "Show each node's region on the dashboard"),
    ("5d0e9f83", "Tomás Ñandú 李", "Add node.region, empty for now"),
    ("c4410b7e", "Chidi Okafor", "Index vm.node_id: the dashboard was a full scan on every single request, all day"),
]

EVIDENCE: Mapping[str, list[Fact]] = {
    "review": [
        (
            "commits",
            "4 commits between v1.0.0 and v1.1.0",
            {
                "from": OLD,
                "to": NEW,
                "from_version": "v1.0.0",
                "to_version": "v1.1.0",
                "trunk": "origin/main",
                "commits": [
                    {"commit": sha, "author": who, "at": START - 86_400 * (i + 1), "subject": subject}
                    for i, (sha, who, subject) in enumerate(COMMITS)
                ],
            },
        ),
        (
            "attested",
            "anna (10.0.0.7) attested the review",
            {"by": "anna (10.0.0.7)", "at": START + 20, "statement": "All four were reviewed in #41 and #39."},
        ),
    ],
    "ci": [
        (
            "checks",
            "3 of 3 checks passed",
            {
                "commit": NEW,
                "checks": [
                    {"name": "unit", "result": "passed", "seconds": 41},
                    {"name": "integration", "result": "passed", "seconds": 204},
                    {"name": "e2e", "result": "passed", "seconds": 388, "detail": "chromium, firefox"},
                ],
            },
        )
    ],
    "backup": [
        (
            "backup",
            "pre-deploy-v1.1.0, 48.2 MB",
            {
                "tag": "pre-deploy-v1.1.0",
                "path": "/var/backups/debvisor/pre-deploy-v1.1.0.db",
                "bytes": 48_213_504,
                "sha256": "9d41b0c7e2f5" + "0" * 52,
                "revision": "9c41d2e07ab3",
                "seconds": 9.4,
            },
        ),
        (
            "verified",
            "read back and restored",
            {
                "integrity": "ok",
                "read_back": True,
                "restored": True,
                "rows": {"node": 12, "vm": 61, "user": 3, "audit_log": 81_128},
            },
        ),
    ],
    "migration-check": [
        (
            "migrations",
            "3 revisions pending, 1 destroys data",
            {
                "current": "9c41d2e07ab3",
                "head": "e7d0315fb2c8",
                "pending": [
                    {
                        "revision": "b1f0a7c3d2e4",
                        "message": "node.region",
                        "operations": [{"text": "add column node.region VARCHAR(32)"}],
                        "down": [{"text": "drop column node.region", "destructive": True, "drops": "node.region"}],
                        "sql": "ALTER TABLE node ADD COLUMN region VARCHAR(32);",
                    },
                    {
                        "revision": "d2a95be81c07",
                        "message": "index vm.node_id",
                        "operations": [{"text": "create index ix_vm_node_id on vm (node_id)"}],
                        "down": [{"text": "drop index ix_vm_node_id"}],
                        "sql": "CREATE INDEX ix_vm_node_id ON vm (node_id);",
                    },
                    {
                        "revision": "e7d0315fb2c8",
                        "message": "drop node.notes",
                        "operations": [
                            {"text": "drop column node.notes", "destructive": True, "drops": "node.notes"}
                        ],
                        "down": [{"text": "add column node.notes TEXT"}],
                        "irreversible": "",
                        "sql": "ALTER TABLE node DROP COLUMN notes;",
                    },
                ],
            },
        ),
        (
            "trial",
            "tried on a copy of the backup pre-deploy-v1.1.0, 81204 rows, in 6.2 s: 1 of 3 loses data",
            TRIAL,
        ),
    ],
    "pull": [
        (
            "code",
            "v1.0.0 → v1.1.0, 9 files",
            {"before": OLD, "after": NEW, "before_version": "v1.0.0", "after_version": "v1.1.0", "files": 9},
        )
    ],
    "upgrade": [
        (
            "revisions",
            "9c41d2e07ab3 → d2a95be81c07",
            {
                "before": "9c41d2e07ab3",
                "after": "d2a95be81c07",
                "applied": [
                    {"revision": "b1f0a7c3d2e4", "message": "node.region", "seconds": 0.2},
                    {"revision": "d2a95be81c07", "message": "index vm.node_id", "seconds": 1.4},
                ],
            },
        )
    ],
    "restart": [
        (
            "baseline",
            "0.00 % errors, p95 21 ms over 9 120 requests",
            {"requests": 9120, "error_rate": 0.0, "p50": 8.0, "p95": 21.0, "p99": 33.0, "seconds": 600.0},
        ),
        (
            "process",
            "pid 4711 → 5822",
            {"before": {"pid": 4711, "started": START - 864_000}, "after": {"pid": 5822, "started": START + 60}},
        ),
    ],
    "health": [
        (
            "probe",
            "live 503" if i == 0 and name == "ready" else f"{name} 200",
            {
                "name": name,
                "status": 503 if i == 0 and name == "ready" else 200,
                "ms": 4.0 + i * 3 + (name == "ready") * 6,
                "ok": not (i == 0 and name == "ready"),
                "in_a_row": i + (name == "live"),
                "text": "cache: failing" if i == 0 and name == "ready" else "ok",
                "parts": {"database": "ok", "cache": "failing" if i == 0 else "ok"} if name == "ready" else {},
            },
        )
        for i in range(4)
        for name in ("live", "ready")
    ],
    "smoke": [
        (
            "request",
            text,
            {"name": name, "method": method, "url": url, "status": status, "ms": ms, "ok": True, "text": text},
        )
        for name, method, url, status, ms, text in [
            ("login page", "GET", "http://127.0.0.1:8080/login", 200, 6.1, "a form with a CSRF token"),
            ("log in", "POST", "http://127.0.0.1:8080/login", 302, 88.4, "logged in as oncall"),
            ("dashboard", "GET", "http://127.0.0.1:8080/dashboard", 200, 12.9, "holds “Nodes”"),
        ]
    ],
    "monitor": [
        (
            "verdict",
            "pass: error rate 0.00% over 540 requests",
            {
                "outcome": "pass",
                "reason": "error rate 0.00% over 540 requests, p95 at most 25 ms",
                "requests": 540.0,
                "error_rate": 0.0,
                "worst_p95": 25.0,
                "breaches": 0,
                "scrapes": 30,
                "failed_scrapes": 0,
            },
        )
    ],
    "revert-database": [
        (
            "revisions",
            "d2a95be81c07 → 9c41d2e07ab3",
            {
                "before": "d2a95be81c07",
                "after": "9c41d2e07ab3",
                "applied": [
                    {"revision": "d2a95be81c07", "message": "index vm.node_id", "seconds": 0.4},
                    {"revision": "b1f0a7c3d2e4", "message": "node.region", "seconds": 0.3},
                ],
            },
        )
    ],
    "revert-release": [
        (
            "code",
            "v1.1.0 → v1.0.0, 9 files",
            {"before": NEW, "after": OLD, "before_version": "v1.1.0", "after_version": "v1.0.0", "files": 9},
        )
    ],
}

LINES: Mapping[str, list[tuple[str, str]]] = {
    "review": [("note", "4 commits, all on main")],
    "ci": [("note", "read /var/lib/ci/b81d40ffe296.json"), ("note", "3 of 3 checks passed")],
    "backup": [
        ("note", "free space 12.4 GB, needed 58 MB"),
        ("out", "copying page 1024 of 11771"),
        ("out", 'copying table "public.vm" [/] with [red]brackets[/red] and 日本語'),
        ("err", "warning: audit_log grew while it was read"),
        ("note", "integrity_check: ok"),
    ],
    "migration-check": [("out", "9c41d2e07ab3 -> b1f0a7c3d2e4, node.region"), ("note", "3 revisions pending")],
    "pull": [("err", "From origin"), ("out", "Updating 3f2a91c..b81d40f"), ("out", "Fast-forward")],
    "upgrade": [
        ("err", "INFO  [alembic.runtime.migration] Running upgrade 9c41d2e07ab3 -> b1f0a7c3d2e4, node.region"),
        ("err", "INFO  [alembic.runtime.migration] Running upgrade b1f0a7c3d2e4 -> d2a95be81c07, index vm.node_id"),
    ],
    "restart": [("out", "stopped pid 4711 (v1.0.0)"), ("out", "started pid 5822 (v1.1.0)")],
    "health": [("note", "ready: 503, cache failing"), ("note", "live and ready, 3 times in a row")],
    "smoke": [("note", "dashboard holds “Nodes”")],
    "monitor": [("note", "watching for 30 s")],
}

CHANGES: Mapping[str, tuple[ChangeKind, str, dict[str, Any], dict[str, Any]]] = {
    "backup": (
        ChangeKind.BACKUP,
        "/var/backups/debvisor/pre-deploy-v1.1.0.db",
        {},
        {
            "tag": "pre-deploy-v1.1.0",
            "path": "/var/backups/debvisor/pre-deploy-v1.1.0.db",
            "revision": "9c41d2e07ab3",
        },
    ),
    "pull": (
        ChangeKind.CODE,
        "/srv/debvisor",
        {"commit": OLD, "version": "v1.0.0"},
        {"commit": NEW, "version": "v1.1.0"},
    ),
    "upgrade": (
        ChangeKind.DATABASE,
        "database panel.db",
        {
            "revision": "9c41d2e07ab3",
            "pending": [
                {"revision": "b1f0a7c3d2e4", "drops": ["node.region"]},
                {"revision": "d2a95be81c07", "drops": []},
            ],
        },
        {"revision": "d2a95be81c07"},
    ),
    "restart": (
        ChangeKind.PROCESS,
        "panel",
        {"pid": 4711, "started": START - 864_000},
        {"pid": 5822, "started": START + 60},
    ),
}

#: Of a rollback's steps: what the release that goes has recorded of what was before it.
FACTS: Mapping[str, Mapping[str, Any]] = {
    "revert-database": CHANGES["upgrade"][2],
    "revert-release": CHANGES["pull"][2],
    "restore-backup": CHANGES["backup"][3],
}
