"""The visitor's API tokens."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from web.forms import read_form
from web.front import PageRoute
from web.notices import Notice
from web.refusals import Refused
from web.visit import Visit

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Id = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{1,64}$")]
_HERE = "/account/tokens"
_BLANK: dict[str, Any] = {"name": "", "expires_in_days": "90", "scopes": ["read", "write"]}


@router.get(_HERE)
async def tokens(request: Request) -> Response:
    return await _page(Visit(request))


async def _page(visit: Visit, status: int = 200, **context: Any) -> Response:
    (found,) = await visit.enter(visit.get("auth", "/api/auth/tokens", {"limit": 100}))
    return visit.page(
        "account_tokens.html",
        status=status,
        tokens=found["items"],
        **{"new": None, "values": _BLANK, "problem": None, "errors": {}, **context},
    )


@router.post(_HERE)
async def create(request: Request) -> Response:
    """Make a token. It is shown in the answer itself, which nobody keeps: to send it on to another page it would have to be kept."""
    form, visit = await read_form(request), Visit(request)
    days = form.get("expires_in_days", "")
    values = {"name": form.get("name", ""), "expires_in_days": days, "scopes": form.all("scopes")}
    body = {**values, "expires_in_days": int(days) if days.isascii() and days.isdigit() and len(days) < 6 else 0}
    try:
        answer = await visit.call("POST", "auth", "/api/auth/tokens", body=body)
    except Refused as refused:
        return await _page(visit, refused.status, values=values, problem=refused, errors=refused.errors)
    return await _page(visit, new=answer.json())


@router.post("/account/tokens/{token}/revoke")
async def revoke(request: Request, token: Id) -> Response:
    """Revoke a token. One that is gone already is as good as revoked."""
    await read_form(request)
    visit = Visit(request)
    await visit.drop("auth", f"/api/auth/tokens/{token}")
    return visit.go(_HERE, Notice("The token is revoked: whoever uses it is refused from now on."))
