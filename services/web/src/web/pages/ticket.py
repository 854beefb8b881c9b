"""One ticket: its text, what is known of it, its notes, its history; as it is, and as it was."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from web import diffs, people, timeline
from web.front import PageRoute
from web.listing import PATH
from web.pages.tickets import LAST
from web.places import local
from web.refusals import Refused
from web.visit import Visit

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Number = Annotated[int, Path(ge=1)]
_MOMENTS = ("version", "at", "as_of")
_HISTORY = 50
_ASKED_FOR = 10
"""Of how many people who once had the ticket the names are asked for on one page."""


@router.get("/tickets/{ticket}")
async def show(request: Request, ticket: Number) -> Response:
    """The ticket; with `version`, `at` or `as_of` as it was then, which nobody can change."""
    visit, query = Visit(request), request.query_params
    moment = {name: query[name] for name in _MOMENTS if query.get(name)}
    return await _then(visit, ticket, moment) if moment else await page(visit, ticket)


async def page(visit: Visit, number: int, status: int = 200, **context: Any) -> Response:
    """Return the page of a ticket; `context` says what became of a form that did not go through."""
    query, here = visit.request.query_params, f"/api/tickets/{number}"
    found, history, notes, admins, deadlines = await visit.enter(
        visit.get("tickets", here),
        visit.get("tickets", f"{here}/history", {"limit": _HISTORY, "cursor": query.get("history")}),
        _notes(visit, number),
        people.admins(visit),
        visit.maybe("escalator", "/api/escalations/deadlines", {"ticket": number, "state": "pending", "limit": 10}),
    )
    assert visit.me is not None
    entries = await asyncio.to_thread(timeline.with_changes, history["items"])  # many long texts take a while to compare
    return visit.page(
        "ticket.html",
        status=status,
        ticket=found,
        days=timeline.days(entries, visit.now, visit.preferences.zone),
        names=await _names(visit, number, entries, found["requester"], found["assignee"], *admins.offered),
        more_history=history["next_cursor"],
        earlier=bool(query.get("history")),
        notes=notes,
        assignees=_assignees(admins, found["assignee"]),
        mine=found["requester"]["id"] == visit.me["id"],
        next_level=_next_level(found, deadlines),
        back=_back(visit),
        **{"problem": None, "errors": {}, "values": {}, "tried": None, **context},
    )


async def _notes(visit: Visit, number: int) -> Any:
    """Return a page of the notes, None for whoever may not read them. Raises as `Visit.get` does otherwise."""
    asked = {"limit": 100, "cursor": visit.request.query_params.get("notes")}
    try:
        return await visit.get("tickets", f"/api/tickets/{number}/notes", asked)
    except Refused as refused:
        if refused.status != 403:
            raise
        return None


async def _then(visit: Visit, number: int, moment: dict[str, str]) -> Response:
    here = f"/api/tickets/{number}"
    was, now = await visit.enter(visit.get("tickets", here, moment), visit.get("tickets", here))
    changed = [name for name in ("title", "body") if was[name] and now[name] and was[name] != now[name]]
    return visit.page(
        "ticket_then_part.html" if visit.request.query_params.get("part") else "ticket_then.html",
        ticket=was,
        current=now,
        since={name: diffs.shown(diffs.between(was[name], now[name])) for name in changed},
        back=_back(visit),
    )


async def _names(visit: Visit, number: int, entries: list[timeline.Entry], *known: Any) -> dict[str, str | None]:
    """Return the names of all who have or had the ticket; those of who had it once are asked for with the ticket as it was then."""
    found = timeline.names(entries, *known)
    asked = list(timeline.strangers(entries, found).items())[:_ASKED_FOR]
    then = await asyncio.gather(*(visit.maybe("tickets", f"/api/tickets/{number}", {"at": sequence}) for _, sequence in asked))
    return {**found, **{was["assignee"]["id"]: was["assignee"]["name"] for was in then if was and was["assignee"]}}


def _assignees(admins: people.Admins, assignee: dict[str, Any] | None) -> list[tuple[str, str]]:
    """Return whom the ticket can be given to; who has it stands first, also when they are no admin any more."""
    return admins.choices(*([(assignee["id"], assignee["name"] or "erased person")] if assignee else []))


def _next_level(ticket: dict[str, Any], deadlines: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the deadline at which the ticket escalates next if nothing happens; None when none waits for its time alone."""
    waiting = [item for item in (deadlines or {"items": []})["items"] if item.get("ready", ticket["status"] == "open")]
    return waiting[0] if waiting else None


def _back(visit: Visit) -> str:
    """Return the place in the list where the visitor was last."""
    found = local(visit.request.cookies.get(LAST, "").strip('"'), PATH)
    return found if found.partition("?")[0] == PATH else PATH
