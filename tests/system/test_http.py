"""HTTP against real sockets: bounded in time and size, and trouble in one line of words."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from debvisor_tui.system.http import MAX_BODY, Http, HttpAnswer


@contextmanager
def server(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """A socket that gives its first connection to `serve`; yields host:port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)

        def run() -> None:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                try:
                    serve(connection)
                except OSError:  # the client went away, as it should
                    return

        thread = threading.Thread(target=run)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.close()
        thread.join(6)


def ask(url: str, timeout: float = 5.0) -> HttpAnswer:
    async def go() -> HttpAnswer:
        async with Http(timeout) as http:
            return await http.request("GET", url)

    return asyncio.run(go())


def sends(*chunks: bytes) -> Callable[[socket.socket], None]:
    def serve(connection: socket.socket) -> None:
        connection.recv(65_536)
        for chunk in chunks:
            connection.sendall(chunk)

    return serve


def test_an_answer_comes_whole_with_its_headers_made_safe() -> None:
    with server(sends(b"HTTP/1.1 200 OK\r\nX-Odd: a\x9b2Jc\r\nContent-Length: 2\r\n\r\nhi")) as host:
        answer = ask(f"http://{host}/x")
    assert (answer.status, answer.text, answer.headers["x-odd"], answer.problem) == (200, "hi", "ac", "")
    assert answer.ms > 0


def test_a_redirect_is_told_and_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")  # the target is asked itself, not a proxy
    with server(sends(b"HTTP/1.1 302 Found\r\nLocation: ../login\r\nContent-Length: 0\r\n\r\n")) as host:
        answer = ask(f"http://{host}/a/b")
    assert (answer.status, answer.location) == (302, f"http://{host}/login")


def test_an_endless_body_is_cut_off() -> None:
    def endless(connection: socket.socket) -> None:
        sends(b"HTTP/1.1 200 OK\r\n\r\n")(connection)
        while True:
            connection.sendall(b"x" * 65_536)

    with server(endless) as host:
        answer = ask(f"http://{host}/")
    assert (len(answer.body), answer.truncated) == (MAX_BODY, True)


def test_a_body_that_drips_for_ever_is_bounded_in_time_as_a_whole() -> None:
    stop = threading.Event()

    def drip(connection: socket.socket) -> None:
        sends(b"HTTP/1.1 200 OK\r\n\r\n")(connection)
        while not stop.wait(0.02):
            connection.sendall(b".")

    begun = time.monotonic()
    with server(drip) as host:
        answer = ask(f"http://{host}/", timeout=0.3)
        stop.set()
    assert answer.problem == "no answer within 0.3 s"
    assert time.monotonic() - begun < 3


@pytest.mark.parametrize(
    ("serve", "scheme", "problem"),
    [
        (sends(b"SSH-2.0-OpenSSH_9.2\r\n"), "http", "{host} does not speak HTTP properly"),
        (lambda connection: connection.recv(1), "http", "the connection to {host} was reset"),
        (sends(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "https", "no TLS at {host}"),
        (sends(), "http", "{host} does not speak HTTP properly: Server disconnected without sending a response."),
    ],
)
def test_trouble_is_said_in_one_line(serve: Callable[[socket.socket], None], scheme: str, problem: str) -> None:
    with server(serve) as host:
        answer = ask(f"{scheme}://{host}/")
    assert answer.status is None
    assert problem.format(host=host) in answer.problem
    assert "\n" not in answer.problem


def test_a_name_that_does_not_resolve_and_a_closed_port_are_told_apart() -> None:
    assert ask("http://no-such-host.invalid/").problem == "the host name no-such-host.invalid cannot be resolved"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert ask(f"http://127.0.0.1:{port}/").problem == f"connection refused at 127.0.0.1:{port}"
