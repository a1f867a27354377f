"""Smoke test: as a person would, log in to the web panel with a name and a password, and look at the dashboard."""

import html
from collections.abc import Mapping
from typing import Final
from urllib.parse import urljoin, urlsplit

from debvisor_tui.config.settings import Settings
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.findings import Finding, Found
from debvisor_tui.model.text import one_line
from debvisor_tui.model.wording import counted
from debvisor_tui.system.http import Http, HttpAnswer, origin
from debvisor_tui.tasks.base import Job, StepContext
from debvisor_tui.tasks.login_form import Form, login_form
from debvisor_tui.tasks.words import cli

REQUEST_TIMEOUT: Final = 15.0  # seconds
MAX_REDIRECTS: Final = 5
ROLL_BACK: Final = "Look at the service's log; fix it and retry, or roll back (R)."


class SmokeTask:
    accepts: frozenset[str] = frozenset()

    def commands(self, settings: Settings, job: Job) -> tuple[str, ...]:
        return (cli(settings, "smoke"),)

    async def run(self, ctx: StepContext) -> str:
        smoke = ctx.settings.smoke
        async with Http(REQUEST_TIMEOUT) as http:
            visit = Visit(ctx, http)
            page = await visit.get("login page", smoke.login_url)
            form = checked_form(page, smoke.login_url)
            arrived = await self._log_in(ctx, visit, page, form)
            await self._look_at_dashboard(ctx, visit, arrived)
        shown = f"the dashboard shows “{smoke.dashboard_contains}”"
        return f"logged in as {smoke.username}, {shown} ({counted(visit.requests, 'request')})"

    async def inspect(self, ctx: StepContext) -> Finding:
        return Finding(Found.NOT_DONE, "a smoke test changes nothing; it has to be seen anew")

    async def _log_in(self, ctx: StepContext, visit: "Visit", page: HttpAnswer, form: Form) -> HttpAnswer:
        """The page that the login leads to."""
        smoke = ctx.settings.smoke
        password = smoke.password.resolve("smoke.password").reveal()
        data = {**form.fields, form.username: smoke.username, form.password: password}
        answer = await visit.send("login", "POST", urljoin(page.url, form.action or page.url), data)
        if answer.status in {400, 403, 419}:
            raise WorkFailed(
                f"The login was refused with {answer.status}: the form's CSRF token was not accepted",
                "Are cookies and the session's secret set up as before? " + ROLL_BACK,
            )
        if answer.status == 401 or login_form(answer.text) is not None:
            raise WorkFailed(
                f"After the login it is still the login page (answered {answer.status}): name or password is wrong",
                "Check smoke.username and smoke.password in the config by logging in with a browser.",
            )
        _expect_200(answer, "the page after the login")
        return answer

    async def _look_at_dashboard(self, ctx: StepContext, visit: "Visit", arrived: HttpAnswer) -> None:
        smoke = ctx.settings.smoke
        # Most logins lead to the dashboard: what was seen there is not asked for a second time.
        answer = arrived if arrived.url == smoke.dashboard_url else await visit.get("dashboard", smoke.dashboard_url)
        _expect_200(answer, "the dashboard")
        if login_form(answer.text) is not None:
            raise WorkFailed(
                "The dashboard leads back to the login page: the login did not hold",
                "Does the service keep its sessions, and set its cookie for this address? " + ROLL_BACK,
            )
        wanted = smoke.dashboard_contains
        if wanted not in answer.text and wanted not in html.unescape(answer.text):
            raise WorkFailed(
                f"The dashboard at {answer.url} answers 200 but does not contain “{wanted}”",
                "Look at it in a browser. If the page has changed its words, change smoke.dashboard_contains.",
            )


class Visit:
    """One visitor: its requests in order, each one evidence; redirects are followed in the open."""

    def __init__(self, ctx: StepContext, http: Http) -> None:
        self.requests = 0
        smoke = ctx.settings.smoke
        self._origins = {origin(smoke.login_url), origin(smoke.dashboard_url)}
        self._ctx = ctx
        self._http = http

    async def get(self, name: str, url: str) -> HttpAnswer:
        return await self.send(name, "GET", url)

    async def send(self, name: str, method: str, url: str, data: Mapping[str, str] | None = None) -> HttpAnswer:
        """Send it and follow where it leads; `data` goes to `url` alone. WorkFailed if nothing answers."""
        answer = await self._one(name, method, url, data)
        for _ in range(MAX_REDIRECTS):
            if not answer.location:
                return answer
            if data is not None and answer.status in {307, 308}:
                raise WorkFailed(
                    f"The {name} at {url} is sent on with {answer.status} to {one_line(answer.location, 200)}",
                    "The password is not sent elsewhere. Set smoke.login_url to where the login really is.",
                )
            if urlsplit(answer.location).scheme not in {"http", "https"}:
                raise WorkFailed(
                    f"The {name} points to {one_line(answer.location, 200)}, which is no web page", ROLL_BACK
                )
            if origin(answer.location) not in self._origins:
                raise WorkFailed(
                    f"The {name} at {one_line(url, 200)} leads to another address: {origin(answer.location)}",
                    "Neither password nor session is sent there. If the login really is there, set smoke.login_url.",
                )
            answer = await self._one(f"{name}, redirected", "GET", answer.location)
        raise WorkFailed(
            f"The {name} at {url} goes round in circles: more than {MAX_REDIRECTS} redirects",
            "Is the login's session kept? " + ROLL_BACK,
        )

    async def _one(self, name: str, method: str, url: str, data: Mapping[str, str] | None = None) -> HttpAnswer:
        answer = await self._http.request(method, url, data=data)
        self.requests += 1
        self._ctx.progress(self.requests, None, "requests", name)
        said = answer.problem or f"{answer.status} in {answer.ms:.0f} ms"
        if answer.location:
            said += f", to {one_line(answer.location, 200)}"
        text = f"{name}: {method} {one_line(url, 200)}: {said}"
        self._ctx.log(text, "out")
        value = {
            "name": name,
            "method": method,
            "url": one_line(url, 500),
            "status": answer.status,
            "ms": round(answer.ms, 1),
            "ok": answer.status is not None and answer.status < 400,
            "text": said,
        }
        await self._ctx.evidence("request", text, value)
        if answer.problem:
            raise WorkFailed(f"The {name} at {one_line(url, 200)} cannot be reached: {answer.problem}", ROLL_BACK)
        return answer


def checked_form(page: HttpAnswer, login_url: str) -> Form:
    """The form that may be given the password: it posts to the origin that the config names, and to no other."""
    _expect_200(page, "the login page")
    form = login_form(page.text)
    if form is None:
        raise WorkFailed(
            f"There is no login form at {page.url}: no form with a password field",
            "Look at it in a browser, and check smoke.login_url in the config.",
        )
    if not form.username:
        raise WorkFailed("The login form has no field for the name before its password", ROLL_BACK)
    if not form.has_token:
        raise WorkFailed(
            "The login form has no CSRF token",
            "Anybody's page could log people in. Is the form's protection switched off in this release? " + ROLL_BACK,
        )
    if form.method != "post":
        raise WorkFailed("The login form would send the password in the address (its method is not POST)", ROLL_BACK)
    target = origin(urljoin(page.url, form.action or page.url))
    if target != origin(login_url):
        raise WorkFailed(
            f"The login form posts to another address: {target}, not {origin(login_url)}",
            "The password is not sent there. " + ROLL_BACK,
        )
    return form


def _expect_200(answer: HttpAnswer, what: str) -> None:
    if answer.status != 200:
        raise WorkFailed(f"{what[0].upper()}{what[1:]} at {answer.url} answers {answer.status}, not 200", ROLL_BACK)
