"""HTTP, asked politely: bounded in time and size, no redirects unless asked for, errors in one line of words."""

import asyncio
import errno
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urljoin, urlsplit

from debvisor_tui import __version__
from debvisor_tui.model.durations import format_duration
from debvisor_tui.model.text import one_line

MAX_BODY = 1024 * 1024  # bytes read of an answer
REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back. `problem`: why nothing did, in one line, or "". `ms`: until the body was read.

    `headers` have lower-case names. A body over 1 MiB is cut off, and `truncated`.
    """

    url: str
    status: int | None = None
    ms: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    truncated: bool = False
    problem: str = ""

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @property
    def location(self) -> str:
        """Where a redirect points, as an absolute URL, or ""."""
        target = self.headers.get("location", "") if self.status in REDIRECTS else ""
        return urljoin(self.url, target) if target else ""

    @property
    def is_html(self) -> bool:
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        return kind in {"text/html", "application/xhtml+xml"} or self.body[:200].lstrip().lower().startswith(
            (b"<!doctype html", b"<html")
        )


class Http:
    """A client with cookies of its own. It asks the target itself: no proxy, nothing from the environment."""

    def __init__(self, timeout: float = 10.0) -> None:
        """`timeout`: seconds for one request, from the first byte sent to the last byte read."""
        import httpx  # 40 ms and more: not for a start-up

        self._timeout = timeout
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies, and trusts nobody until it is first needed:
        self._trusting = False  # reading all certificates costs 25 ms
        self._client = httpx.AsyncClient(
            timeout=timeout,
            follow_redirects=False,
            trust_env=False,
            verify=self._tls,
            headers={"user-agent": f"debvisor-tui/{__version__}", "accept-encoding": "identity"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def request(
        self,
        method: str,
        url: str,
        *,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - it becomes words, not an exception
    ) -> HttpAnswer:
        """Send one request; network trouble is an answer with a `problem`, not an exception."""
        import httpx

        limit = self._timeout if timeout is None else timeout
        begun = time.monotonic()
        try:
            self._trust(url)
            async with asyncio.timeout(limit), self._client.stream(method, url, data=data, headers=headers) as stream:
                body, truncated = bytearray(), False
                async for chunk in stream.aiter_bytes():
                    body.extend(chunk[: MAX_BODY - len(body)])
                    if truncated := len(body) >= MAX_BODY:
                        break
                return HttpAnswer(
                    url=url,
                    status=stream.status_code,
                    ms=(time.monotonic() - begun) * 1000,
                    headers={name.lower(): one_line(value) for name, value in stream.headers.items()},
                    body=bytes(body),
                    truncated=truncated,
                )
        except TimeoutError:
            problem = f"no answer within {format_duration(limit)}"
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            problem = describe(error, url, limit)
        return HttpAnswer(url, ms=(time.monotonic() - begun) * 1000, problem=problem)

    def _trust(self, url: str) -> None:
        """Load the host's certificate authorities, private ones that it was told of included, and the well-known."""
        if url.startswith("https:") and not self._trusting:
            import certifi

            self._tls.load_default_certs()
            self._tls.load_verify_locations(certifi.where())
            self._trusting = True


def describe(error: BaseException, url: str, limit: float) -> str:
    """Why a request failed, in one line."""
    import httpx

    where = address(url)
    if isinstance(error, httpx.TimeoutException):
        return f"no answer within {format_duration(limit)}"
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate of {where} is not trusted: {one_line(cause.verify_message, 120)}"
        if isinstance(cause, ssl.SSLError):
            return f"no TLS at {where}: {one_line(cause.reason or str(cause), 120)}"
        if isinstance(cause, socket.gaierror):
            return f"the host name {urlsplit(url).hostname} cannot be resolved"
        if isinstance(cause, OSError) and cause.errno == errno.ECONNREFUSED:
            return f"connection refused at {where}"
        if isinstance(cause, OSError) and cause.errno == errno.ECONNRESET:
            return f"the connection to {where} was reset"
        if isinstance(cause, OSError) and cause.errno in {errno.EHOSTUNREACH, errno.ENETUNREACH}:
            return f"no way to {where}: host or network unreachable"
    if isinstance(error, httpx.RemoteProtocolError):
        return f"{where} does not speak HTTP properly: {one_line(str(error), 120)}"
    return f"cannot talk to {where}: {one_line(str(error), 120) or type(error).__name__}"


def address(url: str) -> str:
    """host:port of `url`."""
    parts = urlsplit(url)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return one_line(parts.netloc, 200)
    return f"{one_line(parts.hostname or '', 200)}:{port}"


def origin(url: str) -> str:
    """scheme://host:port of `url`: what a browser calls the same site's (RFC 6454), its port always named."""
    return f"{urlsplit(url).scheme.lower()}://{address(url)}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """`error` and all that led to it: the resolver and the connector hide theirs in chains and groups."""
    seen = 0
    stack = [error]
    while stack and seen < 50:
        current = stack.pop()
        if current is None:
            continue
        seen += 1
        yield current
        stack += [current.__context__, current.__cause__]
        if isinstance(current, BaseExceptionGroup):
            stack += current.exceptions
