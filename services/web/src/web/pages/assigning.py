"""Whom to give tickets to, where there are too many admins for a choice: all of them, by name and page by page."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from web import people
from web.admins import enter_as_admin
from web.bulk import Step
from web.front import PageRoute
from web.listing import PATH
from web.notices import Notice
from web.pages.ticket import Number
from web.places import local
from web.visit import Visit
from web.words import count

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Fields = list[tuple[str, str]]
NOTHING_CHOSEN = Notice("Choose tickets first, by the boxes in front of them.", "failed")


@dataclass(frozen=True, slots=True)
class Question:
    """What is given away: `subject` in words. It is asked at `here`, the answer goes to `to`, and whoever leaves it goes `back`.

    `fields` go along with every search and every choice, those `sent` with a choice alone. `tickets` are named where they are several: the
    address says which, and anybody may have made it up.
    """

    subject: str
    here: str
    to: str
    back: str
    fields: Fields
    sent: Fields = field(default_factory=list)
    tickets: Sequence[int] = ()


@router.get("/tickets/{ticket}/assign")
async def assign_one(request: Request, ticket: Number) -> Response:
    """Ask for one ticket; `version` is the one that the visitor has seen."""
    visit = Visit(request)
    found, admins = await enter_as_admin(visit, visit.get("tickets", f"/api/tickets/{ticket}"), _asked(visit))
    seen, where = request.query_params.get("version") or str(found["version"]), f"/tickets/{ticket}"
    return _page(visit, admins, Question(f"#{ticket}", f"{where}/assign", f"{where}/assignee", where, [("version", seen)]))


@router.get("/tickets/assign")
async def assign_many(request: Request) -> Response:
    """Ask for those tickets of a list that were chosen there."""
    visit, query = Visit(request), request.query_params
    (admins,) = await enter_as_admin(visit, _asked(visit))
    back = local(query.get("next"), PATH)
    chosen = {step.ticket: text for text in query.getlist("ticket_id") if (step := Step.of(text)) is not None}
    if not chosen:
        return visit.go(back, NOTHING_CHOSEN)
    fields, sent = [("next", back), *(("ticket_id", text) for text in chosen.values())], [("what", "assignee")]
    subject, here, to = count(len(chosen), "ticket"), "/tickets/assign", "/tickets/bulk"
    return _page(visit, admins, Question(subject, here, to, back, fields, sent, tickets=list(chosen)))


async def _asked(visit: Visit) -> people.Found:
    query = visit.request.query_params
    return await people.find_admins(visit, query.get("q", "").strip(), query.get("cursor", ""))


def _page(visit: Visit, admins: people.Found, question: Question) -> Response:
    (found, following), query = admins, visit.request.query_params
    q = query.get("q", "").strip()
    place = [*question.fields, *([("q", q)] if q else [])]
    return visit.page(
        "assign.html",
        admins=found,
        question=question,
        q=q,
        everybody=f"{question.here}?{urlencode(question.fields)}",
        following=f"{question.here}?{urlencode([*place, ('cursor', following)])}" if following else None,
        first=f"{question.here}?{urlencode(place)}" if query.get("cursor") else None,
    )
