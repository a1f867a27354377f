"""Secrets by reference: from the environment, a file or a command; a type that never prints itself."""

import os
import re
import threading
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import unquote

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationInfo,
    model_validator,
)

from debvisor_tui.config.trust import read_trusted
from debvisor_tui.model.errors import UsageError
from debvisor_tui.model.secrets_registry import remember
from debvisor_tui.system.call import call

COMMAND_TIMEOUT: Final = 20.0  # seconds
MAX_SECRET: Final = 65_536  # bytes read of a secret's file
EXPECTED: Final = 'expected a string, or one of { env = "NAME" }, { file = "PATH" }, { command = ["PROGRAM", …] }'

_URL_PASSWORD = re.compile(r"^[\w.+-]+://[^:/@]*:([^@]*)@")  # as SQLAlchemy reads it


def url_passwords(url: str) -> tuple[str, ...]:
    """The password inside a database URL, as it stands there and decoded; empty if it holds none."""
    match = _URL_PASSWORD.match(url)
    return tuple(dict.fromkeys((match[1], unquote(match[1])))) if match and match[1] else ()


def _no_nul(value: str) -> str:
    # No command line, path or environment can hold one; found out now it names the key, later only "embedded null".
    if "\0" in value:
        raise ValueError("expected a text without a NUL character")
    return value


def _not_empty(value: str) -> str:
    if not value.strip():
        raise ValueError("expected a text, got an empty string")
    return _no_nul(value)


def _path(value: Any, info: ValidationInfo) -> Any:
    """`~` expanded; a relative path is relative to the config file's folder (the context's `folder`)."""
    if not isinstance(value, str):
        return value
    try:
        path = Path(_not_empty(value)).expanduser()
    except RuntimeError:
        raise ValueError(f"there is no home folder for {value.split('/')[0]!r}") from None
    folder = (info.context or {}).get("folder")
    return folder / path if folder is not None else path


NonEmpty = Annotated[str, AfterValidator(_not_empty)]
NoNul = Annotated[str, AfterValidator(_no_nul)]
AnyPath = Annotated[Path, BeforeValidator(_path)]


#: One secret's command at a time: who asks for the same one meanwhile gets its answer.
_RUNNING = threading.Lock()


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

    env: NonEmpty | None = Field(default=None, description="the name of an environment variable")
    file: AnyPath | None = Field(default=None, description="a file that holds nothing else")
    command: tuple[NonEmpty, ...] | None = Field(
        default=None, min_length=1, description="a command that prints it, as a list of its arguments"
    )
    plain: Annotated[str | None, Field(repr=False)] = None
    _folder: Path | None = PrivateAttr(default=None)
    _told: Secret | None = PrivateAttr(default=None)  # what the command has printed

    def forget(self) -> None:
        """Run the command anew when it is asked next: what it printed may not be true any more."""
        self._told = None

    def run_in(self, folder: Path) -> None:
        """A command is run in `folder`, the config's, wherever the program was called from."""
        self._folder = folder

    @model_validator(mode="before")
    @classmethod
    def _bare_string(cls, value: Any) -> Any:
        return {"plain": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _exactly_one(self) -> "SecretRef":
        given = [v for v in (self.env, self.file, self.command, self.plain) if v is not None]
        if len(given) != 1:
            raise ValueError(f"{EXPECTED}; got {'none of them' if not given else 'more than one'}")
        if self.plain is not None and not self.plain.strip():
            raise ValueError(f"{EXPECTED}; got an empty string")
        return self

    def describe(self) -> Any:
        """The reference as the file says it; of a plain value, only that there is one."""
        if self.env is not None:
            return {"env": self.env}
        if self.file is not None:
            return {"file": str(self.file)}
        return {"command": list(self.command)} if self.command else "••••••"

    def resolve(self, place: str) -> Secret:
        """The secret's value. `place` (such as "database.url") names it in errors; UsageError if it is not there.

        A command is run once, and may take `COMMAND_TIMEOUT`: not to be waited for on an event loop.
        """
        secret = self._find(place)
        remember(secret.reveal(), *url_passwords(secret.reveal()))
        return secret

    def _find(self, place: str) -> Secret:
        if self.plain is not None:
            return Secret(self.plain)
        if self.env is not None:
            return self._from_env(self.env, place)
        if self.file is not None:
            return self._from_file(self.file, place)
        with _RUNNING:
            if self._told is None:
                self._told = self._from_command(self.command or (), place)
            return self._told

    def _from_env(self, name: str, place: str) -> Secret:
        value = os.environ.get(name)
        if not value:
            raise UsageError(
                f"{place}: the environment variable {name} is not set", f"Set it before you start: export {name}=…"
            )
        return Secret(value)

    def _from_file(self, path: Path, place: str) -> Secret:
        try:
            value = read_trusted(path, "secret's file", MAX_SECRET).decode("utf-8").strip()
        except UsageError as error:
            raise UsageError(f"{place}: {error.what}", error.hint) from None
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise UsageError(
                f"{place}: cannot read the secret's file {path}: {reason}",
                "Put the secret into that file (mode 0600, owned by who runs this), or name another one.",
            ) from None
        if not value:
            raise UsageError(f"{place}: the secret's file {path} is empty", "Put the secret into it.")
        return Secret(value)

    def _from_command(self, command: tuple[str, ...], place: str) -> Secret:
        hint = "Run it by hand, as the same user, to see what it says."
        try:
            done = call(command, cwd=self._folder, limit=COMMAND_TIMEOUT)
        except TimeoutError:
            reason = f"no answer within {COMMAND_TIMEOUT:.0f} s"
            raise UsageError(f"{place}: the secret's command {command[0]} failed: {reason}", hint) from None
        except OSError as error:
            reason = error.strerror or str(error)
            raise UsageError(f"{place}: the secret's command {command[0]} failed: {reason}", hint) from None
        value = done.stdout.decode("utf-8", "replace").strip()
        if done.returncode != 0 or not value:
            raise UsageError(
                f"{place}: the secret's command {command[0]} ended with {done.returncode}"
                + ("" if done.returncode else " and printed nothing"),
                hint,
            )
        return Secret(value)
