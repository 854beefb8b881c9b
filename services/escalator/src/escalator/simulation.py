"""What a policy would have escalated, beside what the policies of today would have: ticket by ticket, and summed up. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from escalator.engine import Effect, Phase, effects
from escalator.policies import Policies
from escalator.policy import PRIORITIES, Policy
from events.times import to_text


@dataclass(frozen=True, slots=True)
class Question:
    """Would `policy` have done other than `current` from `since` on, before `until`? Both are taken as if they had always been there."""

    policy: Policy
    current: Sequence[Policy]
    since: datetime
    until: datetime
    _new: Policies = field(init=False, repr=False, compare=False)
    _old: Policies = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_new", Policies.always([self.policy]))
        object.__setattr__(self, "_old", Policies.always(self.current))

    def of(self, ticket: int, phases: Sequence[Phase]) -> "Outcome":
        """Return what it comes to for a ticket that went through these phases."""
        return Outcome(ticket, self._asked(phases, self._new), self._asked(phases, self._old))

    def _asked(self, phases: Sequence[Phase], policies: Policies) -> list[Effect]:
        return [effect for effect in effects(phases, policies) if self.since <= effect.at < self.until]


class Outcome(NamedTuple):
    """What escalates a ticket with the policy that is tried, and with those of today; each in the order of time."""

    ticket: int
    new: Sequence[Effect]
    current: Sequence[Effect]


@dataclass(slots=True)
class Side:
    """Numbers of tickets, each counted once in each of them. A person None stands for the admins."""

    tickets: int = 0
    only: int = 0
    by_day: Counter[str] = field(default_factory=Counter)
    by_priority: Counter[str] = field(default_factory=Counter)
    by_level: Counter[int] = field(default_factory=Counter)
    by_person: Counter[str | None] = field(default_factory=Counter)

    def add(self, found: Sequence[Effect], *, alone: bool) -> None:
        """Count a ticket that these effects escalate, if there are any; `alone`: nothing escalates it on the other side."""
        if not found:
            return
        self.tickets += 1
        self.only += alone
        for day in {to_text(effect.at)[:10] for effect in found}:
            self.by_day[day] += 1
        for priority in {effect.priority for effect in found}:
            self.by_priority[priority] += 1
        for level in {effect.level for effect in found}:
            self.by_level[level] += 1
        for person in {effect.assignee if effect.notify == "assignee" else None for effect in found}:
            self.by_person[person] += 1


@dataclass(slots=True)
class Tally:
    """The sums of many outcomes: as large as there are days and people, however many tickets there are."""

    new: Side = field(default_factory=Side)
    current: Side = field(default_factory=Side)

    def add(self, outcome: Outcome) -> None:
        self.new.add(outcome.new, alone=not outcome.current)
        self.current.add(outcome.current, alone=not outcome.new)

    def totals(self) -> dict[str, Any]:
        """Return the numbers as the API gives them."""
        people = self.new.by_person.keys() | self.current.by_person.keys()
        load = [{"id": person, **self._pair("by_person", person)} for person in people]
        return {
            "total": self.new.tickets,
            "current_total": self.current.tickets,
            "only_new_total": self.new.only,
            "only_current_total": self.current.only,
            "by_day": [{"day": day, **self._pair("by_day", day)} for day in self._keys("by_day")],
            "by_priority": {priority: self._pair("by_priority", priority) for priority in PRIORITIES},
            "by_level": [{"level": level, **self._pair("by_level", level)} for level in self._keys("by_level")],
            "by_person": sorted(load, key=lambda each: (-each["total"], -each["current"], each["id"] or "")),
        }

    def _keys(self, name: str) -> list[Any]:
        return sorted(getattr(self.new, name).keys() | getattr(self.current, name).keys())

    def _pair(self, name: str, key: Any) -> dict[str, int]:
        return {"total": getattr(self.new, name)[key], "current": getattr(self.current, name)[key]}
