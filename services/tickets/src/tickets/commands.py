"""What can be asked of a ticket. `by` is who asks, `expected` the version that they read (None: whatever it is now)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from tickets.access import Caller

Status = Literal["open", "in_progress", "resolved"]
Priority = Literal["low", "normal", "high", "urgent"]

STATUSES: tuple[Status, ...] = ("open", "in_progress", "resolved")
PRIORITIES: tuple[Priority, ...] = ("low", "normal", "high", "urgent")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTicket:
    number: int
    title: str
    body: str
    priority: Priority
    by: Caller


@dataclass(frozen=True, slots=True, kw_only=True)
class EditTicket:
    """`title` and `body` are None where they stay as they are."""

    ticket: int
    title: str | None
    body: str | None
    by: Caller
    expected: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeStatus:
    ticket: int
    to: Status
    by: Caller
    expected: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePriority:
    ticket: int
    to: Priority
    by: Caller
    expected: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignTicket:
    """`to` is a person's id, or None to take the ticket from whoever has it."""

    ticket: int
    to: str | None
    by: Caller
    expected: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddNote:
    ticket: int
    note: str
    body: str
    by: Caller


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalateTicket:
    """The escalator found a deadline due. `at` is the time that the ticket will show; `when` is the level's condition."""

    ticket: int
    policy: str
    policy_version: int
    level: int
    due_at: str
    when: Mapping[str, Any]
    notify: str
    at: datetime


Command = OpenTicket | EditTicket | ChangeStatus | ChangePriority | AssignTicket | AddNote | EscalateTicket
