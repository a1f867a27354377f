"""The settings of one target (DESIGN, "Configuration"); every key is used, and an unknown one is an error."""

from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from debvisor_tui.config.secrets import AnyPath, NonEmpty, SecretRef
from debvisor_tui.model.durations import parse_duration


def _duration(value: Any) -> Any:
    if isinstance(value, str):
        return parse_duration(value)
    raise ValueError('expected a duration such as "30s" or "15m"')


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("expected a URL that begins with http:// or https://")
    return value


Duration = Annotated[float, BeforeValidator(_duration), Field(gt=0)]  # seconds, once validated
HttpUrl = Annotated[str, AfterValidator(_http_url)]
Argv = Annotated[tuple[NonEmpty, ...], Field(min_length=1)]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ProcessPlatform(Part):
    """A service that its own commands start and stop. `pid_file` holds the main process's pid."""

    kind: Literal["process"]
    restart: Argv
    pid_file: AnyPath
    log_file: AnyPath | None = None  # its last lines are shown when the service dies
    cwd: AnyPath | None = None
    settle: Duration = 2.0  # it must live that long after the restart
    stop_timeout: Duration = 30.0


class GitSource(Part):
    kind: Literal["git"]
    checkout: AnyPath
    remote: NonEmpty = "origin"
    branch: NonEmpty = "main"
    tags: NonEmpty = "v*"  # a glob: which tags are versions on offer


class Database(Part):
    """`url`: an SQLAlchemy URL. `python`: the interpreter of the release, with alembic in it."""

    url: SecretRef
    alembic_ini: AnyPath
    python: AnyPath
    cwd: AnyPath | None = None  # where alembic runs; default: the folder of alembic_ini
    environment: dict[str, str] = Field(default_factory=dict)  # for the release's env.py


class Backup(Part):
    dir: AnyPath
    keep: int = Field(default=10, ge=1)
    verify: Literal["read", "restore"] = "read"


class Health(Part):
    live: HttpUrl
    ready: HttpUrl
    successes: int = Field(default=3, ge=1, le=1000)
    interval: Duration = 1.0
    timeout: Duration = 60.0


class Smoke(Part):
    login_url: HttpUrl
    username: NonEmpty
    password: SecretRef
    dashboard_url: HttpUrl
    dashboard_contains: NonEmpty


class Monitor(Part):
    metrics: HttpUrl
    duration: Duration = 900.0
    interval: Duration = 5.0
    max_error_rate: float = Field(default=0.01, ge=0, le=1)
    max_p95_ms: float = Field(default=500.0, gt=0)
    breaches: int = Field(default=3, ge=1)
    min_requests: int = Field(default=30, ge=1)


class Ci(Part):
    """What stands for the pipeline: a JSON file or a command that prints one; `{commit}` is filled in.

    The JSON is {"checks": [{"name": …, "result": "passed" | "failed" | "pending", "seconds"?, "detail"?}]}.
    """

    status_file: NonEmpty | None = None
    command: Argv | None = None
    required: tuple[NonEmpty, ...] = ()  # names that must be there and have passed; default: all that are there


class StepOverride(Part):
    """How one step differs here: `manual`: the operator does it and attests; `command`: run that instead."""

    manual: bool = False
    command: Argv | None = None
    before: tuple[Argv, ...] = ()
    after: tuple[Argv, ...] = ()
    timeout: Duration | None = None


StepId = Literal[
    "review", "ci", "backup", "migration-check", "pull", "upgrade", "restart", "health", "smoke", "monitor"
]


class Settings(Part):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    production: bool = False
    platform: ProcessPlatform
    source: GitSource
    database: Database
    backup: Backup
    health: Health
    smoke: Smoke
    monitor: Monitor
    ci: Ci = Ci()
    steps: dict[StepId, StepOverride] = Field(default_factory=dict)
    #: Where these settings were read from; not a key of the file.
    path: Path = Field(default=Path("debvisor.toml"), exclude=True)

    def step(self, step_id: str) -> StepOverride:
        return self.steps.get(step_id, StepOverride())  # type: ignore[call-overload, no-any-return]

    def secrets(self) -> tuple[str, ...]:
        """Every secret's value, for redaction; passwords inside URLs too. UsageError if one cannot be had."""
        url = self.database.url.resolve("database.url").reveal()
        password = self.smoke.password.resolve("smoke.password").reveal()
        inside = urlsplit(url).password
        return tuple(s for s in (password, inside, url if inside else None) if s)
