"""What the settings are made of: durations, URLs, commands, tables of one kind or another."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import InitErrorDetails, PydanticCustomError, core_schema

from debvisor_tui.config.secrets import NonEmpty
from debvisor_tui.model.durations import parse_duration
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


class KindPart(Part):
    """A table that is of one kind or another, by its key `kind`."""

    kind: str


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: the settings that its table holds, and the class behind the seam's protocol ("module:Class")."""

    settings: type[KindPart]
    adapter: str


@dataclass(frozen=True, slots=True)
class ByKind:
    """On a field: its table is of one of `kinds`, by its key `kind`; `default`: of which, if it does not say.

    `kinds` is looked at when a config is read: who adds a kind adds a line to it. An error's place is the key's, as
    pydantic's own tagged unions would not have it.
    """

    kinds: Mapping[str, Kind]
    default: str | None = None

    def kind_in(self, table: Any) -> str | None:
        """The kind of the raw `table`; None if it has none, or none that is known."""
        kind = table.get("kind", self.default) if isinstance(table, Mapping) else None
        return kind if isinstance(kind, str) and kind in self.kinds else None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        def choose(value: Any, of_base: Callable[[Any], Any], info: ValidationInfo) -> Any:
            if not isinstance(value, Mapping):
                return of_base(value)
            kind = self.kind_in(value)
            if kind is not None:
                return self.kinds[kind].settings.model_validate({"kind": kind, **value}, context=info.context)
            raise ValidationError.from_exception_data("kind", [self._problem(value)])

        return core_schema.with_info_wrap_validator_function(choose, handler(source))

    def _problem(self, table: Mapping[str, Any]) -> InitErrorDetails:
        if "kind" not in table:
            return InitErrorDetails(type="missing", loc=("kind",), input=table)
        known = ", ".join(self.kinds)
        what = PydanticCustomError("unknown_kind", "{known}", {"known": known})
        return InitErrorDetails(type=what, loc=("kind",), input=table["kind"])

    def __get_pydantic_json_schema__(self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler) -> Any:
        shapes = [handler(kind.settings.__pydantic_core_schema__) for kind in self.kinds.values()]
        return shapes[0] if len(shapes) == 1 else {"oneOf": shapes}
