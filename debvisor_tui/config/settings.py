"""The settings of one target (DESIGN, "Configuration"); every key is used, and an unknown one is an error.

Each key's `description` is what `config init`, `config schema` and the error for a missing key say of it.
"""

import contextlib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from debvisor_tui.config.monitors import METRICS, Monitor
from debvisor_tui.config.parts import Argv, ByKind, Count, Duration, Flag, HttpUrl, KindPart, Part
from debvisor_tui.config.platforms import PLATFORMS
from debvisor_tui.config.secrets import AnyPath, NonEmpty, NoNul, SecretRef, url_passwords
from debvisor_tui.config.sources import SOURCES
from debvisor_tui.config.venv import Venv
from debvisor_tui.model import playbook
from debvisor_tui.model.errors import UsageError
from debvisor_tui.model.secrets_registry import hidden, remember


def _status_file(value: str, info: ValidationInfo) -> str:
    folder = (info.context or {}).get("folder")
    path = Path(value).expanduser()
    return str(folder / path) if folder is not None else str(path)


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
    trial: Literal["copy", "tables", "none"] = Field(
        default="copy",
        description='what migrations are tried on before they are applied: a "copy" of the data, its "tables" '
        'without rows, or "none": then they are only read',
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


class ExtraStep(Part):
    """A step of this target's own, between the playbook's."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")] = Field(
        description="the step's name: lower-case letters, digits and '-'", examples=["drain"]
    )
    title: NonEmpty | None = Field(
        default=None, description="what it is called on the screen; by default its name", examples=["Drain web1"]
    )
    why: NonEmpty = Field(
        default="A step of this target's own.",
        description="what it is for, in a sentence for the operator",
        examples=["The load balancer sends nobody here while the service restarts."],
    )
    before: StepId | None = Field(
        default=None, description="the step that it comes before; this or `after`", examples=["restart"]
    )
    after: StepId | None = Field(default=None, description="the step that it comes after", examples=["health"])
    command: Argv = Field(description="the command that does it", examples=[["lbctl", "drain", "web1"]])
    undo: Argv | None = Field(
        default=None,
        description="the command that undoes it in a rollback; without it nothing is undone",
        examples=[["lbctl", "undrain", "web1"]],
    )
    check: Argv | None = Field(
        default=None,
        description="a command that tells whether it is done: it ends with 0 if so, with 1 if not",
        examples=[["lbctl", "is-drained", "web1"]],
    )
    timeout: Duration = Field(default=600.0, description="how long it, or what undoes it, may take")

    @model_validator(mode="after")
    def _one_place(self) -> "ExtraStep":
        if (self.before is None) is (self.after is None):
            raise ValueError("expected before or after, " + ("got neither" if self.before is None else "got both"))
        return self

    @property
    def step(self) -> playbook.ExtraStep:
        title, anchor = self.title or self.id, str(self.before or self.after)
        return playbook.ExtraStep(self.id, title, self.why, anchor, self.after is not None, self.timeout)


#: Fields of Settings that are no keys of the file.
NOT_KEYS = frozenset({"path", "warnings"})


class Settings(Part):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = Field(
        description="this target's name: letters, digits, '.', '_' and '-', 64 at most", examples=["staging"]
    )
    production: Flag = Field(default=False, description="makes the header red, so that nobody mistakes it")
    platform: Annotated[KindPart, ByKind(PLATFORMS)] = Field(description="How the service runs.")
    source: Annotated[KindPart, ByKind(SOURCES)] = Field(description="Where releases come from.")
    database: Database = Field(description="The production database and the release's migrations.")
    venv: Venv | None = Field(
        default=None, description="A Python environment for each set of requirements, switched with the release."
    )
    backup: Backup = Field(description="Backups of that database.")
    health: Health = Field(description="When the service counts as alive and ready.")
    smoke: Smoke = Field(description="The smoke test: a person can log in and sees the dashboard.")
    monitor: Annotated[Monitor, ByKind(METRICS, default="scrape")] = Field(description="The watch after the release.")
    ci: Ci = Field(default=Ci(), description="The pipeline's result; without it the operator attests it.")
    steps: dict[StepId, StepOverride] = Field(
        default_factory=dict, description="How single steps differ here, by the step's name."
    )
    extra_step: tuple[ExtraStep, ...] = Field(
        default=(), description="Steps of this target's own, each with a command, and with one that undoes it."
    )
    #: Where these settings were read from (absolute), and what is unwise in them; no keys of the file.
    path: Path = Field(default=Path("debvisor.toml"), exclude=True)
    warnings: tuple[str, ...] = Field(default=(), exclude=True)

    @field_validator("venv")
    @classmethod
    def _leads_to_the_interpreter(cls, venv: Venv | None, info: ValidationInfo) -> Venv | None:
        database = info.data.get("database")
        if venv is not None and database is not None and venv.link not in database.python.parents:
            raise ValueError(
                f"expected database.python below venv.link, such as {venv.link / 'bin' / 'python'}: it follows the "
                f"switch; it is {database.python}"
            )
        return venv

    @field_validator("extra_step")
    @classmethod
    def _names_of_their_own(cls, extra: tuple[ExtraStep, ...]) -> tuple[ExtraStep, ...]:
        taken = {spec.id for spec in (*playbook.RELEASE_STEPS, *playbook.ROLLBACK_STEPS)}
        for one in extra:
            if one.id in taken or one.id.startswith(playbook.UNDO):
                raise ValueError(f"the name {one.id!r} is taken: give each step a name of its own")
            taken.add(one.id)
        return extra

    @property
    def playbook(self) -> playbook.Playbook:
        """The steps of this target's releases and rollbacks."""
        return playbook.with_extra([one.step for one in self.extra_step])

    def own_step(self, step_id: str) -> ExtraStep | None:
        return next((one for one in self.extra_step if one.id == step_id), None)

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

    def renew_secrets(self) -> tuple[str, ...]:
        """As :meth:`secrets`, but each secret's command is run anew. Blocks as long as they take."""
        for secret in (self.database.url, self.smoke.password):
            secret.forget()
        return self.secrets()

    def remember_secrets(self) -> None:
        """Have this process redact them, as far as they can be had for nothing: who only looks runs no command."""
        for place, secret in (("database.url", self.database.url), ("smoke.password", self.smoke.password)):
            if secret.command is None:
                with contextlib.suppress(UsageError):
                    secret.resolve(place)
        for value in self.database.environment.values():
            remember(*url_passwords(value))
