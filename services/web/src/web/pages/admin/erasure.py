"""Taking a person out of the desk for good, and how far that is."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from web.admins import enter_as_admin
from web.forms import read_form
from web.front import PageRoute
from web.pages.admin.people import Id
from web.refusals import Refused
from web.visit import Visit

router = APIRouter(route_class=PageRoute, include_in_schema=False)
KINDS = {
    "events": ("event", "events"),
    "journal": ("copy of an event", "copies of events"),
    "tickets": ("ticket", "tickets"),
    "notes": ("note", "notes"),
    "notifications": ("notification", "notifications"),
    "sessions": ("session", "sessions"),
    "tokens": ("API token", "API tokens"),
    "jobs": ("job", "jobs"),
}
"""What services say they found something in: the singular and the plural. Others are shown by their own name."""


@router.get("/admin/people/{person}/erase")
async def ask(request: Request, person: Id) -> Response:
    return await _page(Visit(request), person)


async def _page(visit: Visit, person: str, status: int = 200, **context: Any) -> Response:
    (found,) = await enter_as_admin(visit, visit.get("auth", f"/api/auth/users/{person}"))
    if found["name"] is None:
        return visit.go(f"/admin/people/{person}/erasure")
    shown = {"person": found, "problem": None, "typed": "", "form_key": None, **context}
    return visit.page("admin_erase.html", status=status, **shown)


@router.post("/admin/people/{person}/erase")
async def erase(request: Request, person: Id) -> Response:
    form, visit = await read_form(request), Visit(request)
    typed = form.get("email", "").strip()
    try:
        await visit.call("POST", "auth", f"/api/auth/users/{person}/erase", body={"email": typed}, headers={"Idempotency-Key": form.key})
    except Refused as refused:
        if refused.status not in (409, 422):
            raise
        return await _page(visit, person, refused.status, problem=refused, typed=typed)
    return visit.go(f"/admin/people/{person}/erasure")


@router.get("/admin/people/{person}/erasure")
async def progress(request: Request, person: Id) -> Response:
    """How far every service is; asked for again by the browser until all are done."""
    visit = Visit(request)
    (found,) = await enter_as_admin(visit, visit.get("auth", f"/api/auth/users/{person}/erasure"))
    return visit.page("admin_erasure.html", erasure=found, kinds=KINDS)
