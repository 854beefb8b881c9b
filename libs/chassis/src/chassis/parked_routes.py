"""Parked events for admins: what this service could not handle, and what becomes of it. `internal` has the same for the operator."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from chassis.answers import json_answer, no_content
from chassis.context import context
from chassis.idempotency import Idempotency, answering_once
from chassis.lean import LeanRoute
from chassis.moments import Moment
from chassis.paging import Page
from chassis.principal import CurrentAdmin
from chassis.problems import declare, responses
from chassis.service import running
from chassis.strings import LARGEST_INTEGER
from events.parking import Parked, ParkedState, parked_after
from events.times import to_text

declare("parked-behind", 409, "It waits behind another event", earlier=41)

Source = Annotated[
    Literal["auth", "tickets", "notifier", "escalator"], Path(description="The service whose event it is.", examples=["tickets"])
]
Sequence = Annotated[int, Path(ge=1, le=LARGEST_INTEGER, description="The event's sequence in its source.", examples=[42])]
Reason = Literal["done-by-hand", "not-needed", "cannot-be-handled"]


class SkipBody(BaseModel):
    """A code and no text of one's own: it is recorded for good."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: Annotated[
        Reason,
        Field(
            description="Why it is given up: somebody did what would have followed, nothing needs to follow, or nothing can.",
            examples=["done-by-hand"],
        ),
    ]


class ParkedOut(BaseModel):
    """An event that could not be handled here, or waits behind one. What it says is not shown: its place in the audit is."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "source": "/tickets",
                "sequence": 42,
                "subject": "ticket/7",
                "type": "ticket.assigned",
                "state": "retrying",
                "tries": 3,
                "next_at": "2026-11-24T09:00:40.123456Z",
                "error": "ValueError at notifier/rules.py:42",
                "parked_at": "2026-11-24T09:00:00.123456Z",
            }
        }
    )

    source: str
    sequence: int
    subject: str
    type: str
    state: ParkedState = Field(
        description="`retrying`: it is tried again at `next_at`. `behind`: an earlier one of its subject must be done first. "
        "`waiting`: all tries failed, and it waits for somebody."
    )
    tries: int
    next_at: Moment | None
    error: str
    parked_at: Moment


class ParkedListOut(BaseModel):
    items: list[ParkedOut]
    next_cursor: str | None


class RetriedOut(BaseModel):
    handled: bool = Field(description="Whether it is handled now. If not, the list says why.", examples=[True])


def parked_router(service: str) -> APIRouter:
    """Return the routes by which admins decide about what a service could not handle."""
    router = APIRouter(prefix=f"/api/{service}/parked", route_class=LeanRoute, tags=["system"])

    @router.get("", response_model=ParkedListOut)
    async def list_parked(request: Request, query: Annotated[Page, Query()], _by: CurrentAdmin) -> Response:
        """List what this service could not handle, by source and sequence. Admins only."""
        live, bound = running(request), {"list": f"parked at {service}"}
        source, sequence = ("", 0) if query.cursor is None else live.sealer.open(query.cursor, bound)
        with live.store.read() as connection:
            found = parked_after(connection, (source, sequence), query.limit + 1)
        shown = found[: query.limit]
        following = live.sealer.seal(bound, [shown[-1].source, shown[-1].sequence]) if len(found) > query.limit else None
        return json_answer({"items": [_shown(event) for event in shown], "next_cursor": following})

    @router.post("/{source}/{sequence}/retry", response_model=RetriedOut, responses=responses("parked-behind", "unavailable"))
    async def retry_parked(request: Request, source: Source, sequence: Sequence, by: CurrentAdmin, _key: Idempotency) -> Response:
        """Handle a parked event now, and what waits behind it. It is in the audit. Admins only."""
        live = running(request)
        execute = await answering_once(live, request, by, lambda handled: json_answer({"handled": handled}))
        return await live.parking.retry_with(execute, f"/{source}", sequence, context(request, by))

    @router.post("/{source}/{sequence}/skip", status_code=204, responses=responses("parked-behind", "unavailable"))
    async def skip_parked(
        request: Request, source: Source, sequence: Sequence, body: SkipBody, by: CurrentAdmin, _key: Idempotency
    ) -> Response:
        """Give a parked event up for good: what would have followed from it here does not happen. It is in the audit. Admins only."""
        live = running(request)
        execute = await answering_once(live, request, by, lambda _done: no_content())
        return await live.parking.skip_with(execute, f"/{source}", sequence, context(request, by), body.reason)

    return router


def _shown(event: Parked) -> dict[str, Any]:
    named = {name: getattr(event, name) for name in ("source", "sequence", "subject", "type", "state", "tries", "error")}
    next_at = None if event.next_at is None else to_text(event.next_at)
    return {**named, "next_at": next_at, "parked_at": to_text(event.parked_at)}
