"""What tickets asks in order to explain why a ticket escalated, or did not: the deadline as it stands, and the events that made it so."""

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import from_json, to_json
from sqlalchemy import Connection, select
from starlette.responses import Response

from chassis.answers import json_answer
from chassis.callers import peers_only
from chassis.lean import LeanRoute
from chassis.service import running
from chassis.strings import LARGEST_INTEGER, Spelled
from escalator.policy import NAME, NAME_RULE
from escalator.tables import deadlines, ticket_copies
from events.catalogue import type_of
from events.contracts.escalation import EscalationDue, EscalationPolicyChanged
from events.envelope import StoredEvent
from events.store import read_stream

router = APIRouter(prefix="/internal", route_class=LeanRoute, include_in_schema=False)

_SHOWN = ("state", "shown", "ready", "due_at", "asked_at", "fired_at")


class WhyQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    ticket: Annotated[int, Field(ge=1, le=LARGEST_INTEGER)]
    policy: Annotated[str, Spelled(NAME, NAME_RULE)]
    level: Annotated[int, Field(ge=1, le=99)]


@router.get("/why")
async def get_why(request: Request, query: Annotated[WhyQuery, Query()], _: Annotated[None, Depends(peers_only)]) -> Response:
    """Tell the asks for a level of a policy, and the changes of the policy that these and today's deadline follow from.

    `deadline` is None where there is none; `known` is the version of the ticket's last event that was come to here, None before the first.
    """
    return json_answer(await running(request).store.read_in_thread(lambda connection: _why(connection, query)))


def _why(connection: Connection, query: WhyQuery) -> bytes:
    asks = [event for event in read_stream(connection, f"ticket/{query.ticket}") if _is_about(event, query)]
    versions = {from_json(event.data)["policy_version"] for event in asks}
    events = [*_changes(read_stream(connection, f"policy/{query.policy}"), versions, query.level), *asks]
    key = (deadlines.c.ticket == query.ticket, deadlines.c.policy == query.policy, deadlines.c.level == query.level)
    deadline = connection.execute(select(*(deadlines.c[name] for name in _SHOWN)).where(*key)).mappings().one_or_none()
    known = connection.scalar(select(ticket_copies.c.version).where(ticket_copies.c.number == query.ticket))
    wires = b",".join(event.wire() for event in events)
    return b'{"events":[%b],"deadline":%b,"known":%b}' % (wires, to_json(dict(deadline) if deadline else None), to_json(known))


def _is_about(event: StoredEvent, query: WhyQuery) -> bool:
    data: dict[str, Any] = from_json(event.data)
    return event.type == type_of(EscalationDue).name and (data["policy"], data["level"]) == (query.policy, query.level)


def _changes(stream: list[StoredEvent], versions: set[int], level: int) -> Iterator[StoredEvent]:
    """Yield the changes of a policy that asks were made under, the last one, and the last one in which it had the level."""
    changes = [(event, from_json(event.data)) for event in stream if event.type == type_of(EscalationPolicyChanged).name]
    there = [event.sequence for event, data in changes if data["after"] is not None and len(data["after"]["levels"]) >= level]
    told = {*there[-1:], *(event.sequence for event, _ in changes[-1:])}
    for event, data in changes:
        if data["version"] in versions or event.sequence in told:
            yield event
