"""Escalation policies, their history, and what they make of one ticket. Pure.

A policy has levels; each is due some time after the ticket's creation, and takes effect while the ticket is open and the policy's condition
holds. What a level's deadline is follows from the ticket's creation and the policy's changes alone, so that it does not matter in which
order the two became known here.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from events.errors import Invalid

NAME = r"^[a-z0-9-]{1,40}$"
DURATION = r"^[1-9][0-9]{0,8}[smhd]$"
LONGEST = timedelta(days=3650)
MOST_POLICIES = 50
MOST_LEVELS = 10
PRIORITIES = ("low", "normal", "high", "urgent")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

Notify = Literal["assignee", "admins"]


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

    def to_data(self) -> dict[str, Any]:
        """Return the whole policy as it stands in events and in the API."""
        levels = [{"after": level.after, "notify": level.notify} for level in self.levels]
        return {"name": self.name, "levels": levels, "when": self.when.to_data(), "calendar": None}

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Policy":
        levels = tuple(Level(after=level["after"], notify=level["notify"]) for level in data["levels"])
        return cls(name=data["name"], levels=levels, when=Condition.of(data["when"]))


def check(policies: Sequence[Policy]) -> None:
    """Raise Invalid, with every broken rule, unless this can be the whole set of policies."""
    wrong: list[tuple[tuple[str | int, ...], str]] = []
    if len(policies) > MOST_POLICIES:
        wrong.append((("body", "policies"), f"There are at most {MOST_POLICIES} policies."))
    names = [policy.name for policy in policies]
    for index, policy in enumerate(policies):
        where = ("body", "policies", index)
        if policy.name in names[:index]:
            wrong.append(((*where, "name"), "Another policy has this name."))
        if not re.fullmatch(NAME, policy.name):
            wrong.append(((*where, "name"), "A name is 1 to 40 of a-z, 0-9 and the hyphen."))
        if not 1 <= len(policy.levels) <= MOST_LEVELS:
            wrong.append(((*where, "levels"), f"A policy has 1 to {MOST_LEVELS} levels."))
        if policy.when.priority is not None and (not policy.when.priority or set(policy.when.priority) - set(PRIORITIES)):
            wrong.append(((*where, "when", "priority"), f"At least one of {', '.join(PRIORITIES)}; leave it out if it does not matter."))
        wrong.extend(_wrong_levels(policy, where))
    if wrong:
        raise Invalid("These policies cannot be.", wrong)


def _wrong_levels(policy: Policy, where: tuple[str | int, ...]) -> Iterable[tuple[tuple[str | int, ...], str]]:
    for number, level in enumerate(policy.levels):
        try:
            parse_duration(level.after)
        except ValueError as error:
            yield (*where, "levels", number, "after"), str(error)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A policy from `at` on; None: it is gone. `version` counts the changes of the whole set, so several may share it."""

    version: int
    at: datetime
    apply_to_past: bool
    policy: Policy | None

    def level(self, number: int) -> Level | None:
        """Return the level of that number (from 1), or None where there is none."""
        return self.policy.levels[number - 1] if self.policy is not None and number <= len(self.policy.levels) else None


@dataclass(frozen=True, slots=True)
class Term:
    """When a level is due for one ticket; `gone`: the level is no more, or never came to apply to this ticket again."""

    due_at: datetime
    gone: bool = False


def term(created_at: datetime, changes: Sequence[Change], number: int) -> Term | None:
    """Return the deadline of level `number` for a ticket of that age; None when it never had one.

    The level that is in force at the creation applies. After it, a change whose new deadline is already past leaves the ticket what it
    had, unless the change applies to the past.
    """
    current: Term | None = None
    for change in changes:
        level = change.level(number)
        if level is None:
            current = Term(current.due_at, gone=True) if current is not None and change.at > created_at else None
        elif change.apply_to_past or created_at + level.wait > change.at:
            current = Term(created_at + level.wait)
    return current


@dataclass(frozen=True, slots=True)
class Policies:
    """The whole set with its history: the changes of each name, oldest first. `version` is the set's, 0 before the first change."""

    version: int = 0
    changes: Mapping[str, tuple[Change, ...]] = field(default_factory=dict)

    @property
    def current(self) -> tuple[Policy, ...]:
        """The policies that there are now, by name."""
        return tuple(policy for name in sorted(self.changes) if (policy := self.changes[name][-1].policy) is not None)

    def find(self, name: str) -> Policy | None:
        """Return the policy of that name as it is now."""
        return self.changes[name][-1].policy if name in self.changes else None

    def after(self, name: str, change: Change) -> "Policies":
        """Return the set with one more change."""
        return Policies(change.version, {**self.changes, name: (*self.changes.get(name, ()), change)})

    def could_be_due(self, created_at: datetime, now: datetime) -> bool:
        """Whether any level that there ever was may have been due for a ticket of that age: whether it is worth looking closer."""
        ever = (change.policy for changes in self.changes.values() for change in changes if change.policy is not None)
        return any(created_at + level.wait <= now for policy in ever for level in policy.levels)
