"""The escalator's HTTP face. Everything here is the admins'."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from chassis.answers import Answer, json_answer
from chassis.conditional import IfMatch, etag
from chassis.context import context
from chassis.lean import LeanRoute
from chassis.principal import CurrentAdmin
from chassis.service import running
from escalator.commands import ChangePolicies
from escalator.policies import Policies
from escalator.queries import list_deadlines, read_policies
from escalator.schemas import DeadlinesOut, DeadlinesQuery, PoliciesBody, PoliciesOut
from escalator.units import ChangePoliciesUnit

router = APIRouter(prefix="/api/escalations", tags=["escalations"], route_class=LeanRoute)

_TAGGED: dict[int | str, dict[str, Any]] = {
    200: {"headers": {"ETag": {"description": "The version of the set.", "schema": {"type": "string"}}}}
}


@router.get("/policies", response_model=PoliciesOut, responses=_TAGGED)
async def get_policies(request: Request, by: CurrentAdmin) -> Answer:  # noqa: ARG001 (who asks is checked by asking)
    """Return all policies."""
    return _answer(await running(request).store.read_in_thread(read_policies))


@router.put("/policies", response_model=PoliciesOut, responses=_TAGGED)
async def put_policies(request: Request, body: PoliciesBody, by: CurrentAdmin, expected: IfMatch) -> Answer:
    """Replace the policies. The same ones again, in any order, are no change."""
    command = ChangePolicies(policies=[item.policy() for item in body.policies], apply_to_past=body.apply_to_past, expected=expected)
    return _answer(await running(request).writer.execute(ChangePoliciesUnit(command, context(request, by))))


@router.get("/deadlines", response_model=DeadlinesOut)
async def get_deadlines(request: Request, query: Annotated[DeadlinesQuery, Query()], by: CurrentAdmin) -> Answer:  # noqa: ARG001
    """List deadlines, of all tickets or of one, the next first."""
    running_ = running(request)
    bound = {"list": "deadlines", **query.filters()}
    after = running_.sealer.open(query.cursor, bound) if query.cursor is not None else None
    rows = await running_.store.read_in_thread(
        lambda connection: list_deadlines(connection, query.state, after, query.limit + 1, ticket=query.ticket)
    )
    items, more = rows[: query.limit], len(rows) > query.limit
    last = [items[-1][name] for name in ("due_at", "ticket", "policy", "level")] if more else None
    return json_answer(
        {
            "items": [
                {
                    "ticket_id": row["ticket"],
                    "policy": row["policy"],
                    "level": row["level"],
                    "state": row["shown"],
                    "ready": row["ready"],
                    "due_at": row["due_at"],
                    "asked_at": row["asked_at"],
                    "fired_at": row["fired_at"],
                }
                for row in items
            ],
            "next_cursor": running_.sealer.seal(bound, last) if last is not None else None,
        }
    )


def _answer(policies: Policies) -> Answer:
    return json_answer({"policies": [policy.to_data() for policy in policies.current]}, headers={"ETag": etag(policies.version)})
