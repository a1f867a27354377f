"""All that is wrong with a config, in plain English: where in TOML's terms, what is expected, what was got."""

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from debvisor_tui.config.schema_walk import Loc, choices, is_secret, lookup, model_in
from debvisor_tui.config.secrets import EXPECTED, SecretRef
from debvisor_tui.config.suggest import unknown_key, unknown_step
from debvisor_tui.model.errors import Problem
from debvisor_tui.model.text import one_line

_BARE = re.compile(r"[A-Za-z0-9_-]+")

#: pydantic's error type → what is expected, with the limits it names.
_EXPECTED: Mapping[str, str] = {
    "string_type": "expected a text in quotes",
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "finite_number": "expected a finite number",
    "bool_type": "expected true or false, without quotes",
    "string_pattern_mismatch": "expected letters, digits, '.', '_' and '-', 64 at most, a letter or digit first",
    "path_type": "expected a path in quotes",
    "tuple_type": 'expected a list such as ["one", "two"]',
    "dict_type": "expected a table",
    "model_type": "expected a table",
    "model_attributes_type": "expected a table",
    "too_short": "expected a list that is not empty",
    "greater_than": "expected more than {gt:g}",
    "greater_than_equal": "expected {ge:g} or more",
    "less_than": "expected less than {lt:g}",
    "less_than_equal": "expected {le:g} or less",
}


def problems_of(error: ValidationError, data: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Every problem of the file's `data` once, in the order of the settings' definition."""
    details = error.errors(include_url=False)
    # With a kind that is not known, what else is said of that table says nothing.
    kinds = {d["loc"][0] for d in details if d["loc"][1:] == ("kind",)}
    kept = [d for d in details if d["loc"][:1] == () or d["loc"][0] not in kinds or d["loc"][1:] == ("kind",)]
    return tuple(dict.fromkeys(Problem(dotted(_clean(d["loc"])), _what(d, data)) for d in kept))


def dotted(loc: Loc) -> str:
    """`loc` as TOML would write it: `steps.smoke.before[0]`; keys are foreign text and may need quotes."""
    text = ""
    for part in loc:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        key = one_line(part, 80)
        text += ("." if text else "") + (key if _BARE.fullmatch(key) else f'"{key}"')
    return text


def _clean(loc: Loc) -> Loc:
    return loc[:-1] if loc and loc[-1] == "[key]" else loc  # pydantic's mark for a mapping's key


def _what(detail: ErrorDetails, data: Mapping[str, Any]) -> str:
    kind, loc, context = detail["type"], detail["loc"], detail.get("ctx") or {}
    if kind == "extra_forbidden":
        return one_line(unknown_key(loc, data))
    if loc and loc[-1] == "[key]":
        return one_line(unknown_step(str(loc[-2]))) if loc[0] == "steps" else "expected a name that is not empty"
    model, field = lookup(loc, data)
    if kind == "missing":
        return _missing(loc, data)
    if kind == "literal_error" and field is not None:
        expected = "expected " + " or ".join(f'"{o}"' for o in choices(field))
    elif kind == "unknown_kind":
        return f"{_show(detail['input'])} is not supported by this version yet; supported: {context['known']}"
    elif kind == "value_error":
        return one_line(str(context.get("error", detail["msg"])))
    elif model is not SecretRef and field is not None and model_in(field.annotation) is SecretRef:
        expected = EXPECTED
    else:
        template = _EXPECTED.get(kind)
        expected = template.format_map(context) if template else one_line(detail["msg"])
    return f"{expected}, got {_show(detail['input'], secret=is_secret(loc, data))}"


def _missing(loc: Loc, data: Mapping[str, Any]) -> str:
    _, field = lookup(loc, data)
    if field is None:
        return "missing, and needed"
    said = field.description or ""
    if model_in(field.annotation) is not None and model_in(field.annotation) is not SecretRef:
        return f"missing: expected a table [{dotted(loc)}]. {said}"
    return f"missing: {said}" + (f"; supported: {', '.join(choices(field))}" if not said and choices(field) else "")


def _show(value: Any, *, secret: bool = False) -> str:
    """`value` for an error: a scalar itself, of anything else only what it is; of a secret only its type."""
    if isinstance(value, bool):
        kind, text = "true or false", "true" if value else "false"
    elif isinstance(value, int | float):
        kind, text = "a number", str(value)
    elif isinstance(value, str | PurePath):
        kind, text = "a text", f'"{one_line(str(value), 60)}"'
    elif isinstance(value, Mapping):
        return "a table"
    elif isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    else:
        kind, text = "a date or time", str(value)
    return kind if secret else text
