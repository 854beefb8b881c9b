"""What tickets asks in order to explain why somebody was, or was not, told of an event."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection
from starlette.responses import Response

from chassis.answers import json_answer
from chassis.callers import peers_only
from chassis.lean import LeanRoute
from chassis.service import running
from events.envelope import from_wire
from notifier import why

router = APIRouter(prefix="/internal", route_class=LeanRoute, include_in_schema=False)


class NotificationBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    notification: str


class EventBody(BaseModel):
    """An event of tickets, as its wire, and the id of the person who was told of it, or was not."""

    model_config = ConfigDict(extra="forbid")

    event: str
    person: str


@router.post("/why/notification")
async def post_why_notification(request: Request, body: NotificationBody, _: Annotated[None, Depends(peers_only)]) -> Response:
    """Tell what a notification follows from, and by which jobs it came."""
    answer = await running(request).store.read_in_thread(lambda connection: why.about_notification(connection, body.notification))
    return json_answer(answer)


@router.post("/why/event")
async def post_why_event(request: Request, body: EventBody, _: Annotated[None, Depends(peers_only)]) -> Response:
    """Tell what a person was told of an event, or why they were not."""
    live, event = running(request), from_wire(body.event.encode())
    subscription = next(each for each in live.parts.subscriptions if each.source == event.source)

    def look(connection: Connection) -> dict[str, Any]:
        return why.about_event(connection, event, body.person, subscription)

    return json_answer(await live.store.read_in_thread(look))
