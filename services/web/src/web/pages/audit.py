"""The audit log."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from web.front import PageRoute
from web.visit import Visit

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/audit")
async def audit(request: Request) -> Response:
    visit = Visit(request)
    (found,) = await visit.enter(visit.get("tickets", "/api/audit", {"cursor": request.query_params.get("cursor")}))
    return visit.page("audit.html", entries=found["items"], following=found["next_cursor"])
