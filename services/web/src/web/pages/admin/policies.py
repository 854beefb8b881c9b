"""Escalation policies: what they do, what another would have done, and changing them."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from web import policy_words, what_if
from web.admins import enter_as_admin
from web.forms import read_form
from web.front import PageRoute
from web.pages.admin.editing import Editing, one, read_policies
from web.policy_form import Draft
from web.refusals import Refused
from web.visit import Visit

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Name = Annotated[str, Path(pattern="^[a-z0-9-]{1,40}$")]


@router.get("/admin/policies")
async def policies(request: Request) -> Response:
    visit = Visit(request)
    ((found, _),) = await enter_as_admin(visit, read_policies(visit))
    return visit.page("admin_policies.html", policies=[(policy, policy_words.told(policy)) for policy in found])


@router.get("/admin/new-policy")
async def new_policy(request: Request) -> Response:
    visit = Visit(request)
    ((_, version),) = await enter_as_admin(visit, read_policies(visit))
    return Editing(visit, None, Draft(zone=visit.preferences.zone.key), version).page()


@router.get("/admin/policies/{name}")
async def policy(request: Request, name: Name) -> Response:
    visit = Visit(request)
    ((found, version),) = await enter_as_admin(visit, read_policies(visit))
    chosen = one(found, name)
    if chosen is None:
        raise Refused(404, "not-found", "Nothing here", f"There is no policy “{name}”, or no longer.")
    return Editing(visit, name, Draft.of(chosen, visit.preferences.zone.key), version).page()


@router.post("/admin/new-policy")
async def make_policy(request: Request) -> Response:
    return await _posted(request, None)


@router.post("/admin/policies/{name}")
async def change_policy(request: Request, name: Name) -> Response:
    return await _posted(request, name)


async def _posted(request: Request, name: str | None) -> Response:
    """Do what the button says that was pressed: a row more or less, a try, saving, or taking the policy away."""
    form, visit = await read_form(request), Visit(request)
    await enter_as_admin(visit)
    action, draft = form.get("do", "try"), Draft.read(form)
    over = form["range"] if form.get("range") in what_if.RANGES else "90"
    editing = Editing(
        visit, name, draft if name is None else replace(draft, name=name), form.get("version", ""), over, form.get("past") == "yes"
    )
    match action:
        case "try":
            return await editing.attempt()
        case "save":
            return await editing.save()
        case "remove" if name is not None:
            return await editing.remove(sure=form.get("sure") == "yes")
        case "json":
            try:
                return replace(editing, draft=editing.draft.from_json(form.get("json", ""))).page()
            except ValueError as error:
                return editing.page(422, errors={"json": str(error)}, typed=form.get("json", ""))
        case _:
            return replace(editing, draft=editing.draft.act(action)).page()
