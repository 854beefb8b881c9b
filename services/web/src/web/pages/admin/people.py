"""The people of the desk: who they are, what they may, and whether they can come in."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from web.admins import enter_as_admin
from web.forms import read_form
from web.front import PageRoute
from web.notices import Notice
from web.places import address
from web.refusals import Refused
from web.visit import Visit

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Id = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{1,64}$")]
_CHOICES = {"role": ("", "user", "admin"), "active": ("", "true", "false"), "can_sign_in": ("", "true", "false")}


@router.get("/admin/people")
async def people(request: Request) -> Response:
    visit, filters = Visit(request), asked_of(request.query_params)
    cursor = request.query_params.get("cursor", "")
    (found,) = await enter_as_admin(visit, visit.get("auth", "/api/auth/users", {**filters, "cursor": cursor}))
    following = found["next_cursor"]
    return visit.page(
        "admin_people.html",
        people=found["items"],
        sought=filters,
        following=address("/admin/people", filters, cursor=following) if following else None,
        first=address("/admin/people", filters) if cursor else None,
    )


def asked_of(query: QueryParams) -> dict[str, str]:
    """Return all filters by name, "" for those that the address does not name, or that are none of the choices."""
    found = {name: query.get(name, "") if query.get(name) in values else "" for name, values in _CHOICES.items()}
    return {"q": query.get("q", "").strip()[:200], **found}


@router.get("/admin/people/{person}")
async def person(request: Request, person: Id) -> Response:
    return await _page(Visit(request), person)


async def _page(visit: Visit, person: str, status: int = 200, problem: Refused | None = None) -> Response:
    """Return the page of a person; `problem` is what became of a form that did not go through."""
    found, erasure, tickets = await enter_as_admin(
        visit,
        visit.get("auth", f"/api/auth/users/{person}"),
        visit.maybe("auth", f"/api/auth/users/{person}/erasure"),
        visit.maybe("tickets", "/api/tickets", {"requester": person, "limit": 1}),
    )
    assert visit.me is not None
    shown = {"person": found, "erasure": erasure, "writes": bool(tickets and tickets["items"]), "myself": visit.me["id"] == found["id"]}
    return visit.page("admin_person.html", status=status, problem=problem, **shown)


@router.get("/admin/people/{person}/role")
async def ask_role(request: Request, person: Id) -> Response:
    """Say what another role changes, before it does."""
    visit = Visit(request)
    found, tickets = await enter_as_admin(
        visit,
        visit.get("auth", f"/api/auth/users/{person}"),
        visit.maybe("tickets", "/api/tickets", {"assigned_to": person, "limit": 1}),
    )
    if found["name"] is None:
        return visit.go(f"/admin/people/{person}")
    assert visit.me is not None
    to = "user" if found["role"] == "admin" else "admin"
    has = tickets is None or bool(tickets["items"])
    return visit.page("admin_role.html", person=found, to=to, has=has, myself=visit.me["id"] == found["id"])


@router.post("/admin/people/{person}/role")
async def change_role(request: Request, person: Id) -> Response:
    form, visit = await read_form(request), Visit(request)
    role = form.get("role", "")
    said = {"admin": "They are an admin now.", "user": "They are no admin any more."}.get(role)
    if said is None:
        raise Refused(422, "invalid", "Nothing to do", "Choose what they are to be: an admin, or a customer.")
    return await _change(visit, person, {"role": role}, said)


@router.get("/admin/people/{person}/activity")
async def ask_activity(request: Request, person: Id) -> Response:
    """Say what a deactivation ends, before it does."""
    return await _sure(Visit(request), person, "activity")


@router.post("/admin/people/{person}/activity")
async def change_activity(request: Request, person: Id) -> Response:
    form, visit = await read_form(request), Visit(request)
    active = form.get("active") == "true"
    said = "They can sign in again." if active else "They are out: sessions and tokens have ended, and they cannot sign in."
    return await _change(visit, person, {"active": active}, said)


async def _change(visit: Visit, person: str, body: dict[str, Any], said: str) -> Response:
    try:
        await visit.call("PATCH", "auth", f"/api/auth/users/{person}", body=body)
    except Refused as refused:
        if refused.status not in (409, 422):
            raise
        return await _page(visit, person, refused.status, refused)
    await visit.look_around()
    if visit.me is not None and not visit.is_admin:
        return visit.go("/tickets", Notice("You are no admin any more."))
    return visit.go(f"/admin/people/{person}", Notice(said))


@router.get("/admin/people/{person}/two-factor")
async def ask_two_factor(request: Request, person: Id) -> Response:
    """Say what is gone with the second factor, before it is."""
    return await _sure(Visit(request), person, "two-factor")


async def _sure(visit: Visit, person: str, what: str) -> Response:
    """Ask once more; of whom there is nothing to end any more only the page is shown."""
    (found,) = await enter_as_admin(visit, visit.get("auth", f"/api/auth/users/{person}"))
    if found["name"] is None or (what == "activity" and not found["active"]):
        return visit.go(f"/admin/people/{person}")
    assert visit.me is not None
    return visit.page("admin_sure.html", person=found, what=what, myself=visit.me["id"] == found["id"])


@router.post("/admin/people/{person}/two-factor")
async def reset_two_factor(request: Request, person: Id) -> Response:
    """Take the second factor from somebody who lost it."""
    await read_form(request)
    visit = Visit(request)
    try:
        await visit.call("DELETE", "auth", f"/api/auth/users/{person}/two-factor")
    except Refused as refused:
        if refused.status not in (403, 409):
            raise
        return await _page(visit, person, refused.status, refused)
    return visit.go(f"/admin/people/{person}", Notice("Two-factor sign-in is off for them, and their sessions have ended."))
