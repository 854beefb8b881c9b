"""When an escalation takes effect. Pure."""

from collections.abc import Mapping
from typing import Any, Protocol


class Escalatable(Protocol):
    """What the rule looks at in a ticket."""

    @property
    def status(self) -> str:
        """Only an open ticket escalates."""

    @property
    def priority(self) -> str:
        """Compared with the condition's `priority` list."""

    @property
    def assignee(self) -> str | None:
        """Compared with the condition's `assigned`."""


def escalates(ticket: Escalatable, when: Mapping[str, Any]) -> bool:
    """Return whether a level whose condition is `when` holds for the ticket as it is now.

    `when` may hold `priority`, a list of those that it is meant for, and `assigned`, whether somebody must, or nobody may, have the ticket.
    What is missing or null does not matter.
    """
    if ticket.status != "open":
        return False
    priorities, assigned = when.get("priority"), when.get("assigned")
    if priorities is not None and ticket.priority not in priorities:
        return False
    return assigned is None or assigned == (ticket.assignee is not None)
