"""How people are called, for what shows ids to an operator."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.responses import Response

from auth.queries import find_user
from auth.schemas import In
from chassis.answers import json_answer
from chassis.callers import ours_only
from chassis.lean import LeanRoute
from chassis.service import running

MOST = 100

router = APIRouter(prefix="/internal", route_class=LeanRoute, include_in_schema=False)

Ours = Annotated[None, Depends(ours_only)]


class Ids(In):
    ids: Annotated[list[str], Field(max_length=MOST)]


@router.post("/names")
async def post_names(request: Request, body: Ids, _: Ours) -> Response:
    """Return {"names": {id: name}}: of whom there is, and whose name was not erased."""
    with running(request).store.read() as connection:
        found = [find_user(connection, id_) for id_ in dict.fromkeys(body.ids)]
    return json_answer({"names": {account.id: account.name for account in found if account is not None and account.name}})
