"""The HTTP server: finds the view, counts the request, and lets running requests end before the process does."""

import sys
import threading
import time
from collections.abc import Callable, Mapping
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from panel import dashboard, health, login, metrics
from panel.config import VERSION
from panel.faults import DELAYS
from panel.web import Panel, Request, Response, page

MAX_BODY = 65_536  # bytes
View = Callable[[Panel, Request], Response]

PROBES: Mapping[tuple[str, str], View] = {  # not counted: they would drown what people do
    ("GET", "/health/live"): health.live,
    ("GET", "/health/ready"): health.ready,
    ("GET", "/metrics"): metrics.show,
}
PAGES: Mapping[tuple[str, str], View] = {
    ("GET", "/login"): login.form,
    ("POST", "/login"): login.submit,
    ("GET", "/dashboard"): dashboard.dashboard,
    ("GET", "/api/nodes"): dashboard.api_nodes,
}


class Server(ThreadingHTTPServer):
    daemon_threads = True  # an idle kept-alive connection must not hold the end back
    request_queue_size = 128

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self.ending = False
        self._running = 0
        self._idle = threading.Condition()
        super().__init__(("127.0.0.1", panel.config.port), Handler)

    def enter(self) -> None:
        with self._idle:
            self._running += 1

    def leave(self) -> None:
        with self._idle:
            self._running -= 1
            self._idle.notify_all()

    def finish(self, timeout: float) -> None:
        """Take no more requests; wait up to `timeout` seconds for the running ones."""
        self.ending = True
        self.shutdown()
        with self._idle:
            self._idle.wait_for(lambda: self._running == 0, timeout)
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        # The client went away in mid-answer: nothing is wrong here.
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version = f"debvisor-panel/{VERSION.removeprefix('v')}"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body in one write
    timeout = 60

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Requests are counted, not logged: the log is for what went wrong."""

    def _answer(self, method: str) -> None:
        started = time.perf_counter()
        path = urlsplit(self.path).path
        self.server.enter()
        try:
            response = self._respond(method, path)
            self._send(response)
        finally:
            self.server.leave()
        if (method, path) not in PROBES:
            known = path if (method, path) in PAGES else "other"
            metrics.count(method, known, response.status, time.perf_counter() - started)

    def _respond(self, method: str, path: str) -> Response:
        view = PROBES.get((method, path)) or PAGES.get((method, path))
        if view is None:
            return page(404, "Not found", "<h1>Not found</h1>")
        request = self._request(method)
        if request is None:
            return page(413, "Too large", "<h1>Too large</h1>")
        try:
            self._go_wrong(path, request)
            return view(self.server.panel, request)
        except Exception as error:  # the edge of the program: one bad request must not end the others
            print(f"error: {method} {path}: {type(error).__name__}: {error}", file=sys.stderr)
            return page(500, "Error", "<h1>Internal server error</h1>")

    def _go_wrong(self, path: str, request: Request) -> None:
        """A rehearsal's faults. The first dashboard after a login is spared: a smoke test would be down to luck."""
        faults = self.server.panel.faults
        session = self.server.panel.sessions.get(request.cookie)
        if path not in {"/dashboard", "/api/nodes"} or (session is not None and session.views == 0):
            return
        if faults.active("slow"):
            time.sleep(DELAYS[faults.turn() % len(DELAYS)])
        if faults.active("errors") and faults.turn() % 9 == 0:
            raise RuntimeError("database handle is closed")

    def _request(self, method: str) -> Request | None:
        length = self.headers.get("Content-Length", "0")
        size = int(length) if length.isdigit() else MAX_BODY + 1
        if size > MAX_BODY:
            self.close_connection = True
            return None
        body = self.rfile.read(size).decode("utf-8", "replace") if method == "POST" else ""
        try:
            cookies = SimpleCookie(self.headers.get("Cookie", ""))
        except CookieError:
            cookies = SimpleCookie()
        session = cookies["session"].value if "session" in cookies else ""
        return Request(session, dict(parse_qsl(body)))

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        self.send_header("Content-Type", response.type)
        self.send_header("Content-Length", str(len(response.body)))
        for name, value in response.headers.items():
            self.send_header(name, value)
        if self.server.ending:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(response.body)
        self.wfile.flush()
