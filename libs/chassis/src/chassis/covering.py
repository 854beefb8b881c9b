"""Checkpoints that cover what somebody has of a log: an existing one, or one that is signed now because it is asked for. For peers."""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from chassis.answers import json_answer
from chassis.internal import Ours
from chassis.lean import LeanRoute
from chassis.service import Running, running
from chassis.strings import LARGEST_INTEGER
from events.checkpoints import signer_of
from events.exports import Covered
from events.proving import LogBroken

router = APIRouter(prefix="/internal", route_class=LeanRoute, include_in_schema=False)


class CoverBody(BaseModel):
    """The event of our log that the checkpoint is to cover."""

    model_config = ConfigDict(extra="forbid")

    sequence: Annotated[int, Field(ge=1, le=LARGEST_INTEGER)]


@router.post("/cover")
async def post_cover(body: CoverBody, request: Request, _: Ours) -> Response:
    """Give a checkpoint over an event, with the keys that verify it."""
    return json_answer((await covering(running(request), body.sequence)).told())


async def covering(live: Running, sequence: int) -> Covered:
    """Return a checkpoint of our own over an event; where there is none, it is signed now. Raises LogBroken when there is no such event."""
    vouched, keys = await live.prover.checkpoint_over(sequence), live.keys
    named = [keys.first, *(word.key for word in vouched.words)]
    try:
        signer = signer_of(vouched.note, keys.all)
    except ValueError as error:
        raise LogBroken from error
    return Covered(live.service.source, vouched.size, vouched.cosigned, named, keys.rotations[:signer])
