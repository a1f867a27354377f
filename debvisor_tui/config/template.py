"""The commented config that `config init` writes: every key, with what it is for, from the settings' definition."""

import contextlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, get_origin

import tomlkit
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from tomlkit.items import Item

from debvisor_tui.config.parts import Duration
from debvisor_tui.config.platforms import PLATFORMS
from debvisor_tui.config.schema_walk import choices, is_list, keys_of, model_at
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.errors import UsageError
from debvisor_tui.model.text import one_line

_HEAD: Final = (
    "The config of one target of debvisor-tui: one deployment of Debvisor.",
    "Change what stands here to what is true of yours; what is commented out shows the default, or an example.",
    "Relative paths are relative to this file. Check it with: debvisor-tui config check",
    "",
    "A secret is a string, or better one of",
    '  { env = "NAME" }, { file = "/path" }, { command = ["program", "argument"] }',
    "",
)


def template(name: str, platform: str | None = None) -> str:
    """A whole config for the target `name`: it is valid as it stands, and tells what to change.

    `platform`: of which kind that table is to be; UsageError if there is none of it.
    """
    if platform is not None and platform not in PLATFORMS:
        raise UsageError(f"{one_line(platform, 80)!r} is no kind of platform", f"The kinds: {', '.join(PLATFORMS)}.")
    document = tomlkit.document()
    for line in _HEAD:
        document.add(tomlkit.comment(line) if line else tomlkit.nl())
    for key in keys_of(Settings):
        field = Settings.model_fields[key]
        model = model_at(field, {"kind": platform} if key == "platform" else None)
        if model is None:
            _say(document, key, field, name if key == "name" else None)
            continue
        document.add(tomlkit.nl())
        document.add(tomlkit.comment(field.description or ""))
        if not field.is_required():  # a table that may be left out stands there as comments only
            for line in _optional(key, field):
                document.add(tomlkit.comment(line))
            continue
        table = tomlkit.table()
        for inner in keys_of(model):
            _say(table, inner, model.model_fields[inner])
        document.add(key, table)
    # tomlkit puts an empty line before each table, and so between it and its comment.
    return re.sub(r"^(#.*)\n\n(?=\[)", r"\1\n", tomlkit.dumps(document), flags=re.MULTILINE)


def write_template(path: Path, name: str, platform: str | None = None) -> None:
    """Write it to `path`, mode 0600; UsageError if that is there already or cannot be written."""
    text = template(name, platform)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # O_EXCL: whatever stands there, a link to nowhere included, is not overwritten.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(
            f"{path} is there already, and was left as it is", "Name another file, or move that one away."
        ) from None
    except OSError as error:
        raise UsageError(f"Cannot write {path}: {error.strerror}", "Name a file in a folder of yours.") from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()
        raise UsageError(f"Cannot write {path}: {error.strerror}") from None


def _say(table: Any, key: str, field: FieldInfo, value: Any = None) -> None:
    """`key` with its description: as a key if it must be there, else commented out."""
    table.add(tomlkit.comment(field.description or ""))
    if field.is_required():
        table.add(key, _item(_shown(field) if value is None else value))
    else:
        table.add(tomlkit.comment(_line(key, field)))


def _optional(name: str, field: FieldInfo) -> list[str]:
    model = model_at(field)
    assert model is not None  # noqa: S101 - the caller looked
    header = "steps.smoke" if name == "steps" else f"[{name}]" if is_list(field) else name
    lines = [f"[{header}]"]
    for inner in keys_of(model):
        definition = model.model_fields[inner]
        lines.append(f"{_line(inner, definition)}  # {definition.description}")
    return lines


def _line(key: str, field: FieldInfo) -> str:
    return f"{key} = {_item(_shown(field)).as_string()}"


def _item(value: Any) -> Item:
    if not isinstance(value, Mapping):
        item: Item = tomlkit.item(value)
        return item
    table = tomlkit.inline_table()
    table.update(value)
    return table


def _shown(field: FieldInfo) -> Any:
    """What to show for a key: its example, or its default as the file would say it."""
    if field.examples:
        return field.examples[0]
    if options := choices(field):
        return options[0] if field.default is PydanticUndefined else field.default
    if isinstance(field.default, float) and is_duration(field):
        return duration_text(field.default)
    return str(field.default) if isinstance(field.default, Path) else field.default


def is_duration(field: FieldInfo) -> bool:
    """Whether the key takes a duration; pydantic keeps what `Duration` is annotated with as the field's metadata."""
    marks = Duration.__metadata__  # type: ignore[attr-defined]
    return get_origin(field.annotation) is None and any(mark in field.metadata for mark in marks)


def duration_text(seconds: float) -> str:
    """`seconds` as a config says it: 900.0 is "15m", 0.2 is "200ms"."""
    for unit, size in (("h", 3600), ("m", 60), ("s", 1)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds * 1000:g}ms"
