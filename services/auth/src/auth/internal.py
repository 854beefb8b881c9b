"""What the desk's own services and the operator ask of auth. The gateway routes none of it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from auth.access import may_sign_in
from auth.commands import Register
from auth.demo import DEMO_PASSWORD, PEOPLE, DemoUnit, address_of
from auth.dependencies import parts_of
from auth.queries import find_credential, find_user, is_empty
from auth.rules import email_key
from auth.schemas import Question, Registration, UserOut, user_out
from auth.units import SYSTEM, RegisterUnit
from chassis.answers import json_answer
from chassis.callers import operator_only, ours_only, peers_only
from chassis.context import context
from chassis.lean import LeanRoute
from chassis.principal import Credential
from chassis.problems import responses
from chassis.service import running

router = APIRouter(prefix="/internal", route_class=LeanRoute, tags=["internal"], include_in_schema=False)

Peer = Annotated[None, Depends(peers_only)]
Operator = Annotated[None, Depends(operator_only)]
Ours = Annotated[None, Depends(ours_only)]


@router.post("/principal")
async def find_principal(request: Request, body: Question, _peer: Peer) -> Response:
    """Return {"principal": {…} or null}: whose credential that is at this moment."""
    found = await parts_of(running(request)).presence.resolve(Credential(body.kind, body.digest), body.address, body.agent)
    return json_answer({"principal": found.to_json() if found else None})


@router.post("/users/admin", status_code=201, response_model=UserOut, responses=responses("email-taken", "unavailable"))
async def create_admin(request: Request, body: Registration, _operator: Operator) -> Response:
    """Open an account with the role `admin`: the first one, or one more."""
    desk = running(request)
    hashed = await parts_of(desk).passwords.hash(body.password)
    command = Register(user=desk.environment.new_id(), name=body.name, email=body.email, role="admin")
    account = await desk.writer.execute(RegisterUnit(command=command, hash=hashed, context=context(request, SYSTEM)))
    return json_answer(user_out(account), 201)


@router.get("/demo")
async def get_demo(request: Request, _ours: Ours) -> Response:
    """Return {"known": [e-mail, …]}: the demo's accounts with which anybody who has read the README could sign in now."""
    desk = running(request)
    known = []
    for email in map(address_of, PEOPLE):
        with desk.store.read() as connection:
            found = find_credential(connection, email_key(email))
            account = find_user(connection, found.user) if found else None
        if found and account and may_sign_in(account) and await parts_of(desk).passwords.matches(DEMO_PASSWORD, found.hash):
            known.append(email)
    return json_answer({"known": known})


@router.post("/demo")
async def make_demo(request: Request, _ours: Ours) -> Response:
    """Open the demo's accounts if nobody has one yet. Returns {"users": {"admina": id, …}} of those that are there."""
    desk = running(request)
    with desk.store.read() as connection:
        empty = is_empty(connection)
    # one hash for all of them: their password is no secret, and the first start should not wait for six
    hashed = await parts_of(desk).passwords.hash(DEMO_PASSWORD) if empty else None
    unit = DemoUnit(hash=hashed, new_id=desk.environment.new_id, context=context(request, SYSTEM, imported=True))
    return json_answer({"users": await desk.writer.execute(unit)})
