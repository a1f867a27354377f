"""What keys there are: a walk over the settings' own definition, for errors, the template and the docs' test."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from debvisor_tui.config.parts import ByKind, KindPart
from debvisor_tui.config.secrets import SecretRef
from debvisor_tui.config.settings import NOT_KEYS, Settings, StepId

Loc = Sequence[int | str]

STEP_IDS: tuple[str, ...] = get_args(StepId)


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the file: `table` is "" at the top, "steps.NAME" for a step's. `kind`: it is of that kind alone."""

    table: str
    name: str
    field: FieldInfo
    kind: str = ""

    @property
    def dotted(self) -> str:
        return f"{self.table}.{self.name}" if self.table else self.name


def by_kind(field: FieldInfo) -> ByKind | None:
    """How the table at `field` is chosen, if it is of one kind or another."""
    return next((mark for mark in field.metadata if isinstance(mark, ByKind)), None)


def models_of(field: FieldInfo) -> dict[str, type[BaseModel]]:
    """The tables that may stand at `field`, by kind ("" if there is but one); empty if it takes none."""
    if (chosen := by_kind(field)) is not None:
        return {name: kind.settings for name, kind in chosen.kinds.items()}
    model = model_in(field.annotation)
    return {} if model is None else {"": model}


def model_at(field: FieldInfo, table: Any = None) -> type[BaseModel] | None:
    """The table that stands at `field` when `table` is what the file has there; of several kinds else the first."""
    chosen, models = by_kind(field), models_of(field)
    kind = chosen.kind_in(table) if chosen is not None else None
    return models[kind] if kind is not None else next(iter(models.values()), None)


def is_list(field: FieldInfo) -> bool:
    """Whether `field` takes tables one after the other: [[extra_step]]."""
    return get_origin(field.annotation) is tuple and model_in(field.annotation) is not None


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation holds: itself, in a union, or as a mapping's values."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in {Union, UnionType, dict, tuple}:
        return next((found for arg in get_args(annotation) if (found := model_in(arg))), None)
    return None


def keys_of(model: type[BaseModel]) -> tuple[str, ...]:
    """The keys of a table; of one of several kinds `kind` first, then what is needed."""
    hidden = NOT_KEYS if model is Settings else {"plain"} if model is SecretRef else frozenset()
    names = [name for name in model.model_fields if name not in hidden]
    if issubclass(model, KindPart):
        names.sort(key=lambda name: (name != "kind", not model.model_fields[name].is_required()))
    return tuple(names)


def all_keys() -> Iterator[Key]:
    """Every key that is not a table itself, in the file's order; of tables of several kinds, each kind's."""
    for name in keys_of(Settings):
        field = Settings.model_fields[name]
        models = models_of(field)
        if not models:
            yield Key("", name, field)
        table = f"{name}.NAME" if name == "steps" else f"[{name}]" if is_list(field) else name
        for kind, model in models.items():
            for inner in keys_of(model):
                yield Key(table, inner, model.model_fields[inner], kind if len(models) > 1 else "")


def lookup(loc: Loc, data: Any = None) -> tuple[type[BaseModel], FieldInfo | None]:
    """The innermost table that `loc` leads into, and the definition of the key that it names there, if any.

    `data`: what the file has, which tells the kinds of its tables.
    """
    model: type[BaseModel] = Settings
    field: FieldInfo | None = None
    for part in loc:
        if field is not None:
            inner = model_at(field, data)
            if inner is None:
                return model, field  # within a list, or a mapping of plain values
            if get_origin(field.annotation) in {dict, tuple}:
                model, field = inner, None  # this part is the mapping's key, or the place in the list
                data = _inside(data, part)
                continue
            model = inner
        if not isinstance(part, str) or part not in keys_of(model):
            return model, None
        field = model.model_fields[part]
        data = _inside(data, part)
    return model, field


def _inside(data: Any, part: int | str) -> Any:
    if isinstance(data, list) and isinstance(part, int) and part < len(data):
        return data[part]
    return data.get(part) if isinstance(data, Mapping) else None


def choices(field: FieldInfo) -> tuple[str, ...]:
    """The texts that `field` takes, if it takes only some."""
    annotation = field.annotation
    if get_origin(annotation) in {Union, UnionType}:  # it may be left out, too
        annotation = next((arg for arg in get_args(annotation) if get_origin(arg) is Literal), None)
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def is_secret(loc: Loc, data: Any = None) -> bool:
    """Whether what stands at `loc` must not be shown: a secret, or a variable of an environment."""
    model, field = lookup(loc, data)
    holds = field is not None and model_in(field.annotation) is SecretRef
    return holds or model is SecretRef or "environment" in loc
