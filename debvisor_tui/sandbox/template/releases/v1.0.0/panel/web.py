"""What a view gets and what it returns, and the frame of every page."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from panel.cache import Cache
from panel.config import VERSION, Config
from panel.faults import Faults
from panel.sessions import Sessions


@dataclass(frozen=True)
class Panel:
    """What all requests share."""

    config: Config
    cache: Cache
    sessions: Sessions
    faults: Faults


@dataclass(frozen=True)
class Request:
    cookie: str  # the session's id, or ""
    form: Mapping[str, str]


@dataclass(frozen=True)
class Response:
    status: int
    body: bytes
    type: str = "text/html; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


def as_json(status: int, value: Any) -> Response:
    return Response(status, json.dumps(value).encode() + b"\n", "application/json")


def page(status: int, title: str, body: str, headers: Mapping[str, str] | None = None) -> Response:
    """`body` is HTML; what came from elsewhere in it is escaped by the caller."""
    text = (
        "<!doctype html>\n"
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)} · Debvisor</title></head>\n'
        f"<body>\n{body}\n<footer>Debvisor {escape(VERSION)}</footer>\n</body></html>\n"
    )
    return Response(status, text.encode(), headers=headers or {})


def redirect(place: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(302, b"", headers={"Location": place, **(headers or {})})
