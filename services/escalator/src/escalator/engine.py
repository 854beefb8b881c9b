"""When the levels of policies take effect for a ticket. Pure; the live timers and simulations both run it.

**Once per ticket, policy name and level, ever: at the first moment from its `due_at` on at which the ticket is open and `when` holds.**

It is a function of the ticket's events and of the policies with their calendars alone. Whether an event was imported is nothing to it: that
imported tickets wait for a live event is a rule of the live escalator (`rules`), which adds it.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Any, NamedTuple

from escalator.policies import Change, Policies, levels_ever, term
from escalator.policy import Condition, Notify
from events.contracts.ticket import TicketAssigned, TicketCreated, TicketPriorityChanged, TicketStatusChanged, TicketUnassigned


class Phase(NamedTuple):
    """A ticket as it is from `since` on, until something that matters here changes. `assignee` is an id."""

    since: datetime
    status: str
    priority: str
    assignee: str | None

    def meets(self, condition: Condition) -> bool:
        """Whether a level under this condition takes effect now, if it is due."""
        return self.status == "open" and condition.holds(priority=self.priority, assigned=self.assignee is not None)


def follow(phase: Phase | None, event: Any, at: datetime) -> Phase | None:
    """Return the phase that a ticket is in after one of its events: the same one when nothing changed; None before its creation."""
    match event:
        case TicketCreated():
            return Phase(since=at, status=event.status, priority=event.priority, assignee=event.assignee)
        case TicketStatusChanged(after={"status": status}):
            changes = {"status": status}
        case TicketPriorityChanged(after={"priority": priority}):
            changes = {"priority": priority}
        case TicketAssigned() | TicketUnassigned():
            changes = {"assignee": event.assignee}
        case _:
            return phase
    if phase is None or all(getattr(phase, name) == value for name, value in changes.items()):
        return phase
    return phase._replace(since=at, **changes)


class Due(NamedTuple):
    """A level's deadline for one ticket. `when` is None while the level is gone; `changes` are those of its policy so far."""

    policy: str
    level: int
    due_at: datetime
    when: Condition | None
    changes: Sequence[Change]

    @property
    def notify(self) -> Notify:
        """Who hears of it; the assignee where the level is gone."""
        level = self.changes[-1].level(self.level)
        return level.notify if level is not None else "assignee"

    def ready(self, phase: Phase) -> bool:
        """Whether it waits for nothing but its time."""
        return self.when is not None and phase.meets(self.when)

    def moment(self, phase: Phase, until: datetime | None) -> datetime | None:
        """Return the first moment of a phase, which ends before `until`, at which the level takes effect."""
        if not self.ready(phase):
            return None
        at = max(self.due_at, phase.since)
        return at if until is None or at < until else None


def dues(created_at: datetime, policies: Policies) -> Iterator[Due]:
    """Yield every deadline that a ticket of that age has, or had, under the policies as they are now."""
    for name, changes in policies.changes.items():
        policy = changes[-1].policy
        for number in range(1, levels_ever(changes) + 1):
            if (found := term(created_at, changes, number)) is not None:
                yield Due(name, number, found.due_at, None if found.gone or policy is None else policy.when, changes)


class Effect(NamedTuple):
    """A level takes effect: the ticket is escalated. The rest is the ticket as it then is, and who hears."""

    policy: str
    level: int
    due_at: datetime
    at: datetime
    priority: str
    assignee: str | None
    notify: Notify


def effects(phases: Sequence[Phase], policies: Policies) -> list[Effect]:
    """Return all that takes effect for a ticket that went through these phases, in the order of time.

    What happens to the ticket, or to the policies, at one moment happens before anything takes effect at it.
    """
    found: dict[tuple[str, int], Effect] = {}
    created_at = phases[0].since
    reigns = [*policies.since(created_at)]
    ends = [*(begin for begin, _ in reigns[1:]), None]
    for (begin, known), end in zip(reigns, ends, strict=True):
        stretches = [*_within(phases, begin, end)]
        for due in dues(created_at, known):
            if (due.policy, due.level) not in found and (effect := _first(due, stretches)) is not None:
                found[due.policy, due.level] = effect
    return sorted(found.values(), key=lambda effect: (effect.at, effect.due_at, effect.policy, effect.level))


def _within(phases: Sequence[Phase], begin: datetime, end: datetime | None) -> Iterator[tuple[Phase, datetime | None]]:
    """Yield the phases of a time, each with its end; the first and the last are cut to it."""
    for phase, next_one in zip_longest(phases, phases[1:]):
        until = end if next_one is None else next_one.since if end is None else min(next_one.since, end)
        since = max(phase.since, begin)
        if until is None or since < until:
            yield (phase if since == phase.since else phase._replace(since=since)), until


def _first(due: Due, stretches: Sequence[tuple[Phase, datetime | None]]) -> Effect | None:
    for phase, until in stretches:
        if (at := due.moment(phase, until)) is not None:
            return Effect(due.policy, due.level, due.due_at, at, phase.priority, phase.assignee, due.notify)
    return None
