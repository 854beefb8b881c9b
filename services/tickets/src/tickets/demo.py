"""A few tickets for the demo, on an empty store: through the ordinary commands, all or none, marked as imported."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from chassis.answers import json_answer
from chassis.callers import ours_only
from chassis.lean import LeanRoute
from chassis.service import running
from events.decider import Context, Key, Transaction
from events.envelope import Actor
from tickets.acquaintance import know
from tickets.commands import AddNote, AssignTicket, ChangeStatus, Priority, Status
from tickets.schemas import Id, In
from tickets.units import NUMBERS, PERSON, Change, Note, Open


@dataclass(frozen=True, slots=True)
class Told:
    """One ticket of the demo. People are named as in the demo's accounts."""

    by: str
    title: str
    body: str
    priority: Priority = "normal"
    assignee: str | None = None
    status: Status = "open"
    note: str | None = None


STORY = (
    Told(
        "usera",
        "The printer on the second floor smokes",
        "It began this morning, in tray 2. I have switched it off and put up a sign.",
        priority="high",
        assignee="admina",
        status="in_progress",
        note="The fuser is gone; a spare part comes on Thursday.",
    ),
    Told("userb", "VPN drops every few minutes", "Since the update last week, at home and on the train.", priority="urgent"),
    Told(
        "userc",
        "A laptop for our new colleague",
        "She starts on Monday and needs the usual programs.",
        assignee="adminb",
        status="resolved",
    ),
    Told("userd", "A typo on the start page of the intranet", "It says “Wellcome”.", priority="low"),
    Told("usera", "No access to the calendar of the team", "I can see it, but I cannot add anything.", assignee="adminb"),
)


@dataclass(frozen=True, slots=True)
class Known:
    """A person of the demo, as the caller of a command."""

    id: str
    is_admin: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """Tells the whole story in one transaction, unless there are tickets already. Returns how many tickets it opened."""

    users: Mapping[str, str]
    context: Context
    notes: tuple[str, ...]

    def reads(self) -> Iterable[Key]:
        return [NUMBERS, *((PERSON, id_) for id_ in self.users.values())]

    def run(self, tx: Transaction) -> int:
        if tx.state(NUMBERS):
            return 0
        for told, note in zip(STORY, self.notes, strict=True):
            self._tell(tx, told, note)
        return len(STORY)

    def _tell(self, tx: Transaction, told: Told, note: str) -> None:
        requester = self._known(told.by)
        opening = Open(title=told.title, body=told.body, priority=told.priority, by=requester, context=self._as(requester))
        number = opening.run(tx).number
        handler = self._known(told.assignee or "admina")
        if told.assignee is not None:
            Change(command=AssignTicket(ticket=number, to=handler.id, by=handler), context=self._as(handler)).run(tx)
        Change(command=ChangeStatus(ticket=number, to=told.status, by=handler), context=self._as(handler)).run(tx)
        if told.note is not None:
            Note(command=AddNote(ticket=number, note=note, body=told.note, by=handler), context=self._as(handler)).run(tx)

    def _known(self, name: str) -> Known:
        return Known(self.users[name], is_admin=name.startswith("admin"))

    def _as(self, person: Known) -> Context:
        return Context(actor=Actor(kind="user", id=person.id), at=self.context.at, correlation=self.context.correlation, imported=True)


class DemoUsers(In):
    """The demo's accounts: name before the @ to id."""

    users: dict[str, Id]


router = APIRouter(prefix="/internal", route_class=LeanRoute, include_in_schema=False)


@router.post("/demo")
async def tell(request: Request, body: DemoUsers, _ours: Annotated[None, Depends(ours_only)]) -> Response:
    """Open the demo's tickets once auth has told of its people. Raises Unavailable when it does not do so soon."""
    desk = running(request)
    needed = {told.by for told in STORY} | {told.assignee for told in STORY if told.assignee} | {"admina"}
    if not needed <= body.users.keys():
        return json_answer({"tickets": 0})
    await know(desk, [body.users[name] for name in sorted(needed)])
    context = Context(actor=Actor(kind="system", id=desk.service.name), at=desk.environment.now())
    notes = tuple(desk.environment.new_id() for _ in STORY)
    return json_answer({"tickets": await desk.writer.execute(Demo(users=body.users, context=context, notes=notes))})
