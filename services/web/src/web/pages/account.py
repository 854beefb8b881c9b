"""The visitor's own account."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from web.forms import read_form
from web.front import PageRoute, front
from web.notices import Notice
from web.preferences import THEME, THEMES, ZONE, zones
from web.visit import Visit

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_YEAR = 365 * 86_400


@router.get("/account")
async def account(request: Request) -> Response:
    visit = Visit(request)
    (sessions,) = await visit.enter(visit.get("auth", "/api/auth/sessions", {"limit": 100}))
    return visit.page("account.html", sessions=sessions["items"], zones=sorted(zones()), themes=THEMES)


@router.post("/account/appearance")
async def change_appearance(request: Request) -> Response:
    form, visit = await read_form(request), Visit(request)
    answer = visit.go("/account", Notice("Saved in this browser."))
    secure = front(request).settings.secure
    for name, known in ((ZONE, zones()), (THEME, THEMES)):
        if form.get(name) in known:
            # scripts read them too: the zone is set by one when the browser comes first
            answer.set_cookie(name, form[name].replace("/", "%2F"), max_age=_YEAR, path="/", samesite="lax", secure=secure)
    return answer
