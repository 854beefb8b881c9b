"""What can be asked of the escalation policies."""

from collections.abc import Sequence
from dataclasses import dataclass

from escalator.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePolicies:
    """Replace the whole set. `expected` is the version that the caller read (None: whatever it is now)."""

    policies: Sequence[Policy]
    apply_to_past: bool = False
    expected: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginPolicies:
    """Make the shipped policy the first one: one level, `after` a ticket's creation. Once ever; later only the API changes it."""

    after: str
