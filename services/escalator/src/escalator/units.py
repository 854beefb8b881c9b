"""What the writer runs for the escalator."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert

from escalator.commands import BeginPolicies, ChangePolicies
from escalator.decider import Changes, begin_policies, change_policies, evolve
from escalator.handlers import POLICIES, after_ask
from escalator.policies import Policies
from escalator.projections import Held, load, save
from escalator.queries import settled_up_to, tickets_after
from escalator.rules import Deadline, Key, may_ask
from escalator.tables import settling
from events.contracts.escalation import EscalationDue
from events.decider import Context, Transaction
from events.decider import Key as StateKey
from events.envelope import Actor
from events.failpoints import reach
from events.times import to_text

SYSTEM = Actor(kind="system", id="escalator")
SETTLED_AT_ONCE = 500
"""Tickets whose deadlines one unit settles: a change of the policies of a large desk does not keep the writer for long."""


@dataclass(frozen=True, slots=True)
class ChangePoliciesUnit:
    command: ChangePolicies
    context: Context
    sql = True

    def reads(self) -> Iterable[StateKey]:
        return [POLICIES]

    def run(self, tx: Transaction) -> Policies:
        """Return the set after the change. The deadlines of the first tickets are settled with it, `Settle` goes on."""
        policies: Policies = tx.state(POLICIES)
        return _change(tx, policies, change_policies(self.command, policies), self.context)


@dataclass(frozen=True, slots=True)
class BeginPoliciesUnit:
    command: BeginPolicies
    sql = True

    def reads(self) -> Iterable[StateKey]:
        return [POLICIES]

    def run(self, tx: Transaction) -> Policies:
        policies: Policies = tx.state(POLICIES)
        return _change(tx, policies, begin_policies(self.command, policies), Context(actor=SYSTEM, at=tx.now))


def _change(tx: Transaction, policies: Policies, changes: Changes, context: Context) -> Policies:
    if not changes:
        return policies
    for name, event in changes.items():
        subject = f"policy/{name}"
        last = tx.stream(subject).time
        at = context.at if last is None else max(context.at, last)  # the time that the event is given, whatever the clock did
        tx.append(subject, [event], replace(context, at=at))
        policies = evolve(policies, name, event, at)
    tx.put(POLICIES, policies)
    tx.connection.execute(delete(settling))
    tx.connection.execute(insert(settling), {"id": 1, "after": 0})
    _settle_some(tx, policies)
    return policies


@dataclass(frozen=True, slots=True)
class Settle:
    """Carry a change of the policies on to the deadlines of the next tickets."""

    sql = True

    def reads(self) -> Iterable[StateKey]:
        return [POLICIES]

    def run(self, tx: Transaction) -> None:
        _settle_some(tx, tx.state(POLICIES))


def _settle_some(tx: Transaction, policies: Policies) -> None:
    after = settled_up_to(tx.connection)
    if after is None:
        return
    numbers = tickets_after(tx.connection, after, SETTLED_AT_ONCE)
    before = load(tx.connection, numbers)
    save(tx.connection, before, [held.settled(policies) for held in before.values()])
    tx.connection.execute(delete(settling))
    if len(numbers) == SETTLED_AT_ONCE:
        tx.connection.execute(insert(settling), {"id": 1, "after": numbers[-1]})


@dataclass(frozen=True, slots=True)
class AskDue:
    """Ask for what is due of these tickets at `now`, the clock that found them. Returns how many deadlines were asked for."""

    tickets: Sequence[int]
    now: datetime
    sql = True

    def reads(self) -> Iterable[StateKey]:
        return [POLICIES, *(("stream", f"ticket/{number}") for number in self.tickets)]

    def run(self, tx: Transaction) -> int:
        policies: Policies = tx.state(POLICIES)
        before = load(tx.connection, self.tickets)
        after = [held.settled(policies) for held in before.values()]
        now = max(self.now, tx.now)  # a clock that was put back in between takes nothing back
        due = {held.copy.number: [item for item in held.deadlines.values() if may_ask(item, now)] for held in after}
        save(tx.connection, before, [_ask(tx, held, due[held.copy.number], policies, now) for held in after])
        if __debug__:
            reach("timer.asked")
        return sum(map(len, due.values()))


def _ask(tx: Transaction, held: Held, due: Sequence[Deadline], policies: Policies, now: datetime) -> Held:
    if not due:
        return held
    subject = f"ticket/{held.copy.number}"
    last = tx.stream(subject).time
    at = now if last is None else max(now, last)
    events = [_due(deadline, policies) for deadline in sorted(due, key=lambda item: (item.due_at, item.key))]
    tx.append(subject, events, Context(actor=SYSTEM, at=at, causation=held.copy.event))
    for event in events:
        held = after_ask(held, event, at)
    return held.settled(policies)


def _due(deadline: Deadline, policies: Policies) -> EscalationDue:
    key: Key = deadline.key
    change = policies.changes[key.policy][-1]
    policy, level = change.policy, change.level(key.level)
    if policy is None or level is None:
        raise LookupError(f"{key} is ready, but its level is gone.")  # `settle` makes such a deadline cancelled
    facts: dict[str, Any] = {"due_at": to_text(deadline.due_at), "when": policy.when.to_data(), "notify": level.notify}
    return EscalationDue(ticket=key.ticket, policy=key.policy, policy_version=change.version, level=key.level, **facts)
