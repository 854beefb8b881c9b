"""The inbox: what the visitor was told."""

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from web.forms import read_form
from web.front import PageRoute
from web.places import local
from web.visit import Visit

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Id = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{1,64}$")]


@router.get("/notifications")
async def inbox(request: Request) -> Response:
    visit, query = Visit(request), request.query_params
    unread = query.get("unread") == "true"
    asked = {"unread": "true" if unread else None, "cursor": query.get("cursor")}
    (found,) = await visit.enter(visit.get("notifier", "/api/notifications", asked))
    return visit.page("inbox.html", items=found["items"], following=found["next_cursor"], unread_only=unread)


@router.post("/notifications/read-all")
async def read_all(request: Request) -> Response:
    await read_form(request)
    visit = Visit(request)
    await visit.call("POST", "notifier", "/api/notifications/read-all")
    return visit.go("/notifications")


@router.post("/notifications/{notification}/{mark}")
async def mark(request: Request, notification: Id, mark: Annotated[str, Path(pattern="^(read|unread)$")]) -> Response:
    form, visit = await read_form(request), Visit(request)
    await visit.call("PUT" if mark == "read" else "DELETE", "notifier", f"/api/notifications/{notification}/read")
    return visit.go(local(form.get("next"), "/notifications"))
