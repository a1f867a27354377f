"""What keys there are: a walk over the settings' own definition, for errors, the template and the docs' test."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from debvisor_tui.config.secrets import SecretRef
from debvisor_tui.config.settings import NOT_KEYS, Settings, StepId

Loc = Sequence[int | str]

STEP_IDS: tuple[str, ...] = get_args(StepId)


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the file: `table` is "" at the top, "steps.NAME" for a step's."""

    table: str
    name: str
    field: FieldInfo

    @property
    def dotted(self) -> str:
        return f"{self.table}.{self.name}" if self.table else self.name


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation holds: itself, in a union, or as a mapping's values."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in {Union, UnionType, dict}:
        return next((found for arg in get_args(annotation) if (found := model_in(arg))), None)
    return None


def keys_of(model: type[BaseModel]) -> tuple[str, ...]:
    hidden = NOT_KEYS if model is Settings else {"plain"} if model is SecretRef else frozenset()
    return tuple(name for name in model.model_fields if name not in hidden)


def all_keys() -> Iterator[Key]:
    """Every key that is not a table itself, in the file's order."""
    for name in keys_of(Settings):
        field = Settings.model_fields[name]
        model = model_in(field.annotation)
        if model is None:
            yield Key("", name, field)
            continue
        table = f"{name}.NAME" if name == "steps" else name
        for inner in keys_of(model):
            yield Key(table, inner, model.model_fields[inner])


def lookup(loc: Loc) -> tuple[type[BaseModel], FieldInfo | None]:
    """The innermost table that `loc` leads into, and the definition of the key that it names there, if any."""
    model: type[BaseModel] = Settings
    field: FieldInfo | None = None
    for part in loc:
        if field is not None:
            inner = model_in(field.annotation)
            if inner is None:
                return model, field  # within a list, or a mapping of plain values
            if get_origin(field.annotation) is dict:
                model, field = inner, None  # this part is the mapping's key
                continue
            model = inner
        if not isinstance(part, str) or part not in keys_of(model):
            return model, None
        field = model.model_fields[part]
    return model, field


def choices(field: FieldInfo) -> tuple[str, ...]:
    return get_args(field.annotation) if get_origin(field.annotation) is Literal else ()


def is_secret(loc: Loc) -> bool:
    """Whether what stands at `loc` must not be shown: a secret, or a variable of an environment."""
    model, field = lookup(loc)
    holds = field is not None and model_in(field.annotation) is SecretRef
    return holds or model is SecretRef or "environment" in loc
