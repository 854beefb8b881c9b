"""One ticket: its text, what is known of it, its notes, its history; and what can be done with it."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from web.forms import Form, read_form
from web.front import PageRoute
from web.notices import Notice
from web.refusals import Refused
from web.visit import Visit

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Number = Annotated[int, Path(ge=1)]
_ADMINS = {"role": "admin", "active": "true", "limit": 100}


@router.get("/tickets/{ticket}")
async def show(request: Request, ticket: Number) -> Response:
    return await _page(Visit(request), ticket)


async def _page(visit: Visit, number: int, status: int = 200, **context: Any) -> Response:
    """Return the page of a ticket; `context` says what became of a form that did not go through."""
    found, history, notes, admins = await visit.enter(
        visit.get("tickets", f"/api/tickets/{number}"),
        visit.get("tickets", f"/api/tickets/{number}/history", {"limit": 100}),
        visit.maybe("tickets", f"/api/tickets/{number}/notes", {"limit": 100}),
        visit.maybe("auth", "/api/auth/users", _ADMINS),
    )
    assert visit.me is not None
    return visit.page(
        "ticket.html",
        status=status,
        ticket=found,
        history=history["items"],
        notes=notes["items"] if notes else None,
        admins=[person for person in (admins["items"] if admins else []) if person["can_sign_in"]],
        mine=found["requester"]["id"] == visit.me["id"],
        **{"problem": None, "errors": {}, "values": {}, "tried": None, **context},
    )


@router.post("/tickets/{ticket}/edit")
async def edit(request: Request, ticket: Number) -> Response:
    form, visit = await read_form(request), Visit(request)
    values = {"title": form.get("title", ""), "body": form.get("body", "")}
    try:
        await visit.call("PATCH", "tickets", f"/api/tickets/{ticket}", body=values, headers=_expected(form))
    except Refused as refused:
        return await _page(visit, ticket, refused.status, problem=refused, errors=refused.errors, values=values, tried="edit")
    return visit.go(f"/tickets/{ticket}", Notice("Your changes are saved."))


@router.post("/tickets/{ticket}/status")
async def change_status(request: Request, ticket: Number) -> Response:
    return await _change(request, ticket, "status", "status")


@router.post("/tickets/{ticket}/priority")
async def change_priority(request: Request, ticket: Number) -> Response:
    return await _change(request, ticket, "priority", "priority")


@router.post("/tickets/{ticket}/assignee")
async def assign(request: Request, ticket: Number) -> Response:
    return await _change(request, ticket, "assignee", "assignee_id")


async def _change(request: Request, ticket: int, what: str, name: str) -> Response:
    form, visit = await read_form(request), Visit(request)
    body = {name: form.get(name) or (None if what == "assignee" else "")}
    try:
        await visit.call("PUT", "tickets", f"/api/tickets/{ticket}/{what}", body=body, headers=_expected(form))
    except Refused as refused:
        return await _page(visit, ticket, refused.status, problem=refused, errors=refused.errors, tried=what)
    return visit.go(f"/tickets/{ticket}", Notice(f"The {what} is changed."))


@router.post("/tickets/{ticket}/notes")
async def add_note(request: Request, ticket: Number) -> Response:
    form, visit = await read_form(request), Visit(request)
    values, headers = {"body": form.get("body", "")}, {"Idempotency-Key": form.key}
    try:
        await visit.call("POST", "tickets", f"/api/tickets/{ticket}/notes", body=values, headers=headers)
    except Refused as refused:
        shown = {"problem": refused, "errors": refused.errors, "values": values, "tried": "note"}
        return await _page(visit, ticket, refused.status, **shown)
    return visit.go(f"/tickets/{ticket}#notes", Notice("The note is added; only admins see it."))


def _expected(form: Form) -> dict[str, str]:
    """Return the version that the form was made from, so that nobody's change is overwritten unseen."""
    version = form.get("version", "")
    return {"If-Match": f'"{version}"'} if version.isdecimal() else {}
