"""What admins look after."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from web.front import PageRoute
from web.visit import Visit

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/admin")
async def overview(request: Request) -> Response:
    visit = Visit(request)
    people, counts = await visit.enter(
        visit.get("auth", "/api/auth/users", {"limit": 100}),
        visit.get("tickets", "/api/tickets/counts"),
    )
    return visit.page("admin.html", people=people["items"], counts=counts)
