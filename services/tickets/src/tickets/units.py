"""Commands as units of the writer: what each reads, and what comes of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chassis import quotas
from chassis.quotas import Quota
from events.decider import Context, Key, Stream, Transaction
from events.erasures import PersonErased
from events.errors import NotSignedIn
from tickets.access import Caller
from tickets.commands import AddNote, AssignTicket, ChangePriority, ChangeStatus, EditTicket, OpenTicket, Priority
from tickets.decider import Ticket, decide

NUMBERS: Key = ("counter", "ticket")
PERSON = "person"
HOUR_S = 3600
_UNTOLD = Stream(0, None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """Opens a ticket under the next number. `limits` are spent in the same transaction."""

    title: str
    body: str
    priority: Priority
    by: Caller
    context: Context
    limits: Sequence[Quota] = ()

    def reads(self) -> Iterable[Key]:
        return [NUMBERS, *quotas.reads(self.limits)]

    def run(self, tx: Transaction) -> Ticket:
        quotas.spend(tx, self.limits)
        number = int(tx.state(NUMBERS)) + 1
        tx.put(NUMBERS, number)
        tx.put(("stream", subject(number)), _UNTOLD)  # a number that was never given has no events: nothing need be read to know that
        command = OpenTicket(number=number, title=self.title, body=self.body, priority=self.priority, by=self.by)
        ticket: Ticket = _append(tx, subject(number), decide(command, None), self.context)
        return ticket


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Changes a ticket, and returns it as this very command leaves it."""

    command: EditTicket | ChangeStatus | ChangePriority | AssignTicket
    context: Context

    def reads(self) -> Iterable[Key]:
        yield "stream", subject(self.command.ticket)
        if isinstance(self.command, AssignTicket) and self.command.to is not None:
            yield PERSON, self.command.to

    def run(self, tx: Transaction) -> Ticket:
        command, about = self.command, subject(self.command.ticket)
        candidate = tx.state((PERSON, command.to)) if isinstance(command, AssignTicket) and command.to is not None else None
        ticket: Ticket = tx.stream(about).state
        events = decide(command, ticket, candidate)
        return _append(tx, about, events, self.context) if events else ticket


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A note as it was stored."""

    id: str
    body: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Adds a note to a ticket."""

    command: AddNote
    context: Context

    def reads(self) -> Iterable[Key]:
        return [("stream", subject(self.command.ticket))]

    def run(self, tx: Transaction) -> Written:
        about = subject(self.command.ticket)
        stream = tx.stream(about)
        tx.append(about, decide(self.command, stream.state), self.context)
        return Written(id=self.command.note, body=self.command.body, created_at=moment(self.context.at, stream.time))


def _append(tx: Transaction, about: str, events: Sequence[Any], context: Context) -> Ticket:
    """Append what a requester has written. Who was erased since they were asked who they are is nobody any more: raises NotSignedIn."""
    try:
        ticket: Ticket = tx.append(about, events, context)
    except PersonErased:
        raise NotSignedIn("Sign in first.") from None
    return ticket


def subject(number: int) -> str:
    """Return the stream of a ticket."""
    return f"ticket/{number}"


def moment(at: datetime, last: datetime | None) -> datetime:
    """Return the time that an event gets: the command's clock, never earlier than the one before it in its stream."""
    return at if last is None else max(at, last)


def limits_of_opening(person: str, address: str) -> list[Quota]:
    """Return what opening a ticket is counted against: 10 an hour per person, 30 per address.

    `address` stands for what an address is counted by (`chassis.callers.neighbourhood`).
    """
    return [Quota(f"tickets/user/{person}", 10, HOUR_S), Quota(f"tickets/address/{address}", 30, HOUR_S)]
