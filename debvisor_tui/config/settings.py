"""The settings of one target (DESIGN, "Configuration"); every key is used, and an unknown one is an error.

Each key's `description` is what `config init`, `config schema` and the error for a missing key say of it.
"""

import contextlib
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from debvisor_tui.config.secrets import AnyPath, NonEmpty, NoNul, SecretRef, url_passwords
from debvisor_tui.model.durations import parse_duration
from debvisor_tui.model.errors import UsageError
from debvisor_tui.model.scrub import hidden, remember
from debvisor_tui.model.text import one_line

LONGEST = 7 * 86_400.0  # seconds: what is longer is a slip of the unit


def _duration(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError('expected a duration such as "30s" or "15m", with its unit and in quotes')
    seconds = parse_duration(value)
    if not 0 < seconds <= LONGEST:
        raise ValueError(f'expected a duration longer than 0 and up to 7 days, such as "30s" or "15m", got {value!r}')
    return seconds


def _http_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or any(c.isspace() or not c.isprintable() for c in value):
        got = "" if "@" in value else f", got {one_line(value, 80)!r}"  # what stands before an @ may be a password
        raise ValueError(f"expected a URL that begins with http:// or https:// and names a host{got}")
    if parts.username is not None or parts.password is not None:
        raise ValueError("expected a URL without a user name and password in it: they would show in logs")
    return value


def _status_file(value: str, info: ValidationInfo) -> str:
    folder = (info.context or {}).get("folder")
    path = Path(value).expanduser()
    return str(folder / path) if folder is not None else str(path)


Duration = Annotated[  # seconds, once validated
    float, BeforeValidator(_duration), WithJsonSchema({"type": "string", "format": "duration", "examples": ["15m"]})
]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
Argv = Annotated[tuple[NonEmpty, ...], Field(min_length=1)]
Flag = Annotated[bool, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=1)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ProcessPlatform(Part):
    """A service that its own commands start and stop. `pid_file` holds the main process's pid."""

    kind: Literal["process"] = Field(description="how the service runs; this version knows: process")
    restart: Argv = Field(
        description="the command that restarts the service", examples=[["/srv/debvisor/bin/panelctl", "restart"]]
    )
    pid_file: AnyPath = Field(
        description="the file that holds the main process's pid", examples=["/run/debvisor/panel.pid"]
    )
    log_file: AnyPath | None = Field(
        default=None,
        description="the service's log; its last lines are shown when the service dies",
        examples=["/var/log/debvisor/panel.log"],
    )
    cwd: AnyPath | None = Field(
        default=None,
        description="the folder that the restart command runs in; default: the config's folder",
        examples=["/srv/debvisor"],
    )
    settle: Duration = Field(
        default=2.0, description="how long the new process must live before it counts as started"
    )
    stop_timeout: Duration = Field(
        default=30.0, description="how long the old process may take to make way for the new one"
    )


class GitSource(Part):
    kind: Literal["git"] = Field(description="where releases come from; this version knows: git")
    checkout: AnyPath = Field(description="the git checkout that the service runs from", examples=["/srv/debvisor"])
    remote: NonEmpty = Field(default="origin", description="the remote that releases are fetched from")
    branch: NonEmpty = Field(default="main", description="the branch that every release must be merged to")
    tags: NonEmpty = Field(default="v*", description="a glob: which tags are versions on offer")


class Database(Part):
    """`url`: an SQLAlchemy URL. `python`: the interpreter of the release, with alembic in it."""

    url: SecretRef = Field(
        description="the SQLAlchemy URL of the production database; a secret, for it may hold a password",
        examples=[{"env": "DATABASE_URL"}],
    )
    alembic_ini: AnyPath = Field(
        description="the release's alembic.ini, in the checkout", examples=["/srv/debvisor/alembic.ini"]
    )
    python: AnyPath = Field(
        description="the release's own Python, with alembic in it", examples=["/srv/debvisor/.venv/bin/python"]
    )
    cwd: AnyPath | None = Field(
        default=None,
        description="the folder that alembic runs in; default: the folder of alembic_ini",
        examples=["/srv/debvisor"],
    )
    environment: dict[NonEmpty, NoNul] = Field(
        default_factory=dict,
        description="more environment variables for the release's env.py",
        examples=[{"DEBVISOR_ENV": "production"}],
    )


class Backup(Part):
    dir: AnyPath = Field(description="the folder that backups go to", examples=["/var/backups/debvisor"])
    keep: Count = Field(default=10, description="how many backups to keep")
    verify: Literal["read", "restore"] = Field(
        default="read",
        description='how a backup is proved good: "read" back whole, or also "restore"d into a scratch database',
    )


class Health(Part):
    live: HttpUrl = Field(
        description="answers 200 when the process is alive", examples=["http://127.0.0.1:8080/health/live"]
    )
    ready: HttpUrl = Field(
        description="answers 200 when its database and cache work", examples=["http://127.0.0.1:8080/health/ready"]
    )
    successes: Annotated[Count, Field(le=1000)] = Field(
        default=3, description="how many good answers in a row make the service healthy"
    )
    interval: Duration = Field(default=1.0, description="time between two probes")
    timeout: Duration = Field(default=60.0, description="how long the service may take to become healthy")


class Smoke(Part):
    login_url: HttpUrl = Field(description="the page with the login form", examples=["http://127.0.0.1:8080/login"])
    username: NonEmpty = Field(description="who logs in for the smoke test", examples=["oncall"])
    password: SecretRef = Field(
        description="that user's password; a secret", examples=[{"file": "/etc/debvisor-tui/smoke-password"}]
    )
    dashboard_url: HttpUrl = Field(
        description="the page that must load after the login", examples=["http://127.0.0.1:8080/dashboard"]
    )
    dashboard_contains: NonEmpty = Field(description="a text that this page must hold", examples=["Nodes"])


class Monitor(Part):
    kind: Literal["scrape"] = Field(
        default="scrape", description="where the numbers come from; this version knows: scrape, the service's metrics"
    )
    metrics: HttpUrl = Field(
        description="the service's metrics in Prometheus' text format", examples=["http://127.0.0.1:8080/metrics"]
    )
    duration: Duration = Field(default=900.0, description="how long the service is watched after a release")
    interval: Duration = Field(default=5.0, description="time between two scrapes")
    max_error_rate: Annotated[Number, Field(ge=0, le=1)] = Field(
        default=0.01, description="the share of requests that may fail (answered 5xx), 0 to 1"
    )
    max_p95_ms: Annotated[Number, Field(gt=0)] = Field(
        default=500.0, description="the 95th percentile of the latency may be that high, in milliseconds"
    )
    breaches: Count = Field(default=3, description="so many scrapes in a row over a limit fail the watch")
    min_requests: Count = Field(default=30, description="fewer requests than that in all are too few to judge")

    @model_validator(mode="after")
    def _two_scrapes(self) -> "Monitor":
        if self.interval > self.duration:
            raise ValueError("interval must not be longer than duration, or there is nothing to compare")
        return self


class Ci(Part):
    """What stands for the pipeline: a JSON file or a command that prints one; `{commit}` is filled in.

    The JSON is {"checks": [{"name": …, "result": "passed" | "failed" | "pending", "seconds"?, "detail"?}]}.
    """

    status_file: Annotated[NonEmpty, AfterValidator(_status_file)] | None = Field(
        default=None,
        description="a JSON file with the pipeline's checks; {commit} stands for the full commit",
        examples=["/var/lib/ci/{commit}.json"],
    )
    command: Argv | None = Field(
        default=None,
        description="a command that prints the same JSON; {commit} stands for the full commit",
        examples=[["ci-status", "{commit}"]],
    )
    required: tuple[NonEmpty, ...] = Field(
        default=(),
        description="names of checks that must be there and have passed; default: all that are there",
        examples=[["unit", "integration", "e2e"]],
    )

    @model_validator(mode="after")
    def _one_source(self) -> "Ci":
        if self.status_file is not None and self.command is not None:
            raise ValueError("expected status_file or command, got both")
        return self


class StepOverride(Part):
    """How one step differs here: `manual`: the operator does it and attests; `command`: run that instead."""

    manual: Flag = Field(default=False, description="the operator does this step by hand and attests it")
    command: Argv | None = Field(
        default=None, description="a command to run instead of the step's own work", examples=[["deploy", "--check"]]
    )
    before: tuple[Argv, ...] = Field(
        default=(), description="commands to run before the step's work", examples=[[["lbctl", "drain", "web1"]]]
    )
    after: tuple[Argv, ...] = Field(
        default=(), description="commands to run after the step's work", examples=[[["lbctl", "undrain", "web1"]]]
    )
    timeout: Duration | None = Field(
        default=None,
        description="how long the step, or what undoes it, may take; by default a limit that fits it",
        examples=["10m"],
    )

    @model_validator(mode="after")
    def _one_way(self) -> "StepOverride":
        if self.manual and self.command is not None:
            raise ValueError("expected manual = true or a command, got both")
        return self


StepId = Literal[
    "review", "ci", "backup", "migration-check", "pull", "upgrade", "restart", "health", "smoke", "monitor"
]

#: Fields of Settings that are no keys of the file.
NOT_KEYS = frozenset({"path", "warnings"})


class Settings(Part):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = Field(
        description="this target's name: letters, digits, '.', '_' and '-', 64 at most", examples=["staging"]
    )
    production: Flag = Field(default=False, description="makes the header red, so that nobody mistakes it")
    platform: ProcessPlatform = Field(description="How the service runs.")
    source: GitSource = Field(description="Where releases come from.")
    database: Database = Field(description="The production database and the release's migrations.")
    backup: Backup = Field(description="Backups of that database.")
    health: Health = Field(description="When the service counts as alive and ready.")
    smoke: Smoke = Field(description="The smoke test: a person can log in and sees the dashboard.")
    monitor: Monitor = Field(description="The watch after the release.")
    ci: Ci = Field(default=Ci(), description="The pipeline's result; without it the operator attests it.")
    steps: dict[StepId, StepOverride] = Field(
        default_factory=dict, description="How single steps differ here, by the step's name."
    )
    #: Where these settings were read from (absolute), and what is unwise in them; no keys of the file.
    path: Path = Field(default=Path("debvisor.toml"), exclude=True)
    warnings: tuple[str, ...] = Field(default=(), exclude=True)

    def step(self, step_id: str) -> StepOverride:
        return self.steps.get(step_id, StepOverride())  # type: ignore[call-overload, no-any-return]

    def secrets(self) -> tuple[str, ...]:
        """Every secret's value, for redaction; passwords inside URLs too. UsageError if one cannot be had."""
        url = self.database.url.resolve("database.url").reveal()
        found = [self.smoke.password.resolve("smoke.password").reveal()]
        for value in (url, *self.database.environment.values()):
            found += url_passwords(value)
        remember(*found)
        return tuple(dict.fromkeys(hidden(s) for s in found if s))

    def remember_secrets(self) -> None:
        """Have this process redact them, as far as they can be had for nothing: who only looks runs no command."""
        for place, secret in (("database.url", self.database.url), ("smoke.password", self.smoke.password)):
            if secret.command is None:
                with contextlib.suppress(UsageError):
                    secret.resolve(place)
        for value in self.database.environment.values():
            remember(*url_passwords(value))
