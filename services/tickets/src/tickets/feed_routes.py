"""The feed over HTTP: the journal of all services for other systems, page by page and as a stream. Admins only."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from sqlalchemy import Connection
from starlette.responses import Response

from chassis.answers import json_answer
from chassis.declared import Header, declares
from chassis.lean import LeanRoute
from chassis.principal import CurrentAdmin
from chassis.problems import declare, responses
from chassis.service import running
from chassis.sse import EventStream, retry_after
from tickets import feed, journal, reading, views
from tickets.dependencies import parts
from tickets.errors import NoPlace
from tickets.feed import Bounds
from tickets.feed_answers import SPOKEN, FeedOut, FeedQuery, StreamQuery
from tickets.live import Live
from tickets.proof import BROKEN

_FIRST = Bounds(events=1, size=1, seconds=0.0)

declare("cut-off", 410, "No longer part of history")

router = APIRouter(prefix="/api/events", route_class=LeanRoute, tags=["events"])


@declares("invalid", headers=[Header("Last-Event-ID", "The `id` that came last: the stream goes on after it, whatever `after` says.")])
def last_event_id(request: Request) -> str | None:
    """Return the text of the place that a reader has reached, None for one who begins."""
    return request.headers.get("last-event-id") or None


@router.get("", response_model=FeedOut, responses=responses("cut-off", BROKEN, "unavailable"))
async def get_events(request: Request, query: Annotated[FeedQuery, Query()], by: CurrentAdmin) -> Response:
    """Return what happened after a position, over all services: causes before their effects, each service's events in its order.

    A page may have fewer events than `limit`, or none, though there are more: go on from `next` until it is what you asked after. That
    it was read is an event itself, one per reader, filter and ten minutes.
    """
    readers, wanted = parts(request).readers, query.wanted()
    bounds = feed.page(query.limit)

    def read(connection: Connection) -> bytes:
        part = feed.read(connection, feed.standing(connection, readers.places, query.after), wanted, bounds)
        return views.fed_page(readers.places, part)

    async def page() -> bytes:
        async with readers.reading:
            return await running(request).store.read_in_thread(read)

    found = await page()
    if await reading.note(request, by, "feed", query.filters()):
        found = await page()  # with the event that tells of it: who has read to the end is not told anew of their own reading
    return json_answer(found)


@router.get(
    "/stream", response_class=EventStream, status_code=200, responses={**SPOKEN, **responses("cut-off", BROKEN, "too-many-streams")}
)
async def stream(
    request: Request, query: Annotated[StreamQuery, Query()], by: CurrentAdmin, left_at: Annotated[str | None, Depends(last_event_id)]
) -> Response:
    """Stream what happened after a position, and what happens from then on.

    It ends when one is signed out or is no admin any more, does not read, or when the service stops: one comes back with the last `id`.
    """
    live, readers = running(request), parts(request).readers

    def begin(connection: Connection) -> tuple[int, str]:
        at = feed.standing(connection, readers.places, left_at or query.after)
        if at < journal.head(connection):  # what cannot be read is told before a stream begins that would end at once
            feed.read(connection, at, query.wanted(), _FIRST)
        return at, feed.place_at(connection, readers.places, at)

    try:
        at, place = await live.store.read_in_thread(begin)
        if await reading.note(request, by, "feed", query.filters()):
            at, place = await live.store.read_in_thread(begin)  # who begins at the end begins after the event that tells of it
    except NoPlace:
        if left_at is None:
            raise
        raise NoPlace(("header", "last-event-id")) from None
    seat = readers.take(by.id)
    told, retry = Live(readers, query.wanted(), at, place), retry_after(live.environment.random_bytes(2))
    return EventStream(told, seat, ends=[live.principals.watch(by), live.stopping], retry=retry, leave=partial(readers.leave, seat))
