"""The set of policies through time, and what its changes make of one ticket's deadlines. Pure.

What a level's deadline is follows from the ticket's creation and the policy's changes alone, so that it does not matter in which order the
two became known here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from escalator.policy import Level, Policy

FIRST = datetime.min.replace(tzinfo=UTC)


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

    def due_at(self, number: int, created_at: datetime) -> datetime | None:
        """Return when the level of that number is due for a ticket of that age, or None where there is none."""
        level = self.level(number)
        return self.policy.due_at(level, created_at) if self.policy is not None and level is not None else None


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
        due_at = change.due_at(number, created_at)
        if due_at is None:
            current = Term(current.due_at, gone=True) if current is not None and change.at > created_at else None
        elif change.apply_to_past or due_at > change.at:
            current = Term(due_at)
    return current


def levels_ever(changes: Iterable[Change]) -> int:
    """Return how many levels a policy had when it had the most."""
    return max((len(change.policy.levels) for change in changes if change.policy is not None), default=0)


@dataclass(frozen=True, slots=True)
class Policies:
    """The whole set with its history: the changes of each name, oldest first. `version` is the set's, 0 before the first change."""

    version: int = 0
    changes: Mapping[str, tuple[Change, ...]] = field(default_factory=dict)

    @classmethod
    def always(cls, policies: Iterable[Policy]) -> "Policies":
        """Return a set that was never another."""
        return cls(1, {each.name: (Change(version=1, at=FIRST, apply_to_past=True, policy=each),) for each in policies})

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

    def as_of(self, moment: datetime) -> "Policies":
        """Return the set as it was at a moment, with the changes of that very moment."""
        known = {name: tuple(each for each in changes if each.at <= moment) for name, changes in self.changes.items()}
        version = max((each.version for changes in known.values() for each in changes), default=0)
        return Policies(version, {name: changes for name, changes in known.items() if changes})

    def since(self, moment: datetime) -> Iterator[tuple[datetime, "Policies"]]:
        """Yield the set as it was at a moment and then at each later change, each time with when that was."""
        later = sorted({each.at for changes in self.changes.values() for each in changes if each.at > moment})
        if not later:  # a set that was never another, for every ticket there is
            yield moment, self
            return
        yield from ((at, self.as_of(at)) for at in (moment, *later))

    def could_be_due(self, created_at: datetime, now: datetime) -> bool:
        """Whether any level that there ever was may have been due for a ticket of that age: whether it is worth looking closer."""
        ever = (change.policy for changes in self.changes.values() for change in changes if change.policy is not None)
        return any(policy.due_at(level, created_at) <= now for policy in ever for level in policy.levels)
