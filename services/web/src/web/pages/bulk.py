"""Many tickets at once: given to somebody, moved to a status, and back."""

import asyncio
import hmac
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from events.errors import Unavailable
from web import bulk, people
from web.bulk import FIELDS, MOST, Outcome, Step, What
from web.forms import read_form
from web.front import PageRoute, front
from web.pages.assigning import NOTHING_CHOSEN
from web.places import local
from web.refusals import Refused
from web.visit import Visit
from web.words import STATUSES

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_AT_ONCE = 8
_STALE = 412
_BODIES = {"status": "status", "assignee": "assignee_id"}


@router.post("/tickets/bulk")
async def change_many(request: Request) -> Response:
    """Change the tickets that a list's form chose, or take the steps that a result's form names."""
    form, visit = await read_form(request), Visit(request)
    back = local(form.get("next"), "/tickets")
    what = FIELDS.get(form.get("what", ""))
    if what == "assignee" and form.get("assignee_id") == people.ANOTHER:
        return visit.go(f"/tickets/assign?{urlencode([('next', back), *(('ticket_id', text) for text in form.all('ticket_id'))])}")
    if what is None or (what == "status" and "step_id" not in form and form.get("status") not in STATUSES):
        raise Refused(422, "invalid", "Nothing to do", "Choose what is to become of the tickets.")
    steps = bulk.steps(form.all("step_id")) if "step_id" in form else bulk.chosen(form.all("ticket_id"), what, form.get(_BODIES[what], ""))
    if not steps:
        return visit.go(back, NOTHING_CHOSEN)
    if len(steps) > MOST:
        raise Refused(422, "invalid", "Too many at once", f"Up to {MOST} tickets can be changed at once.")
    await visit.enter()
    turns = asyncio.Semaphore(_AT_ONCE)
    outcomes = await asyncio.gather(*(_take(visit, turns, what, step) for step in steps))
    return visit.go(bulk.address(what, outcomes, _seal(visit, what, outcomes)))


@router.get("/tickets/bulk")
async def result(request: Request) -> Response:
    """What became of each ticket, and the way back for those that nobody has changed since."""
    visit, query = Visit(request), request.query_params
    what, outcomes = FIELDS.get(query.get("what", "")), bulk.outcomes(query.getlist("t"))[:MOST]
    await visit.enter()
    if what is None or not outcomes:
        return visit.go("/tickets")
    ours = hmac.compare_digest(query.get("seal", "").encode(), _seal(visit, what, outcomes).encode())
    turns = asyncio.Semaphore(_AT_ONCE)
    tickets = await asyncio.gather(*(_look(visit, turns, outcome.step.ticket) for outcome in outcomes))
    rows = [
        {"outcome": outcome, "ticket": ticket, "undo": bulk.undoing(outcome, ticket["version"] if ticket else None)}
        for outcome, ticket in zip(outcomes, tickets, strict=True)
    ]
    return visit.page(
        "tickets_bulk.html", what=what, rows=rows, undo=[row["undo"] for row in rows if row["undo"] and ours and visit.is_admin]
    )


def _seal(visit: Visit, what: What, outcomes: Sequence[Outcome]) -> str:
    assert visit.me is not None
    return bulk.seal(front(visit.request).secrets["services"], visit.me["id"], what, outcomes)


async def _take(visit: Visit, turns: asyncio.Semaphore, what: What, step: Step) -> Outcome:
    path, body = f"/api/tickets/{step.ticket}", {_BODIES[what]: step.after or None}
    async with turns:
        try:
            answer = await visit.call("PUT", "tickets", f"{path}/{what}", body=body, headers={"If-Match": f'"{step.version}"'})
            version = answer.json()["version"]
            return Outcome(Step(step.ticket, version, step.before, step.after), "done" if version > step.version else "already")
        except Refused as refused:
            if refused.status != _STALE:
                return Outcome(step, "refused", refused.slug)
            return await _overtaken(visit, what, step)
        except Unavailable:
            return Outcome(step, "unknown")


async def _overtaken(visit: Visit, what: What, step: Step) -> Outcome:
    """Return whether the ticket was changed by others since it was chosen, or by this very form, which somebody has sent twice."""
    assert visit.me is not None
    history = await visit.maybe("tickets", f"/api/tickets/{step.ticket}/history", {"limit": 100})
    if history is None or history["next_cursor"] or not bulk.is_by(history["items"], step, what, visit.me["id"]):
        return Outcome(step, "stale")
    return Outcome(Step(step.ticket, step.version + 1, step.before, step.after), "done")


async def _look(visit: Visit, turns: asyncio.Semaphore, number: int) -> Any:
    async with turns:
        return await visit.maybe("tickets", f"/api/tickets/{number}")
