"""What Prometheus sees: requests by path and status, and how long they took."""

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, disable_created_metrics, generate_latest

from panel.web import Panel, Request, Response, page

disable_created_metrics()  # type: ignore[no-untyped-call]

REQUESTS = Counter("http_requests", "Requests answered", ["method", "path", "status"])
SECONDS = Histogram(
    "http_request_duration_seconds",
    "Time to answer a request",
    ["method", "path"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.75, 1, 2.5, 5),
)


def count(method: str, path: str, status: int, seconds: float) -> None:
    REQUESTS.labels(method, path, str(status)).inc()
    SECONDS.labels(method, path).observe(seconds)


def show(panel: Panel, request: Request) -> Response:
    if panel.faults.active("metrics-garbage"):
        return page(200, "Proxy", "<h1>Bad gateway {{ upstream }}</h1>")
    return Response(200, generate_latest(), CONTENT_TYPE_LATEST)
