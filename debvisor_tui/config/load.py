"""Loading the settings of one target: found, parsed, validated whole; every mistake is told at once."""

import contextlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from debvisor_tui.config.discovery import find_config
from debvisor_tui.config.problems import problems_of
from debvisor_tui.config.schema_walk import Loc
from debvisor_tui.config.secrets import SecretRef, url_passwords
from debvisor_tui.config.settings import NOT_KEYS, Settings
from debvisor_tui.config.suggest import unknown_key
from debvisor_tui.config.trust import read_trusted
from debvisor_tui.model.errors import ConfigError, Problem, UsageError
from debvisor_tui.model.secrets_registry import is_public, publish
from debvisor_tui.model.text import one_line

MAX_BYTES: Final = 1_048_576

_AT = re.compile(r"^(?P<what>.*) \(at (?P<where>line \d+, column \d+|end of document)\)$", re.DOTALL)


def load_settings(config: Path | None = None, target: str | None = None) -> Settings:
    """The settings of the config that is named, or found (config/discovery.py).

    Relative paths in it are relative to its folder. `Settings.path` is the file, absolute; `Settings.warnings` says
    what is unwise in it. UsageError if there is no such file; ConfigError with every problem and its place.
    """
    return parse_settings(find_config(config, target))


def parse_settings(path: Path) -> Settings:
    """The settings in the file `path`; ConfigError with every problem and its place."""
    path = path.absolute()
    data = _read(path)
    # What the program fills in itself would otherwise pass as keys.
    stray = tuple(Problem(key, unknown_key((key,))) for key in sorted(NOT_KEYS & data.keys()))
    keys = {key: value for key, value in data.items() if key not in NOT_KEYS}
    try:
        settings = Settings.model_validate(keys, context={"folder": path.parent})
    except ValidationError as error:
        problems = problems_of(error, keys) + stray
    else:
        if not stray:
            for secret in (settings.database.url, settings.smoke.password):
                secret.run_in(path.parent)
            publish(*_open_texts(settings))
            return settings.model_copy(update={"path": path, "warnings": _warnings(path, settings)})
        problems = stray
    raise ConfigError(str(path), problems, "Every key, and what it is for: debvisor-tui config schema")


def _read(path: Path) -> dict[str, Any]:
    try:
        raw = read_trusted(path, "config file", MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"The config file {path} cannot be read: {error.strerror}", "Check its owner and its mode."
        ) from None
    if len(raw) > MAX_BYTES:
        raise UsageError(f"The config file {path} is larger than 1 MiB", "Is it the right file?")
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            str(path), (Problem(f"line {line}", "expected UTF-8 text"),), "Save the file as UTF-8."
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(str(path), (_syntax(str(error)),), _syntax_hint(str(error))) from None
    except RecursionError:
        raise ConfigError(str(path), (Problem("", "nested too deeply"),)) from None


def _syntax(message: str) -> Problem:
    match = _AT.match(message)
    if not match:
        return Problem("", f"not valid TOML: {one_line(message, 200)}")
    where = "the last line" if match["where"] == "end of document" else match["where"]
    return Problem(where, f"not valid TOML: {one_line(match['what'], 200)}")


def _syntax_hint(message: str) -> str:
    if "Cannot overwrite" in message or "Cannot declare" in message:
        return "This key or table is given twice: keep one."
    return 'Texts need quotes: name = "staging"'


def _open_texts(model: BaseModel) -> Iterator[str]:
    """The names, paths and addresses in a config, which anybody may read; no secret, no environment, no command."""
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel) and not isinstance(value, SecretRef):
            yield from _open_texts(value)
        elif isinstance(value, str | Path):
            yield str(value)


def _warnings(path: Path, settings: Settings) -> tuple[str, ...]:
    return (*_readable(path, settings), *_weak(settings))


def _weak(settings: Settings) -> Iterator[str]:
    """Of the smoke test's password, if it costs nothing to look."""
    secret = settings.smoke.password
    if secret.command is None:
        with contextlib.suppress(UsageError):
            if is_public(secret.resolve("smoke.password").reveal()):
                yield "smoke.password is a word that stands in this config: logs will show it; change it"


def _readable(path: Path, settings: Settings) -> tuple[str, ...]:
    plain: list[Loc] = []
    if settings.smoke.password.plain is not None:
        plain.append(("smoke", "password"))
    if url_passwords(settings.database.url.plain or ""):
        plain.append(("database", "url"))
    if not plain or not path.stat().st_mode & 0o077:
        return ()
    names = " and ".join(".".join(str(part) for part in loc) for loc in plain)
    return (
        f"{path} holds a password ({names}) and others may read it: chmod 600 {path}, "
        'or keep it elsewhere: { env = "NAME" } or { file = "PATH" }',
    )
