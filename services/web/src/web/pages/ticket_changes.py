"""What is done with a ticket; and what becomes of it when the ticket is no longer what the form was made from.

A form carries the version that it was made from, so that nobody's change is overwritten unseen. When the desk has a newer one, whoever sent
the form sees both and chooses; unless it says already what they wanted, as after a double click.
"""

import asyncio
import re
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from web import people, timeline
from web.conflicts import FIELDS, merge
from web.diffs import between, shown
from web.forms import Form, read_form
from web.front import PageRoute
from web.notices import Notice
from web.pages.ticket import Number, page
from web.refusals import Refused
from web.visit import Visit

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_NUMBER = re.compile("[0-9]{1,18}")
_STALE = 412
_TRIES = 3
_BODIES = {"status": "status", "priority": "priority", "assignee": "assignee_id"}
_SAVED = Notice("Your changes are saved.")


@router.post("/tickets/{ticket}/edit")
async def edit(request: Request, ticket: Number) -> Response:
    form, visit = await read_form(request), Visit(request)
    values = form.only(*FIELDS)
    try:
        await visit.call("PATCH", "tickets", f"/api/tickets/{ticket}", body=values, headers=_expected(form))
    except Refused as refused:
        if refused.status == _STALE:
            return await _merged(visit, ticket, form, values)
        return await page(visit, ticket, refused.status, problem=refused, errors=refused.errors, values=values, tried="edit")
    return visit.go(f"/tickets/{ticket}", _SAVED)


async def _merged(visit: Visit, number: int, form: Form, values: dict[str, str]) -> Response:
    """Save an edit beside what others have changed meanwhile; where both changed the same, show both, and let the person choose."""
    here = f"/api/tickets/{number}"
    for _ in range(_TRIES):
        now, base, history = await visit.enter(
            visit.get("tickets", here),
            visit.maybe("tickets", here, {"version": _version(form)}),
            visit.get("tickets", f"{here}/history", {"limit": 100}),
        )
        found = merge(values, base, now)
        if not found.changes:
            return visit.go(f"/tickets/{number}", _SAVED)
        if found.clashes:
            break
        try:
            await visit.call("PATCH", "tickets", here, body=found.changes, headers={"If-Match": f'"{now["version"]}"'})
        except Refused as refused:
            if refused.status == _STALE:
                continue  # changed once more
            return await page(visit, number, refused.status, problem=refused, errors=refused.errors, values=values, tried="edit")
        return visit.go(f"/tickets/{number}", Notice("Your changes are saved, beside what had changed meanwhile."))
    return visit.page(
        "ticket_stale_edit.html",
        status=_STALE,
        ticket=now,
        mine=found.mine,
        diffs={name: shown(between(now[name], found.mine[name])) for name in found.changes},
        since=await _since(history, form),
        names=timeline.names(history["items"], now["assignee"], now["requester"]),
    )


@router.post("/tickets/{ticket}/status")
async def change_status(request: Request, ticket: Number) -> Response:
    return await _change(request, ticket, "status")


@router.post("/tickets/{ticket}/priority")
async def change_priority(request: Request, ticket: Number) -> Response:
    return await _change(request, ticket, "priority")


@router.post("/tickets/{ticket}/assignee")
async def assign(request: Request, ticket: Number) -> Response:
    return await _change(request, ticket, "assignee")


async def _change(request: Request, ticket: int, what: str) -> Response:
    form, visit = await read_form(request), Visit(request)
    if what == "assignee" and form.get("assignee_id") == people.ANOTHER:
        return visit.go(f"/tickets/{ticket}/assign?version={_version(form) or ''}")
    wanted = form.get(_BODIES[what]) or (None if what == "assignee" else "")
    try:
        await visit.call("PUT", "tickets", f"/api/tickets/{ticket}/{what}", body={_BODIES[what]: wanted}, headers=_expected(form))
    except Refused as refused:
        if refused.status == _STALE:
            return await _overtaken(visit, ticket, what, wanted, form)
        return await page(visit, ticket, refused.status, problem=refused, errors=refused.errors, tried=what)
    return visit.go(f"/tickets/{ticket}", Notice(f"The {what} is changed."))


async def _overtaken(visit: Visit, number: int, what: str, wanted: str | None, form: Form) -> Response:
    """Show what has changed since the form was made, and let the person choose; unless it is as they wanted it already."""
    here = f"/api/tickets/{number}"
    now, history, known = await visit.enter(
        visit.get("tickets", here),
        visit.get("tickets", f"{here}/history", {"limit": 100}),
        people.name_of(visit, wanted if what == "assignee" else None),
    )
    is_so = (now["assignee"] or {"id": None})["id"] if what == "assignee" else now[what]
    if is_so == wanted:
        return visit.go(f"/tickets/{number}", Notice(f"The {what} is changed."))
    return visit.page(
        "ticket_stale.html",
        status=_STALE,
        ticket=now,
        what=what,
        field=_BODIES[what],
        wanted=wanted,
        since=await _since(history, form),
        names={**timeline.names(history["items"], now["assignee"], now["requester"]), **known},
    )


@router.post("/tickets/{ticket}/notes")
async def add_note(request: Request, ticket: Number) -> Response:
    form, visit = await read_form(request), Visit(request)
    values, headers = {"body": form.get("body", "")}, {"Idempotency-Key": form.key}
    try:
        await visit.call("POST", "tickets", f"/api/tickets/{ticket}/notes", body=values, headers=headers)
    except Refused as refused:
        shown_again: dict[str, Any] = {"problem": refused, "errors": refused.errors, "values": values, "tried": "note"}
        return await page(visit, ticket, refused.status, **shown_again)
    return visit.go(f"/tickets/{ticket}#notes", Notice("The note is added; only admins see it."))


def _expected(form: Form) -> dict[str, str]:
    """Return the version that the form was made from, so that nobody's change is overwritten unseen."""
    version = _version(form)
    return {"If-Match": f'"{version}"'} if version else {}


def _version(form: Form) -> int | None:
    sent = form.get("version", "")
    return int(sent) if _NUMBER.fullmatch(sent) else None


async def _since(history: dict[str, Any], form: Form) -> list[timeline.Entry]:
    """Return what has happened since the form was made, as far as that is known: of a long history nothing is said."""
    version = _version(form)
    if history["next_cursor"] or not version:
        return []
    return await asyncio.to_thread(timeline.with_changes, timeline.since(history["items"], version))  # many long texts take a while
