"""What goes out, as the OpenAPI document shows it. `views` writes it; the tests read every answer back by these shapes."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tickets.commands import Priority, Status


class Out(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True)


class PersonOut(Out):
    id: str = Field(examples=["019aa0b2-7c00-7000-8000-00000000000b"])
    name: str | None = Field(description="Null where it was erased, or is not known here yet.")


class RequesterOut(PersonOut):
    email: str | None


class SummaryOut(Out):
    id: int = Field(examples=[42])
    title: str = Field(examples=["The printer burns"])
    priority: Priority
    status: Status
    requester: RequesterOut
    assignee: PersonOut | None
    escalated_at: datetime | None
    escalation_level: int = Field(examples=[0])
    created_at: datetime
    updated_at: datetime
    version: int = Field(examples=[3])


class TicketOut(SummaryOut):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 42,
                    "title": "The printer on the second floor burns",
                    "body": "It began this morning, in tray 2.",
                    "priority": "high",
                    "status": "in_progress",
                    "requester": {"id": "019aa0b2-7c00-7000-8000-00000000000a", "name": "Anna Arendt", "email": "anna@example.com"},
                    "assignee": {"id": "019aa0b2-7c00-7000-8000-00000000000b", "name": "Ada Lovelace"},
                    "escalated_at": None,
                    "escalation_level": 0,
                    "created_at": "2026-11-23T09:00:00.123456Z",
                    "updated_at": "2026-11-23T09:12:00.123456Z",
                    "version": 3,
                }
            ]
        }
    )

    body: str


class TicketsOut(Out):
    items: list[SummaryOut]
    next_cursor: str | None


class CountsOut(Out):
    """`unassigned` and `assigned_to_me` are there for admins."""

    open: int = Field(examples=[7])
    in_progress: int = Field(examples=[2])
    resolved: int = Field(examples=[40])
    escalated: int = Field(description="And not resolved.", examples=[1])
    unassigned: int | None = None
    assigned_to_me: int | None = None


class NoteOut(Out):
    id: str = Field(examples=["019aa0b2-7c00-7000-8000-00000000000b"])
    author: PersonOut
    body: str = Field(examples=["Called her back."])
    created_at: datetime


class NotesOut(Out):
    items: list[NoteOut]
    next_cursor: str | None


class EntityOut(Out):
    type: str = Field(examples=["ticket"])
    id: str = Field(examples=["42"])


class ActorOut(PersonOut):
    kind: Literal["user", "token", "system"]


class EntryOut(Out):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "019aa0b2-7c00-7000-8000-00000000000c",
                    "source": "/tickets",
                    "sequence": 1042,
                    "time": "2026-11-23T09:12:00.123456Z",
                    "action": "ticket_status_changed",
                    "entity": {"type": "ticket", "id": "42"},
                    "actor": {"kind": "user", "id": "019aa0b2-7c00-7000-8000-00000000000b", "name": "Ada Lovelace"},
                    "before": {"status": "open"},
                    "after": {"status": "in_progress"},
                    "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                }
            ]
        }
    )

    id: str
    source: str
    sequence: int
    time: datetime
    action: str
    entity: EntityOut
    actor: ActorOut
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    hash: str


class EntriesOut(Out):
    items: list[EntryOut]
    next_cursor: str | None


class StoreHeadOut(Out):
    sequence: int = Field(examples=[1042])
    hash: str | None


class StoreOut(Out):
    source: str = Field(examples=["/tickets"])
    ok: bool | None = Field(description="Null for a service that could not be asked.")
    events: int = Field(examples=[1042])
    head: StoreHeadOut
    checkpoints: int = Field(description="How many were verified.", examples=[2])
    first_bad_sequence: int | None
    reason: str | None


class VerificationOut(Out):
    ok: bool | None
    checked_at: datetime
    stores: list[StoreOut]


class StartedOut(Out):
    """The verification goes on; its result will be where `Location` says."""

    status: Literal["running"]


class CheckpointOut(Out):
    source: str = Field(examples=["/tickets"])
    size: int = Field(examples=[1000])
    time: datetime
    note: str = Field(description="A C2SP tlog-checkpoint in a signed note.", examples=["ste/tickets/…"])


class KeyOut(Out):
    source: str = Field(examples=["/tickets"])
    key: str = Field(
        description="The verifier key: name, hash and Ed25519 public key, as C2SP writes them.", examples=["ste-tickets+0f1e2d3c+A…"]
    )


class CheckpointsOut(Out):
    items: list[CheckpointOut]
    keys: list[KeyOut]
    next_cursor: str | None


_ETAG = {"ETag": {"description": "The ticket's version, for If-Match.", "schema": {"type": "string", "examples": ['"3"']}}}
_LOCATION = {"Location": {"description": "Where it is.", "schema": {"type": "string", "format": "uri-reference"}}}
SHOWN: dict[int | str, dict[str, Any]] = {200: {"description": "The ticket.", "headers": _ETAG}}
OPENED: dict[int | str, dict[str, Any]] = {201: {"description": "The new ticket.", "headers": {**_ETAG, **_LOCATION}}}
STARTED: dict[int | str, dict[str, Any]] = {202: {"description": "It goes on.", "model": StartedOut, "headers": _LOCATION}}
