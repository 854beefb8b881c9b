"""Password and sessions of the visitor."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from web.agents import browser
from web.forms import read_form
from web.front import PageRoute
from web.notices import Notice
from web.refusals import Refused
from web.visit import Visit

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Id = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{1,64}$")]
_HERE = "/account/security"


@router.get(_HERE)
async def security(request: Request) -> Response:
    return await _page(Visit(request))


async def _page(visit: Visit, status: int = 200, problem: Refused | None = None) -> Response:
    (found,) = await visit.enter(visit.get("auth", "/api/auth/sessions", {"limit": 100}))
    sessions = sorted(found["items"], key=lambda session: not session["current"])
    shown: list[dict[str, Any]] = [{**session, "browser": browser(session["agent"])} for session in sessions]
    return visit.page("account_security.html", status=status, sessions=shown, problem=problem, errors=problem.errors if problem else {})


@router.post("/account/password")
async def change_password(request: Request) -> Response:
    """Choose another password; the other sessions end."""
    form, visit = await read_form(request), Visit(request)
    body = form.only("current_password", "new_password")
    try:
        await visit.call("POST", "auth", "/api/auth/password", body=body)
    except Refused as refused:
        return await _page(visit, refused.status, refused)
    return visit.go(_HERE, Notice("Your password is changed. Wherever else you were signed in, you are signed out now; API tokens go on."))


@router.post("/account/sessions/end-others")
async def end_others(request: Request) -> Response:
    await read_form(request)
    visit = Visit(request)
    await visit.call("DELETE", "auth", "/api/auth/sessions")
    return visit.go(_HERE, Notice("You are signed out everywhere else."))


@router.post("/account/sessions/{session}/end")
async def end_session(request: Request, session: Id) -> Response:
    """End one of one's sessions. One that is over already is as good as ended."""
    await read_form(request)
    visit = Visit(request)
    await visit.drop("auth", f"/api/auth/sessions/{session}")
    return visit.go(_HERE, Notice("That session is ended."))
