"""What a command needs to know of the request that it comes from."""

import re
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request
from starlette.requests import HTTPConnection

from chassis.callers import client_address
from chassis.door import REQUEST_ID
from chassis.principal import Principal
from chassis.service import running
from chassis.telemetry import agent
from events.decider import Context
from events.envelope import Actor

_TRACEPARENT = re.compile("[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

__all__ = ["REQUEST_ID", "Now", "agent", "client_address", "context", "now", "request_id"]


def request_id(request: HTTPConnection) -> str:
    """Return the id that the request came with or was given; it is in the answer, in every log line and in every event."""
    return str(request.scope[REQUEST_ID])


def now(request: Request) -> datetime:
    """Return the service's clock."""
    return running(request).environment.now()


def context(request: Request, by: Principal | Actor, *, imported: bool = False) -> Context:
    """Return the context of the events that this request's command appends."""
    trace = request.headers.get("traceparent", "")
    return Context(
        actor=by.actor if isinstance(by, Principal) else by,
        at=now(request),
        correlation=request_id(request),
        imported=imported,
        traceparent=trace if _TRACEPARENT.fullmatch(trace) else None,
    )


Now = Annotated[datetime, Depends(now)]
