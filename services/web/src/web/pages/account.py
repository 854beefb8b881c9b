"""The visitor's own account: who they are, how they see the desk, and how they hear of things."""

from collections.abc import Iterable
from itertools import groupby

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from web.forms import read_form
from web.front import PageRoute
from web.notices import Notice
from web.preferences import THEME, THEMES, ZONE, zones
from web.visit import Visit

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_YEAR = 365 * 86_400


@router.get("/account")
async def account(request: Request) -> Response:
    visit = Visit(request)
    (told,) = await visit.enter(visit.maybe("notifier", "/api/notifications/preferences"))
    return visit.page("account.html", zones=by_region(zones()), themes=THEMES, told=told)


@router.post("/account/appearance")
async def change_appearance(request: Request) -> Response:
    """Keep colours and time zone in the browser."""
    form, visit = await read_form(request), Visit(request)
    await visit.enter()
    answer = visit.go("/account", Notice("Saved in this browser."))
    for name, known in ((ZONE, zones()), (THEME, THEMES)):
        if form.get(name) in known:
            # scripts read them too: the zone is set by one when the browser comes first
            answer.set_cookie(name, form[name].replace("/", "%2F"), max_age=_YEAR, path="/", samesite="lax", secure=visit.secure)
    return answer


@router.post("/account/notifications")
async def change_notifications(request: Request) -> Response:
    """Say whether one wants mail."""
    form, visit = await read_form(request), Visit(request)
    wanted = form.get("email") == "yes"
    await visit.call("PUT", "notifier", "/api/notifications/preferences", body={"email": wanted})
    said = "You get an e-mail for each notification." if wanted else "You get no more e-mail. The bell still tells you."
    return visit.go("/account", Notice(said))


def by_region(names: Iterable[str]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return time zones by the first part of their names: (region, [(name, the rest as people write it)]), those without one last."""
    pairs = sorted((name.partition("/") for name in names), key=lambda parts: (not parts[1], parts))
    groups = groupby(pairs, key=lambda parts: parts[0] if parts[1] else "Other")
    return [(region, [("".join(parts), (parts[2] or parts[0]).replace("_", " ")) for parts in group]) for region, group in groups]
