"""`what if`: a simulation over HTTP, for admins and for `ste simulate`."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from sqlalchemy import Connection
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from chassis.callers import operator_only
from chassis.lean import LeanRoute
from chassis.principal import CurrentAdmin
from chassis.problems import responses
from chassis.service import Running
from escalator.policy import Policy, check_one
from escalator.queries import read_policies
from escalator.schemas import SimulateBody, SimulationOut
from escalator.simulating import Found, GivenUp, Simulator
from escalator.simulation import Question
from events import positions
from events.errors import Invalid, Unavailable
from events.forms import demand
from events.times import from_text, to_text

TICKETS = "/tickets"
PATIENCE = 10.0
"""Seconds in which what happened before the question must have come here."""
_LOOK = 0.05

Operator = Annotated[None, Depends(operator_only)]


def routers(live: Running) -> list[APIRouter]:
    """Return the routes of a service that lives; they share the one simulation that may run at a time."""
    simulator = Simulator(live.store.read)
    public = APIRouter(prefix="/api/escalations", tags=["escalations"], route_class=LeanRoute)
    internal = APIRouter(prefix="/internal/escalations", route_class=LeanRoute, include_in_schema=False)

    @public.post("/simulate", response_model=SimulationOut, responses=responses("unavailable"))
    async def simulate(request: Request, body: SimulateBody, by: CurrentAdmin) -> Response:  # noqa: ARG001 (who asks is checked by asking)
        """Say what a policy would have escalated in the past, beside what those of today would have. It changes nothing.

        Both are taken as if they had always been there, over all tickets that there were, imported ones too. One simulation runs at a
        time; it ends when nobody waits for its answer any more.
        """
        return await _answer(live, simulator, request, body)

    @internal.post("/simulate")
    async def simulate_for_ste(request: Request, body: SimulateBody, _: Operator) -> Response:
        """Say the same to the operator."""
        return await _answer(live, simulator, request, body)

    return [public, internal]


async def _answer(live: Running, simulator: Simulator, request: Request, body: SimulateBody) -> Response:
    policy, since, until = body.policy.policy(), from_text(body.since), from_text(body.until)
    check_one(policy, ("body", "policy"))
    if until <= since:
        raise Invalid("The range is empty.", [(("body", "until"), "must be later than since")])
    now = live.environment.now()
    await _hear_all(live)
    policies = await live.store.read_in_thread(partial(_current, live))
    question = Question(policy, policies, since, min(until, now))
    try:
        findings = await simulator.run(question, partial(_gone, request), live.stopping.wait)
    except GivenUp:
        if live.stopping.is_set():
            raise Unavailable("The service is going down. Ask again in a moment.", 2) from None
        raise ClientDisconnect from None
    about = {"policy": policy.name, "compared_with": [each.name for each in policies]}
    return Found({**about, "since": body.since, "until": to_text(question.until)}, findings)


def _current(live: Running, connection: Connection) -> list[Policy]:
    """Return the policies of today. Raises Unavailable while the past is being laid out anew."""
    for subscription in live.parts.subscriptions:
        demand(connection, subscription)
    return list(read_policies(connection).current)


async def _hear_all(live: Running) -> None:
    """Wait until the history of tickets that there is now has come here; where tickets cannot be asked, what is here must do.

    Raises Unavailable when it does not come.
    """
    try:
        answer = await live.peers.get(TICKETS.strip("/"), "/internal/caught-up")
    except Unavailable:
        return
    head = answer.json()["head"] if answer.status_code == 200 else 0
    waited = 0.0
    while (missing := head - await live.store.read_in_thread(_heard)) > 0:
        if waited >= PATIENCE:
            raise Unavailable(f"{missing} events of tickets have not come here yet; ste doctor says why.", int(PATIENCE))
        await live.environment.sleep(_LOOK)
        waited += _LOOK


def _heard(connection: Connection) -> int:
    return positions.load(connection, TICKETS).sequence


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
