"""What `ste import` asks of the desk: to let happen what happened elsewhere."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.responses import Response

from chassis.answers import json_answer
from chassis.callers import operator_only
from chassis.context import request_id
from chassis.importing import Past, Refused, Source, check_each, run_each
from chassis.lean import LeanRoute
from chassis.service import Running, running
from chassis.strings import LARGEST_INTEGER, Text
from tickets.acquaintance import know
from tickets.commands import Priority, Status
from tickets.importing import Imported, ImportRow, Opened, Row, There, look
from tickets.schemas import Body, Id, In, NoteBody, Title

router = APIRouter(prefix="/internal", route_class=LeanRoute, include_in_schema=False)


class Opening(In):
    requester: Id
    at: Past
    title: Title
    body: Body

    def past(self) -> Opened:
        return Opened(requester=self.requester, at=self.at, title=self.title, body=self.body)


class ImportedRow(In):
    """What is left out, the row says nothing of; an `assignee` of null takes the ticket from whoever has it."""

    number: Annotated[str, Text(1, 200)]
    row: Annotated[str, Text(1, 64)]
    at: Past
    by: Id
    opening: Opening | None = None
    status: Status | None = None
    priority: Priority | None = None
    assignee: Id | None = None
    note: NoteBody | None = None

    def past(self) -> Row:
        """Return the row as units take it."""
        return Row(
            number=self.number,
            key=self.row,
            at=self.at,
            by=self.by,
            opened=self.opening.past() if self.opening is not None else None,
            status=self.status,
            priority=self.priority,
            assignment={"to": self.assignee} if "assignee" in self.model_fields_set else {},
            note=self.note,
        )


class ImportedRows(In):
    """Each row is checked alone. `heard` is the event of auth after which everybody in them is known."""

    source: Source
    heard: Annotated[int, Field(ge=0, le=LARGEST_INTEGER)]
    rows: Annotated[list[Any], Field(min_length=1, max_length=100)]


@router.post("/import")
async def import_rows(request: Request, body: ImportedRows, _operator: Annotated[None, Depends(operator_only)]) -> Response:
    """Let happen what the rows say, in their order, once however often it is asked. Nobody's limits are spent.

    Return {"rows": […]}: for each, in order, {"ticket", "new", "events"} or {"refused": reason}.
    """
    desk = running(request)
    checked = [one if isinstance(one, Refused) else one.past() for one in check_each(ImportedRow, body.rows, desk.environment.now())]
    rows = [one for one in checked if isinstance(one, Row)]
    await know(desk, {id_ for row in rows for id_ in row.people()}, heard=body.heard)
    with desk.store.read() as connection:
        there = look(connection, body.source, rows)
    if len(there.outcomes) == len(checked):  # all of it is in: an import that is begun again passes it quickly
        return _told(there.outcomes)
    units = [one if isinstance(one, Refused) else _unit(desk, body.source, one, there, request_id(request)) for one in checked]
    return _told(await run_each(desk.writer, units))


def _unit(desk: Running, source: str, row: Row, there: There, correlation: str) -> ImportRow:
    ticket = there.tickets.get(row.number)
    return ImportRow(source=source, row=row, ticket=ticket, note=desk.environment.new_id(), correlation=correlation)


def _told(outcomes: Sequence[Imported | Refused]) -> Response:
    return json_answer({"rows": [one.to_json() if isinstance(one, Refused) else one._asdict() for one in outcomes]})
