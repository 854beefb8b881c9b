"""Two tiny services on the chassis: `tickets` opens tickets and moves them, `notifier` listens. Callers are made up; the rest is real."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, func, insert, select
from starlette.responses import Response, StreamingResponse

from chassis.answers import Answer, json_answer
from chassis.conditional import IfMatch, etag
from chassis.context import context
from chassis.idempotency import Idempotency, answer_once
from chassis.lean import LeanRoute
from chassis.principal import Credential, CurrentPrincipal, Principal
from chassis.problems import responses
from chassis.quotas import Quota, reads, spend
from chassis.service import Parts, Running, Service, running
from chassis.strings import Text
from events.contracts.ticket import TicketCreated, TicketStatusChanged
from events.decider import Context, Fact, Fold, Key, Transaction
from events.errors import NotFound, Stale
from events.handling import Subscription, one_by_one
from events.projections import Recorded

router = APIRouter(prefix="/api/demo", route_class=LeanRoute)
HEARD = Table("heard", MetaData(), Column("sequence", Integer, primary_key=True), Column("subject", String(140)))
HEAR = insert(HEARD)
POISON = "poison"
QUOTA = 10

PEOPLE = {
    Credential.of("session", name): Principal(
        kind="user", id=name, name=name.title(), email=f"{name}@example.com", role=role, session=f"session-of-{name}"
    )
    for name, role in (("anna", "user"), ("bert", "user"), ("carla", "admin"))
}
COOKIE = {name: {"cookie": f"sid={name}"} for name in ("anna", "bert", "carla")}


async def who(credential: Credential, _address: str, _agent: str) -> Principal | None:
    return PEOPLE.get(credential)


@dataclass(frozen=True)
class Ticket:
    number: int
    requester: str
    status: str
    version: int


class TicketOut(BaseModel):
    number: int
    requester: str
    status: str
    version: int


class TicketIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: Annotated[str, Text(1, 200)]


class StatusIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    status: Annotated[str, Text(1, 20)]


def evolve(state: Ticket | None, fact: Fact) -> Ticket | None:
    match fact.event:
        case TicketCreated(number=number, requester=requester, status=status):
            return Ticket(number, requester, status, 1)
        case TicketStatusChanged(after={"status": after}):
            assert state is not None
            return Ticket(state.number, state.requester, after, state.version + 1)
    return state


@dataclass(frozen=True)
class Create:
    title: str
    by: Context
    quotas: tuple[Quota, ...]

    def reads(self) -> Iterable[Key]:
        return [("counter", "ticket"), *reads(self.quotas)]

    def run(self, tx: Transaction) -> Ticket:
        spend(tx, self.quotas)
        number = tx.state(("counter", "ticket")) + 1
        tx.put(("counter", "ticket"), number)
        made = TicketCreated(requester=self.by.actor.id, assignee=None, number=number, priority="normal", status="open", title=self.title)
        result: Ticket = tx.append(f"ticket/{number}", [made], self.by)
        return result


@dataclass(frozen=True)
class Move:
    number: int
    to: str
    by: Context
    expected: int | None

    def reads(self) -> Iterable[Key]:
        return [("stream", f"ticket/{self.number}")]

    def run(self, tx: Transaction) -> Ticket:
        ticket: Ticket | None = tx.stream(f"ticket/{self.number}").state
        if ticket is None:
            raise NotFound("There is no such ticket.")
        if self.expected not in (None, ticket.version):
            raise Stale(ticket.version)
        if ticket.status == self.to:
            return ticket
        moved = TicketStatusChanged(requester=ticket.requester, assignee=None, before={"status": ticket.status}, after={"status": self.to})
        result: Ticket = tx.append(f"ticket/{self.number}", [moved], self.by)
        return result


def answer(ticket: Ticket, status: int = 200) -> Answer:
    out = TicketOut(number=ticket.number, requester=ticket.requester, status=ticket.status, version=ticket.version)
    return json_answer(out, status, {"etag": etag(ticket.version)})


@router.post("/tickets", status_code=201, response_model=TicketOut, responses=responses("too-many-requests"))
async def post_ticket(body: TicketIn, by: CurrentPrincipal, request: Request, _: Idempotency) -> Response:
    quota = Quota(f"tickets/{by.id}", QUOTA, 3600)
    unit = Create(body.title, context(request, by), (quota,))
    return await answer_once(running(request), request, by, unit, lambda ticket: answer(ticket, 201))


@router.put("/tickets/{ticket}/status", response_model=TicketOut)
async def put_status(
    ticket: Annotated[int, Path(ge=1)], body: StatusIn, by: CurrentPrincipal, expected: IfMatch, request: Request
) -> Response:
    return answer(await running(request).writer.execute(Move(ticket, body.status, context(request, by), expected)))


@router.get("/stream", responses={200: {"content": {"text/event-stream": {}}}})
async def get_stream(by: CurrentPrincipal, request: Request) -> Response:
    return StreamingResponse(_stream(running(request), by), media_type="text/event-stream")


async def _stream(live: Running, by: Principal) -> AsyncIterator[str]:
    """Say hello, and end when the service stops or the caller is revoked."""
    revoked = live.principals.watch(by)
    yield f"event: hello\ndata: {by.id}\n\n"
    ends = [asyncio.create_task(event.wait()) for event in (live.stopping, revoked)]
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in ends:
            task.cancel()
    yield "event: bye\ndata:\n\n"


@router.get("/forever", responses={200: {"content": {"text/event-stream": {}}}})
async def get_forever() -> Response:
    """Never end: what a stream must not do, and what the service must survive."""

    async def never() -> AsyncIterator[str]:
        yield "event: hello\n\n"
        await asyncio.Event().wait()

    return StreamingResponse(never(), media_type="text/event-stream")


@router.get("/slow")
async def get_slow(request: Request) -> Response:
    """Answer once the service is told to stop: a request that is in flight then."""
    await running(request).stopping.wait()
    return json_answer({"finished": True})


def hear(tx: Transaction, recorded: Recorded) -> None:
    if recorded.event.title == POISON:
        raise RuntimeError("This one cannot be heard.")
    tx.write(HEAR, {"sequence": recorded.stored.sequence, "subject": recorded.stored.subject})


def overhear(_tx: Transaction, _recorded: Recorded) -> None:
    """Nothing follows; but it waits behind what could not be heard."""


def heard(connection: Connection) -> dict[str, float]:
    return {"heard": float(connection.scalar(select(func.count()).select_from(HEARD)) or 0)}


def build_tickets(_: Running) -> Parts:
    return Parts(routers=[router], resolver=who)


def build_notifier(_: Running) -> Parts:
    handlers = {"ticket.created": one_by_one(hear), "ticket.status_changed": one_by_one(overhear)}
    hears = Subscription(source="/tickets", handlers=handlers)
    return Parts(subscriptions=[hears], figures=heard, resolver=who)


TICKETS_FOLD: Fold[Any] = Fold(None, evolve)
TICKETS = Service(
    name="tickets",
    title="Demonstration",
    description="A tiny desk.",
    migrations="tests.integration.chassis.migrations",
    folds={"ticket": TICKETS_FOLD},
    build=build_tickets,
)
NOTIFIER = Service(
    name="notifier",
    title="Listener",
    description="It hears of every ticket.",
    migrations="tests.integration.chassis.migrations",
    build=build_notifier,
)
