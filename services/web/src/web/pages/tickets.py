"""The list of tickets, and new ones."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from web.forms import read_form
from web.front import PageRoute
from web.notices import Notice
from web.refusals import Refused
from web.visit import Visit

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_ASKED = ("status", "priority", "assigned_to", "requester", "escalated", "q", "sort")
"""What the list can be asked for, as the API names it."""


@dataclass(frozen=True, slots=True)
class Tab:
    """A saved filter. `counted` names its number in the API's counts."""

    name: str
    filters: dict[str, str]
    counted: str
    admin: bool = False


TABS = (
    Tab("Open", {"status": "open"}, "open"),
    Tab("In progress", {"status": "in_progress"}, "in_progress"),
    Tab("Mine", {"assigned_to": "me"}, "assigned_to_me", admin=True),
    Tab("Unassigned", {"assigned_to": "none"}, "unassigned", admin=True),
    Tab("Escalated", {"escalated": "true"}, "escalated"),
    Tab("Resolved", {"status": "resolved"}, "resolved"),
    Tab("All", {}, ""),
)


def asked_of(query: QueryParams) -> dict[str, str]:
    """Return the filters that the address names, without what is empty."""
    return {name: query[name].strip() for name in _ASKED if query.get(name, "").strip()}


def address(filters: dict[str, str], **changes: str | None) -> str:
    """Return the address of the list with these filters, some of them changed; None takes one away."""
    found = {name: value for name, value in {**filters, **changes}.items() if value}
    return "/tickets" + (f"?{urlencode(found)}" if found else "")


@router.get("/tickets")
async def list_tickets(request: Request) -> Response:
    visit, filters = Visit(request), asked_of(request.query_params)
    asked = {**filters, "cursor": request.query_params.get("cursor")}
    found, counts = await visit.enter(
        visit.get("tickets", "/api/tickets", asked),
        visit.get("tickets", "/api/tickets/counts"),
    )
    tabs = [
        {"name": tab.name, "href": address(tab.filters), "count": counts.get(tab.counted), "current": _chosen(filters) == tab.filters}
        for tab in TABS
        if visit.is_admin or not tab.admin
    ]
    return visit.page(
        "tickets.html",
        tickets=found["items"],
        following=address(filters, cursor=found["next_cursor"]) if found["next_cursor"] else None,
        first=address(filters) if request.query_params.get("cursor") else None,
        filters=filters,
        tabs=tabs,
        address=address,
    )


def _chosen(filters: dict[str, str]) -> dict[str, str]:
    """Return those of the filters by which a tab is known."""
    return {name: value for name, value in filters.items() if name in ("status", "assigned_to", "escalated")}


@router.get("/tickets/new")
async def new_ticket(request: Request) -> Response:
    visit = Visit(request)
    await visit.enter()
    return visit.page("new_ticket.html", values={"title": "", "body": "", "priority": "normal"}, errors={}, problem=None, form_key=None)


@router.post("/tickets/new")
async def open_ticket(request: Request) -> Response:
    form, visit = await read_form(request), Visit(request)
    values: dict[str, Any] = {"title": form.get("title", ""), "body": form.get("body", ""), "priority": form.get("priority", "normal")}
    try:
        answer = await visit.call("POST", "tickets", "/api/tickets", body=values, headers={"Idempotency-Key": form.key})
    except Refused as refused:
        await visit.enter()
        shown = {"values": values, "errors": refused.errors, "problem": refused, "form_key": form.key}
        return visit.page("new_ticket.html", status=refused.status, **shown)
    number = answer.json()["id"]
    return visit.go(f"/tickets/{number}", Notice(f"Ticket #{number} is open. You will hear here when something happens."))
