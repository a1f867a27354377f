"""Light traffic for the sandbox's panel: a few people who look at the dashboard, log in again, and read the API.

It keeps no counts, comes back after every restart of the panel, and ends by itself when the sandbox is gone or
another traffic process took its place.
"""

import http.client
import json
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

HERE = Path(__file__).resolve().parent
PEOPLE = 6
PACE = 0.35  # seconds between two requests of one person: 17 a second in all
ROUND = ("/login",) + ("/dashboard", "/api/nodes") * 11
TIMEOUT = 10.0  # seconds an answer may take
RETRY = 0.15  # seconds until the panel is tried again
WATCH = 1.0  # seconds between two looks at whether there is still something to do

ended = threading.Event()
paused = threading.Event()


class Person:
    """One connection, one session."""

    def __init__(self, port: int, password: str) -> None:
        self._port = port
        self._password = password
        self._connection: http.client.HTTPConnection | None = None
        self._cookie = ""

    def live(self, number: int) -> None:
        """Until the end: the round of requests, paced; each person (`number` of PEOPLE) is elsewhere in it."""
        due = time.monotonic() + number * PACE / PEOPLE
        turn = number * len(ROUND) // PEOPLE
        while not ended.wait(max(0.0, due - time.monotonic())):
            due = max(due + PACE, time.monotonic())
            if paused.is_set():
                continue
            try:
                self._visit(ROUND[turn % len(ROUND)])
                turn += 1
            except (OSError, http.client.HTTPException):
                self._hang_up()
                due = time.monotonic() + RETRY
        self._hang_up()

    def _visit(self, path: str) -> None:
        if path == "/login" or not self._cookie:
            self._log_in()
        else:
            status, headers, _ = self._ask("GET", path)
            if status == 302 and "login" in headers.get("Location", ""):
                self._cookie = ""  # the panel was restarted and knows nobody any more

    def _log_in(self) -> None:
        self._cookie = ""
        _, headers, body = self._ask("GET", "/login")
        self._keep_cookie(headers)
        token = re.search(r'name="csrf_token" value="([^"]*)"', body)
        fields = {"username": "oncall", "password": self._password, "csrf_token": token.group(1) if token else ""}
        status, headers, _ = self._ask("POST", "/login", urlencode(fields))
        if status == 302:
            self._keep_cookie(headers)

    def _keep_cookie(self, headers: Mapping[str, str]) -> None:
        self._cookie = headers.get("Set-Cookie", self._cookie).partition(";")[0]

    def _ask(self, method: str, path: str, body: str | None = None) -> tuple[int, Mapping[str, str], str]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT)
        headers = {"Cookie": self._cookie} if self._cookie else {}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        return answer.status, dict(answer.headers), answer.read(1_000_000).decode("utf-8", "replace")

    def _hang_up(self) -> None:
        self._cookie = ""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def low_traffic() -> bool:
    """The fault "low-traffic": nobody comes once a release after the one it names is in place."""
    try:
        wanted = json.loads((HERE / "faults.json").read_text(encoding="utf-8"))
        version = (HERE / "checkout" / "VERSION").read_text(encoding="utf-8").strip()
        return bool(wanted["fault"] == "low-traffic" and _parts(version) > _parts(wanted["after"]))
    except (OSError, ValueError, KeyError):
        return False


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.removeprefix("v").split("."))


def still_wanted() -> bool:
    """False once the sandbox is gone, or the pid file names another process."""
    try:
        first = (HERE / "run" / "traffic.pid").read_text(encoding="utf-8").split("\n")[0]
    except OSError:
        return False
    return first == str(os.getpid())


def main(port: int) -> int:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    password = (HERE / "smoke-password").read_text(encoding="utf-8").strip()
    people = [
        threading.Thread(target=Person(port, password).live, args=(number,), daemon=True) for number in range(PEOPLE)
    ]
    for person in people:
        person.start()
    notify = os.environ.get("PANEL_NOTIFY_FD")
    if notify:
        os.write(int(notify), b"ready\n")
        os.close(int(notify))
    while not ended.wait(WATCH):
        if not still_wanted():
            ended.set()
        (paused.set if low_traffic() else paused.clear)()
    for person in people:
        person.join(1.0)
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
