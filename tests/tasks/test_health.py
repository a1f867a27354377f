"""Health against a real server: what counts as well, what does not, and each said in words."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from releasing import Host, Request, Told, Web, make_host, web

from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.playbook import RunKind
from debvisor_tui.tasks import health
from debvisor_tui.tasks.health import HealthTask, probe


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return make_host(tmp_path)


@pytest.fixture
def site() -> Iterator[Web]:
    with web() as site:
        site.json("/health/live", '{"status": "ok"}')
        site.json("/health/ready", '{"status": "ready", "checks": {"database": "ok", "cache": {"status": "up"}}}')
        yield site


def run(host: Host, site: Web, kind: RunKind = RunKind.RELEASE, facts: Any = None, **keys: Any) -> Told:
    ctx = Told(host.settings(site.base, health=keys), host.job("v1.1.0", kind, **(facts or {})), "health")
    try:
        ctx.lines.append(asyncio.run(HealthTask().run(ctx)))
    except WorkFailed as error:
        ctx.lines.append(f"failed: {error.what}")
    return ctx


def test_both_must_answer_well_several_times_in_a_row(host: Host, site: Web) -> None:
    answers = iter([200, 200, 503, 200, 200, 200])

    def ready(_: Request) -> tuple[int, dict[str, str], bytes]:
        return next(answers), {"content-type": "application/json"}, b'{"checks": {"database": "ok"}}'

    site.pages["/health/ready"] = ready
    ctx = run(host, site)
    assert "alive and ready, 3 times in a row" in ctx.lines[-1]
    values = [e.value for e in ctx.evidences("probe") if e.value["name"] == "ready"]
    assert [(v["status"], v["ok"], v["in_a_row"]) for v in values] == [
        (200, True, 1),
        (200, True, 2),
        (503, False, 0),
        (200, True, 1),
        (200, True, 2),
        (200, True, 3),
    ]
    assert values[0]["parts"] == {"database": "ok"}
    assert len(ctx.evidences("probe")) == 12


@pytest.mark.parametrize(
    ("status", "headers", "body", "text"),
    [
        (200, {}, b"", ""),
        (200, {"content-type": "text/plain"}, b"Healthy.\n", ""),
        (200, {}, b'{"status": "UP", "components": {"db": {"status": "UP"}}}', ""),
        (301, {"location": "/login"}, b"", "answers 301 and points to {base}/login"),
        (200, {"content-type": "text/html"}, b"<p>hi", "answers 200 but with an HTML page, not a health report"),
        (200, {}, b"\n<!DOCTYPE html><title>x", "answers 200 but with an HTML page, not a health report"),
        (503, {}, b'{"checks": {"database": "ok", "cache": "failing"}}', "answers 503: cache failing"),
        (500, {}, b"Traceback \x1b[31m", "answers 500"),
        (200, {}, b'{"checks": {"database": false}}', "answers 200 but reports database failing"),
        (200, {}, b'{"status": "degraded"}', "answers 200 but reports the status degraded"),
        (200, {}, b"\x00\xff[/]", "answers 200 but with no health report: \ufffd\ufffd[/]"),
        (200, {}, b'{"version": "1.1.0+build5", "status": "ok"}', ""),
        (
            200,
            {},
            b'{"version": "v1.0.0"}',
            "answers 200 but it is v1.0.0 that answers, not v1.1.0: the old process, still?",
        ),
    ],
)
def test_an_answer_is_judged_and_said_in_words(
    host: Host, site: Web, status: int, headers: dict[str, str], body: bytes, text: str
) -> None:
    site.pages["/health/ready"] = (status, headers, body)
    found = asyncio.run(probe(host.settings(site.base), "ready", expected="v1.1.0"))
    assert found.status == status
    assert found.ok is (text == "")
    if text:
        assert found.text == text.format(base=site.base)


def test_nobody_there_and_nobody_answering_are_told_apart(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PROBE_TIMEOUT", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        base = f"http://127.0.0.1:{port}"
        assert asyncio.run(probe(host.settings(base), "live")).text == f"connection refused at 127.0.0.1:{port}"
        silent.listen()
        late = asyncio.run(probe(host.settings(base), "live"))
    assert (late.ok, late.status, late.text) == (False, None, "no answer within 0.2 s")


def test_the_deadline_ends_it_with_the_last_answers(host: Host, site: Web) -> None:
    site.json("/health/ready", '{"checks": {"cache": "failing"}}', 503)
    ctx = run(host, site, timeout="200ms")
    failed = ctx.lines[-1]
    assert failed.startswith("failed: Not alive and ready 3 times in a row within 0.2 s: live answers 200 in ")
    assert failed.endswith("; ready answers 503: cache failing")
    assert ctx.log_text.count("note: ready: answers 503: cache failing") == 1  # not once a probe


def test_a_rollback_proves_that_the_old_release_answers(host: Host, site: Web) -> None:
    site.json("/health/live", '{"status": "ok", "version": "v1.1.0"}')
    wanted = {"version": "v1.0.0-2-g3f2a91c4d5e6"}
    assert "it is v1.1.0 that answers" in run(host, site, RunKind.ROLLBACK, wanted, timeout="100ms").lines[-1]
    site.json("/health/live", '{"status": "ok", "version": "1.0.0"}')
    assert "is alive and ready" in run(host, site, RunKind.ROLLBACK, wanted).lines[-1]
