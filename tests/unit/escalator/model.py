"""The escalator and the tickets service as two logs and a clock: what crosses between them may wait for any length of time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from escalator.commands import ChangePolicies
from escalator.decider import change_policies, evolve
from escalator.policies import Policies
from escalator.policy import Condition, Policy
from escalator.rules import Ask, Deadline, Key, TicketCopy, asked, fired, follow, may_ask, settle
from events.contracts.escalation import EscalationDue
from events.contracts.ticket import (
    TicketAssigned,
    TicketCreated,
    TicketEscalated,
    TicketNoteAdded,
    TicketPriorityChanged,
    TicketStatusChanged,
    TicketUnassigned,
)
from events.times import from_text, to_text

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TICKET = 42


class Said(NamedTuple):
    """An event of the ticket, as tickets tells it."""

    event: Any
    id: str
    version: int
    at: datetime
    imported: bool


class Due(NamedTuple):
    """An event of the escalator's log, and the ticket's event that it followed from."""

    event: EscalationDue
    at: datetime
    cause: str


@dataclass
class Tickets:
    """One ticket, and what tickets decides on `escalation.due`: by its own state alone."""

    log: list[Said] = field(default_factory=list)
    status: str = ""
    priority: str = "normal"
    assignee: str | None = None
    escalated: set[tuple[str, int]] = field(default_factory=set)

    def say(self, event: Any, at: datetime, *, imported: bool = False) -> None:
        version = len(self.log) + 1
        self.log.append(Said(event, f"e{version}", version, at, imported))

    def create(self, at: datetime, *, priority: str, imported: bool) -> None:
        self.status, self.priority = "open", priority
        facts: dict[str, Any] = {"number": TICKET, "priority": priority, "status": "open"}
        self.say(TicketCreated(requester="u", assignee=None, title="t", body="b", **facts), at, imported=imported)

    def to_status(self, status: str, at: datetime) -> None:
        before, self.status = self.status, status
        self.say(
            TicketStatusChanged(requester="u", assignee=self.assignee, before={"status": before}, after={"status": status}),
            at,
        )

    def to_priority(self, priority: str, at: datetime) -> None:
        before, self.priority = self.priority, priority
        change = {"before": {"priority": before}, "after": {"priority": priority}}
        self.say(TicketPriorityChanged(requester="u", assignee=self.assignee, **change), at)

    def to_assignee(self, assignee: str | None, at: datetime) -> None:
        before, self.assignee = self.assignee, assignee
        kind = TicketAssigned if assignee else TicketUnassigned
        self.say(kind(requester="u", assignee=assignee, before={"assignee": before}, after={"assignee": assignee}), at)

    def note(self, at: datetime) -> None:
        self.say(TicketNoteAdded(requester="u", assignee=self.assignee, note="n", body="b"), at)

    def receive(self, due: EscalationDue, at: datetime) -> None:
        holds = Condition.of(due.when).holds(priority=self.priority, assigned=self.assignee is not None)
        if (due.policy, due.level) in self.escalated or self.status != "open" or not holds:
            return
        self.escalated.add((due.policy, due.level))
        facts: dict[str, Any] = {
            "policy": due.policy,
            "policy_version": due.policy_version,
            "level": due.level,
            "due_at": due.due_at,
            "notify": due.notify,
        }
        self.say(TicketEscalated(requester="u", assignee=self.assignee, before={}, after={}, **facts), at)


@dataclass
class Escalator:
    """The core as the service runs it: a copy, deadlines, and its own log of policies and asks."""

    copy: TicketCopy | None = None
    deadlines: dict[Key, Deadline] = field(default_factory=dict)
    policies: Policies = field(default_factory=Policies)
    log: list[Due] = field(default_factory=list)

    def change(self, policies: Sequence[Policy], at: datetime, *, apply_to_past: bool) -> None:
        for name, event in change_policies(ChangePolicies(policies=policies, apply_to_past=apply_to_past), self.policies).items():
            self.policies = evolve(self.policies, name, event, at)
        self.settle()

    def receive(self, said: Said) -> None:
        self.copy = follow(self.copy, said.event, number=TICKET, version=said.version, id_=said.id, at=said.at, imported=said.imported)
        if self.copy is not None and isinstance(said.event, TicketEscalated):
            deadline = fired(self.copy, said.event, at=said.at, due_at=from_text(said.event.due_at))
            self.deadlines[deadline.key] = deadline
        self.settle()
        for due in [due for due in self.log if due.cause == said.id]:  # only when the ticket's events are read again
            self.ask_again(due)

    def settle(self) -> None:
        if self.copy is not None:
            self.deadlines = settle(self.copy, self.deadlines, self.policies)

    def tick(self, now: datetime) -> None:
        self.settle()
        for key, deadline in list(self.deadlines.items()):
            policy = self.policies.find(key.policy)
            if self.copy is None or policy is None or not may_ask(deadline, now):
                continue
            due = EscalationDue(
                ticket=TICKET,
                policy=key.policy,
                policy_version=self.policies.changes[key.policy][-1].version,
                level=key.level,
                due_at=to_text(deadline.due_at),
                when=policy.when.to_data(),
                notify=policy.levels[key.level - 1].notify,
            )
            self.log.append(Due(due, now, self.copy.event))
            self.ask_again(self.log[-1])

    def ask_again(self, due: Due) -> None:
        key = Key(TICKET, due.event.policy, due.event.level)
        if key in self.deadlines and self.deadlines[key].state != "fired":
            ask = Ask(at=due.at, when=Condition.of(due.event.when), version=due.event.policy_version)
            self.deadlines[key] = asked(self.deadlines[key], ask)
            self.settle()

    def rebuilt(self, heard: Sequence[Said]) -> "Escalator":
        """Return what a new copy makes of the same logs."""
        fresh = Escalator(policies=self.policies, log=list(self.log))
        for said in heard:
            fresh.receive(said)
        return fresh


@dataclass
class World:
    now: datetime = START
    tickets: Tickets = field(default_factory=Tickets)
    escalator: Escalator = field(default_factory=Escalator)
    heard: int = 0
    told: int = 0

    def hear(self) -> None:
        """Let the escalator consume the next event of the ticket."""
        if self.heard < len(self.tickets.log):
            self.escalator.receive(self.tickets.log[self.heard])
            self.heard += 1

    def tell(self) -> None:
        """Let tickets consume the next ask."""
        if self.told < len(self.escalator.log):
            self.tickets.receive(self.escalator.log[self.told].event, self.now)
            self.told += 1

    def calm_down(self) -> None:
        """Let everything arrive, and everything that follows from it, while the clock stands still."""
        while True:
            before = (self.heard, self.told, len(self.escalator.log))
            while self.heard < len(self.tickets.log):
                self.hear()
            self.escalator.tick(self.now)
            while self.told < len(self.escalator.log):
                self.tell()
            if (self.heard, self.told, len(self.escalator.log)) == before:
                return

    @property
    def escalations(self) -> list[Said]:
        return [said for said in self.tickets.log if isinstance(said.event, TicketEscalated)]
