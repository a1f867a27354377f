"""Secrets by reference: from the environment, a file or a command; a type that never prints itself."""

import os
import subprocess
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from debvisor_tui.model.errors import UsageError

COMMAND_TIMEOUT: Final = 20.0  # seconds


class Secret:
    """A value that only `reveal` gives away; printing, formatting and repr show dots."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(••••••)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


class SecretRef(BaseModel):
    """Where a secret comes from: exactly one of `env`, `file`, `command`, or `plain` (given as a bare string)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    env: str | None = None
    file: Path | None = None
    command: tuple[str, ...] | None = Field(default=None, min_length=1)
    plain: Annotated[str | None, Field(repr=False)] = None

    @model_validator(mode="before")
    @classmethod
    def _bare_string(cls, value: Any) -> Any:
        return {"plain": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _exactly_one(self) -> "SecretRef":
        given = [v for v in (self.env, self.file, self.command, self.plain) if v is not None]
        if len(given) != 1:
            raise ValueError('expected a string, or one of { env = "NAME" }, { file = "PATH" }, { command = […] }')
        return self

    def resolve(self, place: str) -> Secret:
        """The secret's value. `place` (such as "database.url") names it in errors; UsageError if it is not there."""
        if self.plain is not None:
            return Secret(self.plain)
        if self.env is not None:
            return self._from_env(self.env, place)
        if self.file is not None:
            return self._from_file(self.file, place)
        return self._from_command(self.command or (), place)

    def _from_env(self, name: str, place: str) -> Secret:
        value = os.environ.get(name)
        if not value:
            raise UsageError(
                f"{place}: the environment variable {name} is not set", f"Set it before you start: export {name}=…"
            )
        return Secret(value)

    def _from_file(self, path: Path, place: str) -> Secret:
        try:
            value = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise UsageError(f"{place}: cannot read the secret's file {path}: {reason}") from None
        if not value:
            raise UsageError(f"{place}: the secret's file {path} is empty")
        return Secret(value)

    def _from_command(self, command: tuple[str, ...], place: str) -> Secret:
        try:
            done = subprocess.run(
                command, capture_output=True, stdin=subprocess.DEVNULL, timeout=COMMAND_TIMEOUT, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            reason = getattr(error, "strerror", None) or f"no answer within {COMMAND_TIMEOUT:.0f} s"
            raise UsageError(f"{place}: the secret's command {command[0]} failed: {reason}") from None
        value = done.stdout.decode("utf-8", "replace").strip()
        if done.returncode != 0 or not value:
            raise UsageError(
                f"{place}: the secret's command {command[0]} ended with {done.returncode}"
                + ("" if done.returncode else " and printed nothing")
            )
        return Secret(value)


def _not_empty(value: str) -> str:
    if not value.strip():
        raise ValueError("expected a text, got an empty string")
    return value


NonEmpty = Annotated[str, AfterValidator(_not_empty)]
AnyPath = Annotated[Path, BeforeValidator(lambda v: Path(v).expanduser() if isinstance(v, str) else v)]
