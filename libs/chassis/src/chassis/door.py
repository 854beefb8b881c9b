"""The outermost layer of every service, plain ASGI: ids, figures, and a problem instead of any error that nobody caught."""

import asyncio
import logging
import os
import re
import time
import uuid
from itertools import count

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.principal import SAFE_METHODS
from chassis.problems import instance_of, problem
from chassis.telemetry import Metrics, current_request
from events.errors import DomainError, OutcomeUnknown, Unavailable
from events.failpoints import reach
from events.handling import passes_by_itself

logger = logging.getLogger(__name__)


class _Ids:
    """Ids of requests: a random UUID per process whose last part counts. To ask the kernel for each would cost a switch of threads."""

    def __init__(self) -> None:
        self.begin_anew()
        os.register_at_fork(after_in_child=self.begin_anew)  # services are forked from a process that has imported this

    def begin_anew(self) -> None:
        self._count, self._begin = count(int.from_bytes(os.urandom(5))), str(uuid.uuid4())[:24]

    def __call__(self) -> str:
        return f"{self._begin}{next(self._count) & 0xFFFFFFFFFFFF:012x}"


_new_id = _Ids()

REQUEST_ID = "ste.request_id"
_HEADER = b"x-request-id"
_NO_STORE = (b"cache-control", b"no-store")
"""On whatever does not say otherwise: nearly everything here is somebody's own."""
_ACCEPTED = re.compile(rb"[A-Za-z0-9-]{8,64}")
_TOLD = frozenset({401, 403, 429})
"""Refusals that a security log must show."""


class Internal(DomainError):
    code = "internal"


class Door:
    def __init__(self, inside: ASGIApp, metrics: Metrics) -> None:
        self._inside, self._metrics = inside, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit = Visit(scope, send)
        token = current_request.set(visit.id)
        self._metrics.visits += 1
        try:
            await self._answer(visit, receive)
        finally:
            self._metrics.visits -= 1
            self._record(visit)
            current_request.reset(token)

    async def _answer(self, visit: "Visit", receive: Receive) -> None:
        try:
            await self._inside(visit.scope, receive, visit.send)
        except ClientDisconnect:
            visit.status = visit.status or 499  # nginx's number for a client that went away
        except asyncio.CancelledError:
            if visit.status or not _stopping(visit.scope):
                raise
            # the time to finish is over; the server would answer with a 500 of its own
            cut_off = Unavailable("The service is going down. Ask again in a moment.", 2) if visit.safe else OutcomeUnknown()
            await problem(cut_off, instance_of(Request(visit.scope)))(visit.scope, receive, visit.send)
        except Exception as error:
            refusal = self._refusal(error, visit)
            if visit.status:
                raise  # the head is out: the server cuts the connection, which is all that can be said now
            await problem(refusal, instance_of(Request(visit.scope)))(visit.scope, receive, visit.send)

    def _refusal(self, error: Exception, visit: "Visit") -> DomainError:
        if isinstance(error, DomainError):
            return error
        self._metrics.broken.inc()
        asked = {"path": visit.scope["path"], "method": visit.scope["method"]}
        logger.error("A request ended in an error of ours.", exc_info=error, extra=asked)
        if passes_by_itself(error):  # the store failed, perhaps after what was asked for had been done
            return Unavailable("The store cannot be read at the moment. Ask again shortly.", 2) if visit.safe else OutcomeUnknown()
        return Internal("Something broke here, and it has been written down.")

    def _record(self, visit: "Visit") -> None:
        seconds = time.perf_counter() - visit.began
        route = getattr(visit.scope.get("route"), "path", "none")
        self._metrics.seconds(visit.scope["method"] if route != "none" else "any", route, visit.status).observe(seconds)
        level = logging.INFO if visit.status in _TOLD else logging.DEBUG
        if logger.isEnabledFor(level):
            told = {"method": visit.scope["method"], "path": visit.scope["path"], "status": visit.status, "ms": round(seconds * 1000, 1)}
            logger.log(level, "request", extra=told | {"problem": visit.scope.get("ste.problem")})


class Visit:
    """One request: its id, when it began, and the status that was sent; 0 before."""

    __slots__ = ("_send", "began", "id", "scope", "status")

    def __init__(self, scope: Scope, send: Send) -> None:
        self.began = time.perf_counter()
        self.status = 0
        self.scope, self._send = scope, send
        self.id = scope[REQUEST_ID] = _request_id(scope)

    @property
    def safe(self) -> bool:
        """Whether nothing is changed by it."""
        return self.scope["method"] in SAFE_METHODS

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message.get("headers", ()), (_HEADER, self.id.encode())]
            if not any(name == b"cache-control" for name, _ in headers):
                headers.append(_NO_STORE)
            message["headers"] = headers
            if __debug__ and self._changes:
                reach("answer.send")
        await self._send(message)
        if __debug__ and self._changes and message["type"] == "http.response.body" and not message.get("more_body"):
            reach("answer.sent")

    @property
    def _changes(self) -> bool:
        return self.scope["method"] not in SAFE_METHODS


def _stopping(scope: Scope) -> bool:
    running = getattr(scope["app"].state, "running", None)
    return running is not None and running.stopping.is_set()


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == _HEADER and _ACCEPTED.fullmatch(value):
            return str(value.decode())
    return _new_id()
