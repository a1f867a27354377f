"""The smoke test against a small login with a token and cookies; the password is seen by nobody."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from releasing import Host, Page, Request, Told, Web, make_host, web

from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.system.http import HttpAnswer, origin
from debvisor_tui.tasks.smoke import SmokeTask, checked_form

FORM = """<!doctype html><form action="/search"><input name=q></form>
<FORM method=POST action="/login"><input type="hidden" name="csrfmiddlewaretoken" value="t&amp;0ken">
<input name="user" autofocus><input type=password name="pw"/><button name=go value=1>Log in</button></form>"""
HTML = {"content-type": "text/html"}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return make_host(tmp_path)


def log_in(request: Request) -> Page:
    if request.method == "GET":
        return 200, {**HTML, "set-cookie": "session=s1; Path=/"}, FORM.encode()
    sent = {name: values[0] for name, values in parse_qs(request.body).items()}
    if "session=s1" not in request.headers.get("cookie", "") or sent.get("csrfmiddlewaretoken") != "t&0ken":
        return 403, HTML, b"bad token"
    if sent != {"csrfmiddlewaretoken": "t&0ken", "user": "oncall", "pw": "correct-horse", "go": "1"}:
        return 200, HTML, FORM.encode()
    return 302, {"location": "/dashboard", "set-cookie": "session=s2; Path=/"}, b""


def dashboard(request: Request) -> Page:
    if "session=s2" not in request.headers.get("cookie", ""):
        return 302, {"location": "/login"}, b""
    return 200, HTML, b"<h1>Nodes &amp; more</h1>"


@pytest.fixture
def site() -> Iterator[Web]:
    with web() as site:
        site.pages["/login"] = log_in
        site.pages["/dashboard"] = dashboard
        yield site


def smoke(host: Host, site: Web) -> Told:
    ctx = Told(host.settings(site.base), host.job("v1.1.0"), "smoke")
    asyncio.run(SmokeTask().run(ctx))
    return ctx


def fails(host: Host, site: Web) -> str:
    ctx = Told(host.settings(site.base), host.job("v1.1.0"), "smoke")
    with pytest.raises(WorkFailed) as failure:
        asyncio.run(SmokeTask().run(ctx))
    assert failure.value.hint
    return failure.value.what


def test_a_person_can_log_in_and_sees_the_dashboard(host: Host, site: Web) -> None:
    ctx = smoke(host, site)
    requests = [e.value for e in ctx.evidences("request")]
    assert [(r["name"], r["method"], r["status"], r["ok"]) for r in requests] == [
        ("login page", "GET", 200, True),
        ("login", "POST", 302, True),
        ("login, redirected", "GET", 200, True),
    ], "the dashboard was seen: it is not asked for again"
    assert "correct-horse" not in f"{ctx.lines} {ctx.found}"


@pytest.mark.parametrize(
    ("form", "what"),
    [
        ("<p>Single sign-on</p>", "There is no login form"),
        (FORM.replace("csrfmiddlewaretoken", "next"), "The login form has no CSRF token"),
        (FORM.replace('value="t&amp;0ken"', 'value=""'), "The login form has no CSRF token"),
        (FORM.replace("t&amp;0ken", "stale"), "refused with 403: the form's CSRF token was not accepted"),
        (FORM.replace("method=POST", ""), "would send the password in the address"),
        (FORM.replace('"/login"', '"http://127.0.0.2:9/login"'), "posts to another address: http://127.0.0.2:9"),
    ],
)
def test_a_broken_form_is_named_and_gets_no_password(host: Host, site: Web, form: str, what: str) -> None:
    site.pages["/login"] = lambda r: (
        (200, {**HTML, "set-cookie": "session=s1"}, form.encode()) if r.method == "GET" else log_in(r)
    )
    assert what in fails(host, site)
    assert [r.method for r in site.asked].count("POST") == ("stale" in form)


def test_a_wrong_password_is_told_from_a_broken_dashboard(host: Host, site: Web) -> None:
    site.pages["/login"] = lambda r: (200, {**HTML, "set-cookie": "session=s1"}, FORM.encode())
    assert "still the login page" in fails(host, site)
    site.pages["/login"] = log_in
    site.html("/dashboard", "<h1>Welcome</h1>")
    assert "does not contain “Nodes & more”" in fails(host, site)
    site.html("/dashboard", "oops", 500)
    assert "answers 500, not 200" in fails(host, site)
    site.pages["/dashboard"] = (302, {"location": "/dashboard"}, b"")
    assert "goes round in circles" in fails(host, site)


def test_a_session_that_does_not_hold_is_found_out(host: Host, site: Web) -> None:
    site.pages["/login"] = lambda r: (302, {"location": "/"}, b"") if r.method == "POST" else log_in(r)
    site.html("/", "home")
    assert "leads back to the login page" in fails(host, site)


def test_a_login_that_is_sent_on_does_not_take_the_password_along(host: Host, site: Web) -> None:
    site.pages["/login"] = lambda r: (307, {"location": "/other"}, b"") if r.method == "POST" else log_in(r)
    assert "is sent on with 307" in fails(host, site)
    assert [r.path for r in site.asked].count("/other") == 0


@pytest.mark.parametrize("place", ["http://127.0.0.2:{port}/login", "http://{own}@127.0.0.2:{port}/login"])
def test_neither_password_nor_session_goes_where_a_redirect_points(host: Host, site: Web, place: str) -> None:
    with web("127.0.0.2") as thief:
        thief.pages["/login"] = (200, HTML, FORM.encode())
        port, own = thief.base.rpartition(":")[2], site.base.removeprefix("http://")
        elsewhere = place.format(port=port, own=own)
        site.pages["/login"] = (302, {"location": elsewhere}, b"")
        assert f"leads to another address: http://127.0.0.2:{port}" in fails(host, site)
        # After the login, the session's cookie would go along to another port of the same host.
        site.pages["/login"] = lambda r: (302, {"location": elsewhere}, b"") if r.method == "POST" else log_in(r)
        assert "The login at" in fails(host, site)
        assert thief.asked == []


def test_an_https_login_is_never_answered_over_http(host: Host, site: Web) -> None:
    page = HttpAnswer(
        "https://panel:8443/login", 200, body=FORM.replace("/login", "http://panel:8443/login").encode()
    )
    with pytest.raises(WorkFailed, match=r"posts to another address: http://panel:8443, not https://panel:8443"):
        checked_form(page, "https://panel:8443/login")
    assert origin("HTTPS://panel/x") == origin("https://panel:443") != origin("http://panel:443")
