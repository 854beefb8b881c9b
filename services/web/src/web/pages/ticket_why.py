"""Why a ticket escalated, or why not."""

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from web.front import PageRoute
from web.visit import Visit

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/tickets/{ticket}/why")
async def why(request: Request, ticket: Annotated[int, Path(ge=1)]) -> Response:
    """The chain from the click to the escalation that `?escalation=<policy>:<level>` names, or to what stands in its way."""
    visit = Visit(request)
    asked = {"escalation": request.query_params.get("escalation", "default")}
    (found,) = await visit.enter(visit.get("tickets", f"/api/tickets/{ticket}/why", asked))
    return visit.page("ticket_why.html", why=found)
