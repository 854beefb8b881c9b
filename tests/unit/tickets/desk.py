"""Given these events, when this is asked, then these events follow: the desk's domain without a store."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from events.contracts.ticket import TicketCreated
from events.decider import Fact
from events.envelope import Actor
from events.errors import DomainError
from tickets.commands import Command
from tickets.decider import TICKET, Person, Ticket, decide

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Someone:
    id: str
    is_admin: bool = False


ANNA = Someone("anna")
BEN = Someone("ben")
ADA = Someone("ada", is_admin=True)
ALF = Someone("alf", is_admin=True)


def opened(
    *, by: Someone = ANNA, number: int = 42, priority: str = "normal", title: str = "Printer", body: str = "It burns."
) -> TicketCreated:
    return TicketCreated(requester=by.id, assignee=None, number=number, priority=priority, status="open", title=title, body=body)


def facts(*events: Any) -> list[Fact]:
    """The events as one stream: one minute apart from noon on."""
    return [
        Fact(
            event=event,
            id=f"event-{n}",
            subject="ticket/42",
            streamversion=n,
            time=NOON + timedelta(minutes=n - 1),
            actor=Actor(kind="user", id="anna"),
            imported=False,
        )
        for n, event in enumerate(events, start=1)
    ]


@dataclass(frozen=True)
class Given:
    past: tuple[Any, ...]
    known: dict[str, Person] = field(default_factory=dict)

    @property
    def ticket(self) -> Ticket | None:
        return TICKET.of(facts(*self.past))

    def knowing(self, *people: Person) -> "Given":
        return Given(self.past, {person.id: person for person in people})

    def when(self, command: Command) -> "When":
        return When(self, command)


@dataclass(frozen=True)
class When:
    given: Given
    command: Command

    def decided(self) -> Sequence[Any]:
        return decide(self.command, self.given.ticket, self.given.known.get(getattr(self.command, "to", None) or ""))

    def then(self, *events: Any) -> "Given":
        assert list(self.decided()) == list(events)
        return Given((*self.given.past, *events), self.given.known)

    def then_nothing(self) -> None:
        assert list(self.decided()) == []

    def then_rejected(self, kind: type[DomainError]) -> DomainError:
        with pytest.raises(kind) as caught:
            self.decided()
        return caught.value


def given(*past: Any) -> Given:
    return Given(past)
