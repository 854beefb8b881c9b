"""A new ticket."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from web.forms import read_form
from web.front import PageRoute
from web.notices import Notice
from web.refusals import Refused
from web.visit import Visit

router = APIRouter(route_class=PageRoute, include_in_schema=False)


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
