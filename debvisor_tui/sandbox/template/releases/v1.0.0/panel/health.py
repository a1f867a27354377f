"""The two probes: alive is "the process answers", ready is "it can do its work"."""

import secrets
import sqlite3
import sys

from panel.config import VERSION
from panel.database import connection
from panel.nodes import probe
from panel.web import Panel, Request, Response, as_json, page


def live(panel: Panel, request: Request) -> Response:
    return as_json(200, {"status": "ok", "version": VERSION})


def ready(panel: Panel, request: Request) -> Response:
    if panel.faults.active("health-html"):
        return page(200, "Welcome", "<h1>It works!</h1>")
    checks = {"database": _database(panel), "cache": _cache(panel)}
    good = all(result == "ok" for result in checks.values())
    status = "ok" if good else "unavailable"
    return as_json(200 if good else 503, {"status": status, "version": VERSION, "checks": checks})


def _database(panel: Panel) -> str:
    try:
        with connection(panel.config.database) as database:
            probe(database)
    except sqlite3.Error as error:
        print(f"health: database: {error}", file=sys.stderr)
        return f"failing: {error}"
    return "ok"


def _cache(panel: Panel) -> str:
    if panel.faults.active("unhealthy"):
        return "failing"
    token = secrets.token_hex(8)
    try:
        panel.cache.put("probe", token)
    except OSError as error:
        print(f"health: cache: {error}", file=sys.stderr)
        return f"failing: {error.strerror}"
    return "ok" if panel.cache.get("probe", 10.0) is not None else "failing"
