"""The proof file of a ticket over HTTP. Admins only: they give it to whom it concerns."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response, StreamingResponse

from chassis.lean import LeanRoute
from chassis.principal import CurrentAdmin
from chassis.problems import responses
from chassis.service import running
from chassis.strings import Flag
from tickets import reading
from tickets.answers import PROVED, ProofOut
from tickets.proof import BROKEN, proof_of
from tickets.schemas import Number

router = APIRouter(prefix="/api/audit", route_class=LeanRoute, tags=["audit"])


class ProofQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    ticket: Number
    notes: Annotated[Flag, Field(description="Whether the bodies of notes, which only admins read, are in it.")] = False


@router.get("/proof", response_model=ProofOut, responses={**PROVED, **responses("not-found", BROKEN, "unavailable")})
async def get_proof(request: Request, query: Annotated[ProofQuery, Query()], by: CurrentAdmin) -> Response:
    """Prove a ticket's events against a signed checkpoint, in one file that anybody verifies offline.

    It has all the events of the ticket so far, in order, each with its path in the tree. Where a personal part was erased, and for notes
    unless they are asked for, there is a digest only. `ste audit verify-proof FILE` verifies it, and so does docs/verify_proof.py, which
    needs nothing of ours.
    """
    proof = await proof_of(running(request), query.ticket, notes=query.notes)
    await reading.note(request, by, "proof", {"ticket": query.ticket, "notes": query.notes or None})
    pages = proof.pages()
    first = [await anext(pages), await anext(pages)]  # what is wrong so far is told as a problem, and not in the middle of a file

    async def whole() -> AsyncIterator[bytes]:
        for part in first:
            yield part
        async for part in pages:
            yield part

    headers = {"cache-control": "no-store", "content-disposition": f'attachment; filename="ticket-{query.ticket}-proof.json"'}
    return StreamingResponse(whole(), media_type="application/json", headers=headers)
