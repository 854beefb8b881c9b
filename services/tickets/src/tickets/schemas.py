"""What comes in and what goes out, as the OpenAPI document shows it. Answers are written by `views`; a test holds the two together."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema, model_validator

from chassis.paging import Page
from chassis.strings import LARGEST_INTEGER, Flag, clean
from events.times import to_text
from tickets.commands import Priority, Status
from tickets.queries import Sort

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


def _moment(text: str) -> str:
    if not _RFC_3339.fullmatch(text):
        raise ValueError("must be a time as in RFC 3339, such as 2026-11-23T09:00:00Z")
    try:
        moment = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("must be a time that exists") from None
    return to_text(max(moment, _EARLIEST))


Moment = Annotated[str, AfterValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
"""A time that came in, as the text that it is stored as."""
Id = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
Number = Annotated[int, Field(ge=1, le=LARGEST_INTEGER, description="The ticket's number.")]


_LEFT_OUT: Any = None


def _length(shortest: int, longest: int) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, min_length=shortest, max_length=longest)


_Clean = AfterValidator(clean)
Title = Annotated[str, _length(1, 200), _Clean, Field(examples=["The printer on the second floor burns"])]
Body = Annotated[str, _length(1, 20_000), _Clean, Field(examples=["It began this morning, in tray 2."])]
NoteBody = Annotated[str, _length(1, 10_000), _Clean, Field(examples=["Called her; she has unplugged it."])]
Word = Annotated[str, _length(1, 64), _Clean]
Typed = Annotated[str, _length(0, 500), _Clean]


def _without_default(schema: dict[str, Any]) -> None:
    """What may be left out has no value of its own, and null is none."""
    del schema["default"]


class In(BaseModel):
    """A request body: what it does not know, it refuses."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NewTicket(In):
    title: Title
    body: Body
    priority: Priority = "normal"


class Edit(In):
    """At least one of the two."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    title: Title = Field(default=_LEFT_OUT, json_schema_extra=_without_default)
    body: Body = Field(default=_LEFT_OUT, json_schema_extra=_without_default)

    @model_validator(mode="after")
    def _something(self) -> "Edit":
        if not self.model_fields_set:
            raise ValueError("needs a title or a body")
        return self


class NewStatus(In):
    status: Status


class NewPriority(In):
    priority: Priority


class NewAssignee(In):
    assignee_id: Id | None = Field(description="An active admin, or null to take the ticket from whoever has it.")


class NewNote(In):
    body: NoteBody


class TicketQuery(Page):
    status: Status | None = None
    priority: Priority | None = None
    q: Annotated[Typed | None, Field(description="Words that the title or the body has, the last one as a prefix; the best 1,000.")] = None
    assigned_to: Annotated[Id | None, Field(description="`me`, `none` or a person's id. Admins only.")] = None
    requester: Annotated[Id | None, Field(description="`me` or a person's id. Another's is for admins only.")] = None
    escalated: Flag | None = None
    sort: Sort = "-created_at"


class AuditQuery(Page):
    actor: Annotated[Id | None, Field(description="The id of whoever did it.")] = None
    action: Annotated[Word | None, Field(examples=["ticket_created"])] = None
    entity: Annotated[Word | None, Field(examples=["ticket"])] = None
    entity_id: Annotated[Word | None, Field(examples=["42"])] = None
    q: Annotated[Typed | None, Field(description="A part of the actor's name or e-mail.")] = None
    since: Moment | None = None
    until: Moment | None = None


class Out(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True)


class PersonOut(Out):
    id: str
    name: str | None = Field(description="Null where it was erased, or is not known here yet.")


class RequesterOut(PersonOut):
    email: str | None


class SummaryOut(Out):
    id: int
    title: str
    priority: Priority
    status: Status
    requester: RequesterOut
    assignee: PersonOut | None
    escalated_at: datetime | None
    escalation_level: int
    created_at: datetime
    updated_at: datetime
    version: int


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

    open: int
    in_progress: int
    resolved: int
    escalated: int = Field(description="And not resolved.")
    unassigned: int | None = None
    assigned_to_me: int | None = None


class NoteOut(Out):
    id: str
    author: PersonOut
    body: str
    created_at: datetime


class NotesOut(Out):
    items: list[NoteOut]
    next_cursor: str | None


class EntityOut(Out):
    type: str
    id: str


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
    sequence: int
    hash: str | None


class StoreOut(Out):
    source: str
    ok: bool | None = Field(description="Null for a service that could not be asked.")
    events: int
    head: StoreHeadOut
    checkpoints: int = Field(description="How many were verified.")
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
    source: str
    size: int
    time: datetime
    note: str = Field(description="A C2SP tlog-checkpoint in a signed note.")


class KeyOut(Out):
    source: str
    key: str = Field(description="The verifier key: name, hash and Ed25519 public key, as C2SP writes them.")


class CheckpointsOut(Out):
    items: list[CheckpointOut]
    keys: list[KeyOut]
    next_cursor: str | None


_ETAG = {"ETag": {"description": "The ticket's version, for If-Match.", "schema": {"type": "string", "examples": ['"3"']}}}
_LOCATION = {"Location": {"description": "Where it is.", "schema": {"type": "string", "format": "uri-reference"}}}
SHOWN: dict[int | str, dict[str, Any]] = {200: {"description": "The ticket.", "headers": _ETAG}}
OPENED: dict[int | str, dict[str, Any]] = {201: {"description": "The new ticket.", "headers": {**_ETAG, **_LOCATION}}}
STARTED: dict[int | str, dict[str, Any]] = {202: {"description": "It goes on.", "model": StartedOut, "headers": _LOCATION}}
