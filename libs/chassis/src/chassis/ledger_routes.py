"""What a service shows to the witnesses of its log, and what it says as a witness of others. For peers and for the operator."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from chassis import witnesses
from chassis.answers import json_answer, no_content
from chassis.context import context
from chassis.internal import OPERATOR, Operator, Ours
from chassis.lean import LeanRoute
from chassis.service import Running, running
from chassis.strings import LARGEST_INTEGER
from events.errors import NotFound
from events.witness import Resolve, load

router = APIRouter(prefix="/internal", route_class=LeanRoute, include_in_schema=False)

Count = Annotated[int, Field(ge=0, le=LARGEST_INTEGER)]


class LedgerQuery(BaseModel):
    """`since`: events in the tree that was witnessed last; `leaf`: sequence of an event that was consumed; `origin`: of that store."""

    model_config = ConfigDict(extra="forbid")

    since: Count = 0
    leaf: Count = 0
    origin: Annotated[str, Field(max_length=36)] = ""


class CosignatureBody(BaseModel):
    """A witness's word about the checkpoint over `size` events: a signature line, and the witness's verifier key."""

    model_config = ConfigDict(extra="forbid")

    size: Annotated[int, Field(ge=1, le=LARGEST_INTEGER)]
    key: Annotated[str, Field(max_length=200)]
    line: Annotated[str, Field(max_length=400)]


class ResolveBody(BaseModel):
    """`accept`: take the history as it is now; else it must fit what was witnessed."""

    model_config = ConfigDict(extra="forbid")

    accept: bool = False


@router.get("/ledger")
async def get_ledger(query: Annotated[LedgerQuery, Query()], request: Request, _: Ours) -> Response:
    """Show the newest checkpoint, and that it follows from what the witness knows."""
    return json_answer(await witnesses.show(running(request), since=query.since, leaf=query.leaf, origin=query.origin))


@router.post("/cosignatures")
async def post_cosignature(body: CosignatureBody, request: Request, _: Ours) -> Response:
    """Keep a witness's word about one of our checkpoints."""
    await witnesses.keep_cosignature(running(request), body.size, body.key, body.line)
    return no_content()


@router.get("/witness")
async def get_witness(request: Request, _: Ours) -> Response:
    """Tell what this service has witnessed of each source, and what is wrong."""
    return json_answer({"items": _states(running(request))})


@router.post("/witness")
async def post_witness(request: Request, _: Ours) -> Response:
    """Look at every source now, and tell what came of it."""
    live = running(request)
    for witness in live.witnesses.values():
        await witness.step()
    return json_answer({"items": _states(live)})


@router.post("/witness/{source}/resolve")
async def post_resolve(source: str, body: ResolveBody, request: Request, _: Operator) -> Response:
    """End an alarm; look again at once, and tell what came of that."""
    live = running(request)
    witness = live.witnesses.get(f"/{source}")
    if witness is None:
        raise NotFound(f"The service {live.service.name} is no witness of {source}.")
    anchor = await witnesses.anchor_of(live, witness.source) if body.accept else None
    by = context(request, OPERATOR)
    await live.writer.execute(Resolve(own=live.service.name, source=witness.source, accept=body.accept, by=by, anchor=anchor))
    await witness.step()
    return json_answer({"items": _states(live)})


def _states(live: Running) -> list[dict[str, Any]]:
    with live.store.read() as connection:
        states = [load(connection, source) for source in live.witnesses]
    return [
        {
            "source": state.memory.source,
            "key": state.memory.key or None,
            "origin": state.memory.origin or None,
            "size": state.memory.tree.size,
            "root": state.memory.tree.root.hex(),
            "checked_at": state.checked_at or None,
            "alarm": state.alarm,
            "evidence": state.evidence,
            "trouble": live.witnesses[state.memory.source].trouble,
        }
        for state in states
    ]
