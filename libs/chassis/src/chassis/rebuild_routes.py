"""What `ste rebuild` asks a running service: what it derives, and that a part of it be built anew."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from chassis.answers import json_answer
from chassis.callers import operator_only
from chassis.context import context
from chassis.lean import LeanRoute
from chassis.service import running
from events.envelope import Actor

router = APIRouter(prefix="/internal/projections", route_class=LeanRoute, include_in_schema=False)

OPERATOR = Actor(kind="system", id="operator")
Operator = Annotated[None, Depends(operator_only)]


@router.get("")
async def get_projections(request: Request, _: Operator) -> Response:
    """Tell what is derived here, and how far a building is that runs now."""
    rebuilds = running(request).rebuilds
    progress = rebuilds.progress
    now = None if progress is None else dict(zip(("projection", "position", "until"), progress, strict=True))
    return json_answer({"projections": [each.name for each in rebuilds.materials()], "building": now})


@router.post("/{name}/rebuild")
async def post_rebuild(name: str, request: Request, _: Operator) -> Response:
    """Build the tables anew beside those in use, compare, and make those in use equal. It takes as long as it takes."""
    return json_answer(await running(request).rebuilds.rebuild(name, context(request, OPERATOR)))
