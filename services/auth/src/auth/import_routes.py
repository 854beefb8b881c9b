"""What `ste import` asks of auth: who the people of a history are here."""

import hmac
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.responses import Response

from auth.commands import Role
from auth.importing import ImportPerson
from auth.rules import folded
from auth.schemas import In, Name
from auth.units import SYSTEM
from chassis.answers import json_answer
from chassis.callers import operator_only
from chassis.context import context
from chassis.importing import Past, Refused, Source, check_each, run_each
from chassis.lean import LeanRoute
from chassis.service import Running, running
from events.decider import Context
from events.store import log_head

router = APIRouter(prefix="/internal", route_class=LeanRoute, include_in_schema=False)


class ImportedPerson(In):
    """`at` is when they were first seen."""

    name: Name
    role: Role
    at: Past


class ImportedPeople(In):
    """Each person is checked alone: one who cannot have an account keeps nobody else from one."""

    source: Source
    people: Annotated[list[Any], Field(min_length=1, max_length=100)]


@router.post("/import")
async def import_people(request: Request, body: ImportedPeople, _operator: Annotated[None, Depends(operator_only)]) -> Response:
    """Open accounts for the people of a history, who cannot sign in; each once, however often it is asked.

    Return {"people": […], "head": n}: for each, in order, {"id", "new"} or {"refused": reason}, and the last event of this log, of which
    whoever needs to know these people must have heard.
    """
    desk = running(request)
    by = context(request, SYSTEM, imported=True)
    checked = check_each(ImportedPerson, body.people, by.at)
    done = await run_each(desk.writer, [one if isinstance(one, Refused) else _unit(desk, body.source, one, by) for one in checked])
    people = [one.to_json() if isinstance(one, Refused) else {"id": one.user, "new": one.new} for one in done]
    with desk.store.read() as connection:
        return json_answer({"people": people, "head": log_head(connection).sequence})


def _unit(desk: Running, source: str, person: ImportedPerson, by: Context) -> ImportPerson:
    return ImportPerson(
        source=source,
        digest=_digest(desk, person.name),
        name=person.name,
        role=person.role,
        user=desk.environment.new_id(),
        context=replace(by, at=person.at),
    )


def _digest(desk: Running, name: str) -> str:
    """Return what stands for a name for good: 64 hex digits that only this desk can compute, with a secret that its store cannot lose."""
    return hmac.digest(bytes.fromhex(desk.secrets["pepper"]), b"imported person\0" + folded(name).encode(), "sha256").hex()
