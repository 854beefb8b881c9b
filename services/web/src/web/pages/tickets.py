"""The list of tickets."""

from dataclasses import dataclass, replace

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from web import people, times
from web.front import PageRoute
from web.listing import TABS, Place, moment
from web.visit import Visit

router = APIRouter(route_class=PageRoute, include_in_schema=False)
LAST = "list"
"""The cookie with the place in the list where the visitor was last: a ticket's page leads back there."""
_LONGEST = 3_500


@router.get("/tickets")
async def list_tickets(request: Request) -> Response:
    visit, place, wrong = Visit(request), Place.of(request.query_params), ""
    narrowed, meant = await _named(visit, place)
    if narrowed is not place and meant is None:
        return visit.go(narrowed.address)
    place = narrowed
    if place.as_of:
        place, wrong = _then(visit, place)
    found, counts, admins = await visit.enter(
        visit.get("tickets", "/api/tickets", place.asked),
        visit.get("tickets", "/api/tickets/counts", {"as_of": place.as_of}),
        people.admins(visit),
    )
    tabs = [
        {"name": tab.name, "href": place.tab(tab), "count": tab.count(counts), "current": place.is_tab(tab)}
        for tab in TABS
        if visit.is_admin or not tab.admin
    ]
    answer = visit.page(
        "tickets.html",
        status=422 if wrong else 200,
        tickets=found["items"],
        place=place,
        kept=place.kept,
        following=place.following(found["next_cursor"]),
        tabs=tabs,
        admins=admins,
        meant=meant,
        all_picked=request.query_params.get("select") == "all",
        then=times.parse(place.as_of) if place.as_of else None,
        wrong_moment=wrong,
        asked_moment=request.query_params.get("as_of", "") if wrong else "",
    )
    if len(place.address) <= _LONGEST:
        answer.set_cookie(LAST, place.address, path="/", httponly=True, samesite="lax", secure=visit.secure)
    return answer


@dataclass(frozen=True, slots=True)
class Meant:
    """A name that several people have, or nobody: `people` are the first of them, each with the list that is filtered by them."""

    name: str
    people: list[tuple[people.Person, str]]


async def _named(visit: Visit, place: Place) -> tuple[Place, Meant | None]:
    """Return the place filtered by those whom the address names in words, as long as it is clear who is meant; else the question."""
    for asked, filtered, role in (("by", "requester", ""), ("to", "assigned_to", "admin")):
        name = visit.request.query_params.get(asked, "").strip()
        if not name:
            continue
        (found,) = await visit.enter(people.called(visit, name, role))
        if len(found) != 1:
            return place, Meant(name, [(person, place.to(**{filtered: person["id"]})) for person in found])
        place = replace(place, filters={**place.filters, filtered: found[0]["id"]}, cursor="", number=1, before=())
    return place, None


def _then(visit: Visit, place: Place) -> tuple[Place, str]:
    """Return the place with its moment as the API takes it, and what is wrong with it; of the future and of none is now.

    Words are searched for in tickets as they are now, so the past is shown without them.
    """
    now = replace(place, as_of="")
    try:
        at = moment(place.as_of, visit.preferences.zone)
    except ValueError:
        return now, "That is no date with a time of day, such as 2026-11-24 09:00."
    if times.parse(at) > visit.now:
        return now, "That is still to come: these are the tickets as they are now."
    return replace(place, as_of=at, filters={name: value for name, value in place.filters.items() if name != "q"}), ""
