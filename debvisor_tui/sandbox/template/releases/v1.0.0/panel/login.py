"""The login form: its CSRF token is bound to the session's cookie; passwords are kept as PBKDF2 hashes."""

import hashlib
import hmac
import time
from html import escape

from panel.database import connection
from panel.web import Panel, Request, Response, page, redirect

KEPT_EVENTS = 5000


def cookie(name: str) -> dict[str, str]:
    return {"Set-Cookie": f"session={name}; Path=/; HttpOnly; SameSite=Lax"}


def form(panel: Panel, request: Request) -> Response:
    return _form(panel, request, 200, "")


def submit(panel: Panel, request: Request) -> Response:
    if not panel.sessions.token_is_good(request.cookie, request.form.get("csrf_token", "")):
        return page(403, "Forbidden", "<h1>Forbidden</h1>\n<p>The form's CSRF token is missing or stale.</p>")
    account = _check(panel, request.form.get("username", ""), request.form.get("password", ""))
    if account is None:
        return _form(panel, request, 401, "Name or password is wrong.")
    panel.sessions.end(request.cookie)  # a new id for a new right
    return redirect("/dashboard", cookie(panel.sessions.new(account)))


def _form(panel: Panel, request: Request, status: int, message: str) -> Response:
    known = panel.sessions.get(request.cookie) is not None
    session = request.cookie if known else panel.sessions.new()
    hidden = f'<input type="hidden" name="csrf_token" value="{panel.sessions.token(session)}">\n'
    if panel.faults.active("login-broken"):
        hidden = ""
    body = (
        "<h1>Log in</h1>\n"
        + (f"<p>{escape(message)}</p>\n" if message else "")
        + '<form method="post" action="/login">\n'
        + hidden
        + '<label>Name <input name="username" autocomplete="username"></label>\n'
        + '<label>Password <input name="password" type="password" autocomplete="current-password"></label>\n'
        + "<button>Log in</button>\n</form>"
    )
    return page(status, "Log in", body, {} if known else cookie(session))


def _check(panel: Panel, name: str, password: str) -> str | None:
    """The account's name if the password is right; the login is then recorded."""
    with connection(panel.config.database) as database:
        row = database.execute("SELECT id, name, password_hash FROM account WHERE name = ?", (name,)).fetchone()
        if row is None or not password_is_right(password, row["password_hash"]):
            return None
        event = database.execute(
            "INSERT INTO login_event (account_id, at) VALUES (?, ?)", (row["id"], time.time())
        ).lastrowid
        database.execute("DELETE FROM login_event WHERE id <= ?", ((event or 0) - KEPT_EVENTS,))
        return str(row["name"])


def password_is_right(password: str, stored: str) -> bool:
    """`stored` is "pbkdf2_sha256$rounds$salt$hash", the last two in hex."""
    _, rounds, salt, wanted = stored.split("$")
    found = hashlib.pbkdf2_hmac("sha256", password.encode(), bytes.fromhex(salt), int(rounds))
    return hmac.compare_digest(found.hex(), wanted)
