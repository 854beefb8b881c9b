"""Who may see and do what. Pure: it answers by the asker and the ticket's requester alone."""

from dataclasses import dataclass
from typing import Protocol


class Caller(Protocol):
    """Who asks: `chassis.principal.Principal` is one."""

    @property
    def id(self) -> str:
        """The person's id; a token's owner."""

    @property
    def is_admin(self) -> bool:
        """Whether they act as an admin now: by role, and by scope where a token asks."""


@dataclass(frozen=True, slots=True)
class Operator:
    """Whoever runs the desk: sees what an admin sees, and is nobody whom the desk knows."""

    id: str = "operator"
    is_admin: bool = True


def may_see(caller: Caller, requester: str) -> bool:
    """A ticket is its requester's and the admins'; to everybody else it does not exist."""
    return caller.is_admin or caller.id == requester


def may_edit(caller: Caller, requester: str) -> bool:
    """What was asked is the requester's own text: read-only for everybody else, admins too."""
    return caller.id == requester


def may_handle(caller: Caller) -> bool:
    """Status, priority, assignee and notes are the admins' work, the requester's never."""
    return caller.is_admin


def may_list(caller: Caller, *, requester: str | None, assigned: bool) -> bool:
    """Everybody lists their own tickets; another's, or by assignee, only an admin does."""
    return caller.is_admin or (not assigned and requester in (None, caller.id))
