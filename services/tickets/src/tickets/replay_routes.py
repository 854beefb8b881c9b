"""The journal for the operator's `ste replay`: by the plain numbers of its positions, as a restore takes them."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field
from sqlalchemy import Connection
from starlette.responses import Response

from chassis.answers import json_answer
from chassis.internal import OPERATOR, Operator
from chassis.lean import LeanRoute
from chassis.service import running
from chassis.strings import LARGEST_INTEGER
from tickets import feed, reading
from tickets.dependencies import parts
from tickets.feed import Part
from tickets.feed_answers import FeedQuery

router = APIRouter(prefix="/internal/journal", route_class=LeanRoute, include_in_schema=False)


class ReplayQuery(FeedQuery):
    position: Annotated[int, Field(ge=0, le=LARGEST_INTEGER)] = 0
    """The events that follow it are asked for; it takes the place of `after`."""


@router.get("")
async def get_journal(request: Request, query: Annotated[ReplayQuery, Query()], _: Operator) -> Response:
    """Return what follows a position, how far that looked, and the last position that there is; that it was read is recorded."""
    bounds = feed.page(query.limit)

    def read(connection: Connection) -> bytes:
        return _page(feed.read(connection, query.position, query.wanted(), bounds))

    await reading.note(request, OPERATOR, "feed", query.filters())
    async with parts(request).readers.reading:
        return json_answer(await running(request).store.read_in_thread(read))


def _page(part: Part) -> bytes:
    items = b",".join(b'{"position":%d,"event":%b}' % (event.position, event.wire) for event in part.found)
    return b'{"items":[%b],"next":%d,"head":%d}' % (items, part.at, part.head)
