"""Escalation policies: what can be one. Pure.

A policy has levels; each is due some time after the ticket's creation, of working time where the policy has a calendar, and takes effect
while the ticket is open and the policy's condition holds.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

from escalator.calendars import LATEST, Calendar
from events.errors import Invalid

NAME = r"^[a-z0-9-]{1,40}$"
NAME_RULE = "A name is 1 to 40 of a-z, 0-9 and the hyphen."
DURATION = r"^[1-9][0-9]{0,8}[smhd]$"
LONGEST = timedelta(days=3650)
WEEK = timedelta(weeks=1)
MOST_POLICIES = 50
MOST_LEVELS = 10
PRIORITIES = ("low", "normal", "high", "urgent")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

Notify = Literal["assignee", "admins"]
Where = tuple[str | int, ...]
"""A place in what was sent, as a 422 names it."""


@lru_cache(maxsize=1024)
def parse_duration(text: str) -> timedelta:
    """Return the time that "90s", "15m", "24h" or "7d" stands for. Raises ValueError with a sentence for the reader."""
    if not re.fullmatch(DURATION, text, re.ASCII):
        raise ValueError("A duration is a whole number above 0 and a unit: s, m, h or d, as 24h.")
    duration = timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
    if duration > LONGEST:
        raise ValueError(f"A duration is at most {LONGEST.days}d.")
    return duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """When a level takes effect beyond the ticket being open: these priorities, assigned or not. None: it does not matter."""

    priority: tuple[str, ...] | None = None
    assigned: bool | None = None

    def holds(self, *, priority: str, assigned: bool) -> bool:
        return (self.priority is None or priority in self.priority) and (self.assigned is None or assigned == self.assigned)

    def to_data(self) -> dict[str, Any]:
        """Return the part of an event: only what matters stands in it, priorities from low to urgent."""
        data: dict[str, Any] = {}
        if self.priority is not None:
            data["priority"] = sorted(set(self.priority), key=PRIORITIES.index)
        if self.assigned is not None:
            data["assigned"] = self.assigned
        return data

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Condition":
        priority = data.get("priority")
        return cls(priority=None if priority is None else tuple(priority), assigned=data.get("assigned"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """`after` the ticket's creation; `notify` says who hears: the assignee (or else the admins), or the admins."""

    after: str
    notify: Notify = "assignee"

    @property
    def wait(self) -> timedelta:
        return parse_duration(self.after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    name: str
    levels: tuple[Level, ...]
    when: Condition = Condition()
    calendar: Calendar | None = None

    def due_at(self, level: Level, created_at: datetime) -> datetime:
        """Return when a level of this policy is due for a ticket of that age."""
        if self.calendar is not None:
            return self.calendar.after(created_at, level.wait)
        try:
            return created_at + level.wait
        except OverflowError:
            return LATEST

    def to_data(self) -> dict[str, Any]:
        """Return the whole policy as it stands in events and in the API."""
        levels = [{"after": level.after, "notify": level.notify} for level in self.levels]
        calendar = self.calendar.to_data() if self.calendar is not None else None
        return {"name": self.name, "levels": levels, "when": self.when.to_data(), "calendar": calendar}

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Policy":
        levels = tuple(Level(after=level["after"], notify=level["notify"]) for level in data["levels"])
        calendar = Calendar.of(data["calendar"]) if data.get("calendar") is not None else None
        return cls(name=data["name"], levels=levels, when=Condition.of(data["when"]), calendar=calendar)

    def wrong(self, where: Where) -> Iterator[tuple[Where, str]]:
        """Yield every rule that is broken by it alone, and where; it stands at `where` in what was sent."""
        if not re.fullmatch(NAME, self.name):
            yield (*where, "name"), NAME_RULE
        if not 1 <= len(self.levels) <= MOST_LEVELS:
            yield (*where, "levels"), f"A policy has 1 to {MOST_LEVELS} levels."
        if self.when.priority is not None and (not self.when.priority or set(self.when.priority) - set(PRIORITIES)):
            yield (*where, "when", "priority"), f"At least one of {', '.join(PRIORITIES)}; leave it out if it does not matter."
        if self.calendar is not None:
            yield from (((*where, "calendar", *place), rule) for place, rule in self.calendar.wrong())
        for number, level in enumerate(self.levels):
            if (rule := self._wrong_level(level)) is not None:
                yield (*where, "levels", number, "after"), rule

    def _wrong_level(self, level: Level) -> str | None:
        try:
            wait = level.wait
        except ValueError as error:
            return str(error)
        working = self.calendar.minutes_a_week if self.calendar is not None else 0
        if working and wait / timedelta(minutes=working) * WEEK > LONGEST:
            return f"With so few working hours a week this is later than {LONGEST.days} days."
        return None


def check(policies: Sequence[Policy]) -> None:
    """Raise Invalid, with every broken rule, unless this can be the whole set of policies."""
    wrong: list[tuple[Where, str]] = []
    if len(policies) > MOST_POLICIES:
        wrong.append((("body", "policies"), f"There are at most {MOST_POLICIES} policies."))
    names = [policy.name for policy in policies]
    for index, policy in enumerate(policies):
        where = ("body", "policies", index)
        if policy.name in names[:index]:
            wrong.append(((*where, "name"), "Another policy has this name."))
        wrong.extend(policy.wrong(where))
    if wrong:
        raise Invalid("These policies cannot be.", wrong)


def check_one(policy: Policy, where: Where) -> None:
    """Raise Invalid, with every broken rule, unless this can be a policy."""
    if wrong := list(policy.wrong(where)):
        raise Invalid("This policy cannot be.", wrong)
