"""What an explanation is made from: the ticket's own events, and what notifier and escalator answer when the desk asks them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, or_, select

from chassis.peers import wires
from chassis.service import Running
from events.catalogue import UnknownType, UnknownVersion
from events.contracts import CATALOGUE
from events.contracts.ticket import TicketEscalated
from events.envelope import COLUMNS, StoredEvent, from_wire
from events.errors import NotFound, Unavailable
from events.fates import fate
from events.tables import events as log
from tickets import queries
from tickets.access import Caller
from tickets.decider import TICKET
from tickets.errors import AdminsOnly, TicketNotFound
from tickets.escalating import Held, why_escalated
from tickets.explaining import Explanation, Eyes, Known, Silence, Story, Told, eyes_on, why_not_told, why_told
from tickets.legible import as_written, legible
from tickets.sentences import Names
from tickets.tables import people
from tickets.units import subject

ME = "me"
_PATIENCE_S = 5.0
_OPENING = "ticket.created"
_MATTERS = sorted((TICKET.types or frozenset()) - {"ticket.edited"})
"""What a chain of causes goes through; texts and notes are read only where they are asked about."""
_PAST = (
    select(*(log.c[name] for name in COLUMNS))
    .where(log.c.subject == bindparam("subject"), or_(log.c.type.in_(_MATTERS), log.c.id == bindparam("event")))
    .order_by(log.c.streamversion)
)
_NAMES = select(people.c.id, people.c.name).where(people.c.id.in_(bindparam("ids", expanding=True)))


@dataclass(frozen=True, slots=True)
class Answer:
    """An explanation, and what the people in it are called."""

    ticket: int
    explanation: Explanation
    names: Names


@dataclass(frozen=True, slots=True)
class Question:
    """Somebody asks why, of one ticket. `own` is their own name, which the desk may not have heard of yet.

    Everything raises Unavailable when a service that has to be asked does not answer, and TicketNotFound when there is no such ticket, or
    when it is not theirs to see.
    """

    live: Running
    ticket: int
    by: Caller
    own: Names

    async def about_notification(self, id_: str) -> Answer:
        """Explain a notification to its recipient or to an admin. Raises NotFound."""
        told = await self._ask_notifier("notification", {"notification": id_})
        said = told["notification"]
        if said is None or said["ticket_id"] != self.ticket or not (self.by.is_admin or said["recipient"] == self.by.id):
            raise NotFound("The ticket has no such notification that you can see.")
        past = await self._past(said["event"])
        return await self._told(past, told, eyes_on(self.by, self._requester()) or "recipient")

    async def about_event(self, id_: str, person: str | None) -> Answer:
        """Explain why somebody was, or was not, told of an event. Others than admins ask for themselves. Raises NotFound, NotPermitted."""
        past = await self._past(id_)
        eyes, cause = eyes_on(self.by, self._requester()), _find(past, id_)
        who = self.by.id if person is None or person == ME else person
        if eyes != "admin" and who != self.by.id:
            raise TicketNotFound(self.ticket) if eyes is None else AdminsOnly("ask why somebody else was told")
        if cause is None or (eyes != "admin" and cause.stored.type == "ticket.note_added"):
            raise TicketNotFound(self.ticket) if eyes is None else NotFound("The ticket has no such event.")
        told = await self._ask_notifier("event", {"event": cause.stored.wire().decode(), "person": who})
        if told["notification"] is not None:
            return await self._told(past, told, eyes or "recipient")
        if eyes is None:
            raise TicketNotFound(self.ticket)
        silence = Silence(reason=told["reason"], told=told["told"], waits=told["waits"])
        story = await self._story(past, await self._others(cause), eyes, [who, *(silence.told or ())])
        return Answer(self.ticket, why_not_told(story, cause, who, silence), story.names)

    async def about_escalation(self, policy: str, level: int) -> Answer:
        """Explain to the requester or to an admin why a level of a policy has escalated the ticket, or why not. Raises NotFound."""
        eyes = eyes_on(self.by, self._requester())
        if eyes is None:
            raise TicketNotFound(self.ticket)
        others, answer = await self._ask_escalator(policy, level)
        asks = [known.stored.sequence for known in others if known.stored.type == "escalation.due"]
        became = await self.live.store.read_in_thread(lambda c: fate(c, "/tickets", "/escalator", asks[-1])) if asks else None
        past = await self._past()  # only now: what followed from the ask may have come meanwhile
        story = await self._story(past, others, eyes)
        held = Held(deadline=answer["deadline"], known=answer["known"], fate=became)
        return Answer(self.ticket, why_escalated(story, policy, level, held, self.live.environment.now()), story.names)

    async def about_escalated(self, id_: str) -> Answer:
        """Explain an escalation to the requester or to an admin, by the event of it that the ticket's history has. Raises NotFound."""
        await self.demand_sight()
        found = _find(await self._past(), id_)
        if found is None or not isinstance(found.event, TicketEscalated):
            raise NotFound("The ticket's history has no such escalation.")
        return await self.about_escalation(found.event.policy, found.event.level)

    async def demand_sight(self) -> None:
        """Raise TicketNotFound unless the ticket is theirs to see."""
        if eyes_on(self.by, self._requester()) is None:
            raise TicketNotFound(self.ticket)

    async def _told(self, past: Sequence[Known], answer: Mapping[str, Any], eyes: Eyes) -> Answer:
        cause = _find(past, answer["notification"]["event"])
        if cause is None:
            raise NotFound("What the notification follows from is no longer part of the ticket's history.")
        told = Told(
            notification=answer["notification"],
            jobs=answer["jobs"],
            by_hand=[_known(from_wire(wire.encode())) for wire in answer["events"]],
        )
        story = await self._story(past, await self._others(cause), eyes, [told.notification["recipient"]], told.by_hand)
        return Answer(self.ticket, why_told(story, cause, told), story.names)

    async def _past(self, event: str = "") -> list[Known]:
        def read(connection: Connection) -> list[Known]:
            with legible(f"the history of ticket {self.ticket}"):
                rows = connection.execute(_PAST, {"subject": subject(self.ticket), "event": event})
                past = [_known(as_written(row)) for row in rows]
                if past and past[0].stored.type != _OPENING:  # of whatever version
                    raise ValueError("The history does not begin with what opened the ticket.")
                return past

        past = await self.live.store.read_in_thread(read)
        if not past:
            raise TicketNotFound(self.ticket)
        return past

    def _requester(self) -> str:
        """Return whose the ticket is: as the desk knows it, since the event that opened it may be newer than what can be read here."""
        with self.live.store.glance() as reader:
            requester = queries.requester_of(reader, self.ticket)
        if requester is None:
            raise TicketNotFound(self.ticket)
        return requester

    async def _others(self, cause: Known) -> list[Known]:
        """Return what the escalator did that led to an event of the ticket: nothing, unless it is an escalation."""
        if not isinstance(cause.event, TicketEscalated):
            return []
        others, _ = await self._ask_escalator(cause.event.policy, cause.event.level)
        return others

    async def _story(
        self, past: Sequence[Known], others: Sequence[Known], eyes: Eyes, ids: Iterable[str] = (), by_hand: Sequence[Known] = ()
    ) -> Story:
        concerned = {*ids, *(id_ for known in (*past, *others, *by_hand) for id_ in _people_of(known))}

        def read(connection: Connection) -> dict[str, str | None]:
            return {row.id: row.name for row in connection.execute(_NAMES, {"ids": sorted(concerned)})}

        names = {**self.own, **await self.live.store.read_in_thread(read)}
        return Story(past, names, eyes, others)

    async def _ask_notifier(self, about: str, body: Mapping[str, Any]) -> dict[str, Any]:
        answer = await self.live.peers.post("notifier", f"/internal/why/{about}", body, within=_PATIENCE_S)
        if answer.status_code != 200:
            raise Unavailable("The service notifier does not answer us.")
        found: dict[str, Any] = answer.json()
        return found

    async def _ask_escalator(self, policy: str, level: int) -> tuple[list[Known], dict[str, Any]]:
        params = {"ticket": self.ticket, "policy": policy, "level": level}
        answer = await self.live.peers.get("escalator", "/internal/why", params=params, within=_PATIENCE_S)
        if answer.status_code != 200:
            raise Unavailable("The service escalator does not answer us.")
        return [_known(from_wire(wire)) for wire in wires(answer.text)], answer.json()


def _known(event: StoredEvent) -> Known:
    try:
        return Known(event, event.decode(CATALOGUE))
    except (UnknownType, UnknownVersion, TypeError):
        return Known(event, None)


def _find(past: Iterable[Known], event: str) -> Known | None:
    return next((known for known in past if known.stored.id == event), None)


def _people_of(known: Known) -> Iterable[str]:
    if known.stored.actorkind != "system":
        yield known.stored.actorid
    for part in ("before", "after"):
        change = getattr(known.event, part, None) or {}
        if isinstance(id_ := change.get("assignee"), str):
            yield id_
