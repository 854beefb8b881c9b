"""The inbox: what the visitor was told, by day, and why."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from chassis.callers import CHECKED
from events.errors import Unavailable
from web.days import by_day
from web.forms import read_form
from web.front import PageRoute
from web.notices import Notice
from web.places import address, local
from web.refusals import Refused
from web.visit import Visit

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Id = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{1,64}$")]
_HERE = "/notifications"
_AHEAD = ("prefetch", "prerender")
"""What browsers say of an address that nobody has opened yet (`Sec-Purpose`, `Purpose`)."""
STATES = {"": "All", "true": "Unread", "false": "Read"}
"""By what the API's `unread` is asked for."""
KINDS = {
    "ticket.assigned": "Assigned to you",
    "ticket.unassigned": "Taken from you",
    "ticket.status_changed": "Your tickets moved on",
    "ticket.escalated": "Escalated",
}


def _filters(query: QueryParams) -> dict[str, str]:
    """Return what the address asks for; what the API would not know is as good as not asked for."""
    known = {"unread": STATES, "kind": KINDS}
    return {name: query[name] for name, values in known.items() if query.get(name) and query[name] in values}


@router.get(_HERE)
async def inbox(request: Request) -> Response:
    visit, query = Visit(request), request.query_params
    filters, cursor = _filters(query), query.get("cursor")
    (found,) = await visit.enter(visit.get("notifier", "/api/notifications", {**filters, "cursor": cursor}))
    return visit.page(
        "inbox.html",
        days=by_day(found["items"], visit.now, visit.preferences.zone),
        state=filters.get("unread", ""),
        kind=filters.get("kind", ""),
        kinds=KINDS,
        tabs=[(name, address(_HERE, filters, unread=value), value) for value, name in STATES.items()],
        here=address(_HERE, filters, cursor=cursor),
        first=address(_HERE, filters) if cursor else None,
        following=address(_HERE, filters, cursor=found["next_cursor"]) if found["next_cursor"] else None,
    )


@router.get("/notifications/{notification}")
async def follow(request: Request, notification: Id) -> Response:
    """Go to the ticket that a notification is about, which is read thereby: unless it was another site that led here, or nobody yet."""
    visit = Visit(request)
    await visit.enter()
    if _is_opened(request):
        try:
            path = f"/api/notifications/{notification}/read"
            await visit.call("PUT", "notifier", path, headers={CHECKED: "same-origin"})
        except (Refused, Unavailable):  # whoever wants to see the ticket is not kept from it by a mark
            pass
    return visit.go(_ticket(request.query_params) or _HERE)


@router.get("/notifications/{notification}/why")
async def why(request: Request, notification: Id) -> Response:
    """Say why somebody was told, from the click that it began with."""
    visit, ticket = Visit(request), _ticket(request.query_params)
    if ticket is None:
        return visit.go(_HERE)
    asked = {"notification": notification}
    (found,) = await visit.enter(visit.get("tickets", f"/api{ticket}/why", asked))
    return visit.page("inbox_why.html", why=found, back=local(request.query_params.get("back"), _HERE))


@router.post("/notifications/read-all")
async def read_all(request: Request) -> Response:
    await read_form(request)
    visit = Visit(request)
    # without a key: asked twice it does no more than once, and a page that was open for a while must not get an old answer
    answer = await visit.call("POST", "notifier", "/api/notifications/read-all")
    updated = answer.json()["updated"]
    said = f"{updated} {'notification is' if updated == 1 else 'notifications are'} marked as read." if updated else "Everything was read."
    return visit.go(_HERE, Notice(said))


@router.post("/notifications/{notification}/{mark}")
async def mark(request: Request, notification: Id, mark: Annotated[str, Path(pattern="^(read|unread)$")]) -> Response:
    """Mark one, and go back to it."""
    form, visit = await read_form(request), Visit(request)
    await visit.call("PUT" if mark == "read" else "DELETE", "notifier", f"/api/notifications/{notification}/read")
    return visit.go(f"{local(form.get('next'), _HERE).partition('#')[0]}#n-{notification}")


def _is_opened(request: Request) -> bool:
    """Whether a person has followed a link of ours: reading marks, and no other site, and no browser that looks ahead, does it for them."""
    ahead: Any = request.headers.get("sec-purpose", request.headers.get("purpose", ""))
    ours = request.headers.get("sec-fetch-site") in ("same-origin", "none")
    return request.method == "GET" and ours and not any(word in ahead for word in _AHEAD)


def _ticket(query: QueryParams) -> str | None:
    """Return the path of the ticket that the address names, None when it names none."""
    number = query.get("ticket", "")
    return f"/tickets/{int(number)}" if number.isascii() and number.isdigit() and len(number) < 19 else None
