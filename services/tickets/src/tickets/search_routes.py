"""The audit for the operator's `ste audit search`: the same list as the API's, behind the operator's secret, and recorded like it."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from chassis.internal import OPERATOR, Operator
from chassis.lean import LeanRoute
from chassis.listing import listing
from chassis.service import running
from tickets import reading, trail, views
from tickets.schemas import AuditQuery

router = APIRouter(prefix="/internal", route_class=LeanRoute, include_in_schema=False)


@router.get("/audit")
async def search(request: Request, query: Annotated[AuditQuery, Query()], _: Operator) -> Response:
    """List who did what, over all services, newest first."""
    asked, sought = listing(request, query, list="audit search"), query.sought()
    store = running(request).store
    entries = await store.read_in_thread(lambda connection: trail.entries(connection, sought, limit=asked.fetch, after=asked.after))
    await reading.note(request, OPERATOR, "search", query.filters())
    return asked.answer(entries, lambda entry: views.entry(entry, {}), trail.key_of)
