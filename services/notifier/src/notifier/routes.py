"""One's own notifications over HTTP: the list, the marks, the live feed, and how one wants to be told."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from chassis.answers import json_answer, no_content
from chassis.idempotency import Idempotency, answer_once
from chassis.lean import LeanRoute
from chassis.listing import listing
from chassis.principal import CurrentPrincipal
from chassis.problems import responses
from chassis.service import running
from chassis.sse import EventStream, retry_after
from notifier import queries
from notifier.dependencies import LastEventId, parts
from notifier.schemas import CountOut, InboxQuery, NotificationsOut, PreferencesBody, PreferencesOut, UpdatedOut, notification_out
from notifier.streams import Feed
from notifier.units import Mark, MarkAll, Prefer

router = APIRouter(prefix="/api/notifications", route_class=LeanRoute, tags=["notifications"])

_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events: `notification` (the object) and `unread` (`{count}`); a comment every 15 s.",
        "content": {"text/event-stream": {"schema": {"type": "string"}, "example": 'event: unread\nid: 7\ndata: {"count": 3}\n\n'}},
    }
}


@router.get("", response_model=NotificationsOut)
async def list_notifications(request: Request, query: Annotated[InboxQuery, Query()], by: CurrentPrincipal) -> Response:
    """List one's own notifications, newest first."""
    wanted = queries.WantedNotifications(unread=query.unread, kind=query.kind)
    asked = listing(request, query, list="notifications", person=by.id)
    with running(request).store.read() as connection:
        rows = queries.inbox(connection, by.id, wanted, limit=asked.fetch, after=asked.after_one)
    return asked.answer(rows, notification_out, lambda row: [row["position"]])


@router.get("/unread-count", response_model=CountOut)
async def count_unread(request: Request, by: CurrentPrincipal) -> Response:
    """Count what one has not read."""
    with running(request).store.read() as connection:
        return json_answer({"count": queries.unread_count(connection, by.id)})


@router.get("/stream", response_class=EventStream, status_code=200, responses={**_STREAM, **responses("too-many-streams")})
async def stream(request: Request, by: CurrentPrincipal, after: LastEventId) -> Response:
    """Stream one's own notifications as they come. It ends when one is signed out, and when the service stops."""
    live, board = running(request), parts(request).switchboard
    seat = board.take(by.id)
    feed, retry = Feed(live.store, by.id, after), retry_after(live.environment.random_bytes(2))
    return EventStream(feed, seat, ends=[live.principals.watch(by), live.stopping], retry=retry, leave=partial(board.leave, seat))


@router.get("/preferences", response_model=PreferencesOut)
async def get_preferences(request: Request, by: CurrentPrincipal) -> Response:
    """Return how one wants to be told."""
    with running(request).store.read() as connection:
        return json_answer({"email": queries.wants_email(connection, by.id)})


@router.put("/preferences", response_model=PreferencesOut, responses=responses("unavailable"))
async def put_preferences(request: Request, body: PreferencesBody, by: CurrentPrincipal) -> Response:
    """Say how one wants to be told."""
    await running(request).writer.execute(Prefer(by.id, body.email))
    return json_answer({"email": body.email})


@router.post("/read-all", response_model=UpdatedOut, responses=responses("unavailable"))
async def read_all(request: Request, by: CurrentPrincipal, _key: Idempotency) -> Response:
    """Mark everything read."""
    return await answer_once(running(request), request, by, MarkAll(by.id), lambda updated: json_answer({"updated": updated}))


@router.put("/{notification}/read", status_code=204, responses=responses("unavailable"))
async def put_read(request: Request, notification: str, by: CurrentPrincipal) -> Response:
    """Mark a notification read."""
    return await _mark(request, Mark(by.id, notification, read=True))


@router.delete("/{notification}/read", status_code=204, responses=responses("unavailable"))
async def delete_read(request: Request, notification: str, by: CurrentPrincipal) -> Response:
    """Mark a notification unread."""
    return await _mark(request, Mark(by.id, notification, read=False))


async def _mark(request: Request, unit: Mark) -> Response:
    await running(request).writer.execute(unit)
    return no_content()
