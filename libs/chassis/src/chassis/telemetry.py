"""What is seen from outside: logs as JSON lines, each with its request's id, and Prometheus metrics."""

import logging
import sys
from collections.abc import MutableMapping
from contextvars import ContextVar
from functools import cache
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.requests import HTTPConnection
from structlog.processors import ExceptionRenderer
from structlog.tracebacks import ExceptionDictTransformer

current_request: ContextVar[str | None] = ContextVar("current_request", default=None)
"""The id of the request that this code runs for; None outside of one."""

_tell_where = ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
"""Tracebacks with places and no values: among the locals of a request are its password, its cookie and its body."""
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


def _add_request(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    found = current_request.get()
    if found is not None:
        line["request_id"] = found
    return line


def configure_logging(service: str, level: str) -> None:
    """Send everything that this process logs, our own and the libraries', to stderr as one JSON object per line."""

    def add_service(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        line["service"] = service
        return line

    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_request,
        add_service,
        _tell_where,
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for noisy in ("httpx2", "httpcore2", "nats", "alembic", "asyncio"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def agent(request: HTTPConnection) -> str:
    """Return the visitor's user agent, printable and cut to 256 characters."""
    text = request.headers.get("user-agent", "").encode("latin-1").decode("utf-8", "replace")
    return "".join(letter for letter in text if letter.isprintable())[:256]


class Metrics:
    """The figures of one service. A registry of its own, so that several can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            "ste_http_request_seconds",
            "Time from the first byte of a request to the last of its answer.",
            ["method", "route", "status"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.visits = 0
        in_flight = Gauge("ste_http_requests_in_flight", "Requests being answered, open streams included.", registry=self.registry)
        in_flight.set_function(lambda: self.visits)
        self.broken = Counter("ste_http_unhandled_errors_total", "Requests that ended in an error of ours.", registry=self.registry)
        self.loop_lag = Gauge("ste_loop_lag_seconds", "How late the event loop was at its last look.", registry=self.registry)
        self.figures = Gauge("ste_figure", "What /readyz shows, by name.", ["name"], registry=self.registry)

    @cache  # noqa: B019 -- a service has one, which lives as long as the process; what it remembers are its routes
    def seconds(self, method: str, route: str, status: int) -> Histogram:
        """Return the histogram of one method, route and status."""
        return self.requests.labels(method, route, str(status))
