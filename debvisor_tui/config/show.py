"""The effective settings and their JSON schema, as `config show` and `config schema` print them; no secret in it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from debvisor_tui.config.schema_walk import by_kind, keys_of, models_of
from debvisor_tui.config.secrets import EXPECTED, SecretRef
from debvisor_tui.config.settings import NOT_KEYS, Settings
from debvisor_tui.config.template import duration_text, is_duration


def effective(settings: Settings) -> dict[str, Any]:
    """Every key with its value, defaults included, in TOML's types; secrets as references; None left out."""
    return _table(settings)


def as_toml(settings: Settings) -> str:
    document = tomlkit.document()
    document.add(tomlkit.comment(f"{settings.path}, with the defaults filled in"))
    document.update(effective(settings))
    return tomlkit.dumps(document)


def shown_default(field: FieldInfo) -> str:
    """A key's default, as the file would say it; "needed" if there is none, "–" if it may be left out."""
    if field.is_required():
        return "needed"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, float) and is_duration(field):
        value = duration_text(value)
    if isinstance(value, Path):
        value = str(value)
    return "–" if value in (None, (), {}) else f"`{tomlkit.item(value).as_string()}`"


def schema() -> dict[str, Any]:
    """The JSON schema of the config file."""
    whole = Settings.model_json_schema()
    for key in NOT_KEYS:
        whole["properties"].pop(key, None)
    definitions = whole["$defs"]
    definitions["SecretRef"]["properties"].pop("plain")
    definitions["SecretRef"] = {
        "description": EXPECTED,
        "anyOf": [{"type": "string"}, definitions["SecretRef"] | {"minProperties": 1, "maxProperties": 1}],
    }
    for name, field in Settings.model_fields.items():
        if name not in NOT_KEYS:
            shape = whole["properties"][name]
            models = list(models_of(field).values())
            inline = shape.get("oneOf", [shape]) if by_kind(field) is not None else []
            for place, model in enumerate(models):
                _durations(inline[place] if inline else definitions[model.__name__], model)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **whole, "title": "debvisor-tui target"}


def _durations(shape: dict[str, Any], model: type[BaseModel]) -> None:
    """Defaults of durations are seconds to the program, and text to the file."""
    properties = shape["properties"]
    for name, field in model.model_fields.items():
        if is_duration(field) and isinstance(field.default, float):
            properties[name]["default"] = duration_text(field.default)


def _table(model: BaseModel) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for key in keys_of(type(model)):
        field = type(model).model_fields[key]
        value = getattr(model, key)
        if isinstance(value, float) and is_duration(field):
            value = duration_text(value)
        if (plain := _plain(value)) is not None:
            shown[key] = plain
    return shown


def _plain(value: Any) -> Any:
    if isinstance(value, SecretRef):
        return value.describe()
    if isinstance(value, BaseModel):
        return _table(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(inner) for inner in value]
    return value
