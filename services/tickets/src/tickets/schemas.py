"""What comes in, as the OpenAPI document shows it."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from chassis.moments import Moment
from chassis.paging import Page
from chassis.strings import LARGEST_INTEGER, Flag, Spelled, Text
from tickets.commands import Priority, Status
from tickets.queries import Sort
from tickets.trail import Sought

Id = Annotated[
    str, Field(min_length=1, max_length=64), Spelled("^[A-Za-z0-9_-]+$", "must be an id, which has letters, digits, - and _ alone")
]
Number = Annotated[int, Field(ge=1, le=LARGEST_INTEGER, description="The ticket's number.")]


_LEFT_OUT: Any = None


Title = Annotated[str, Text(1, 200), Field(examples=["The printer on the second floor burns"])]
Body = Annotated[str, Text(1, 20_000), Field(examples=["It began this morning, in tray 2."])]
NoteBody = Annotated[str, Text(1, 10_000), Field(examples=["Called her; she has unplugged it."])]
Action = Annotated[str, Spelled("^[a-z_]{1,64}$", "must be the word of an action, such as ticket_created: small letters and _")]
Entity = Annotated[str, Spelled("^[a-z_]{1,32}$", "must be the word of a kind of thing, such as ticket or user: small letters and _")]
Typed = Annotated[str, Text(0, 500)]


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


class Then(BaseModel):
    """Of which moment the answer is to be: of now, unless one is named."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    as_of: Annotated[
        Moment | None,
        Field(
            description="As it was at this time, what happened at it included; by the times of the events, which imported history brings.",
            examples=["2026-11-23T09:00:00Z"],
        ),
    ] = None
    at: Annotated[
        int | None, Field(ge=0, le=LARGEST_INTEGER, description="As it was after this event: a `sequence` of /tickets.", examples=[1042])
    ] = None

    @property
    def is_past(self) -> bool:
        """Whether a moment is named."""
        return self.as_of is not None or self.at is not None

    @model_validator(mode="after")
    def _one_moment(self) -> "Then":
        named = [name for name in ("as_of", "at", "version") if getattr(self, name, None) is not None]
        if len(named) > 1:
            raise ValueError(f"needs one moment, and {' and '.join(named)} are there")
        return self


class ThenTicket(Then):
    version: Annotated[
        int | None, Field(ge=1, le=LARGEST_INTEGER, description="As it was under this version, before the next.", examples=[3])
    ] = None

    @property
    def is_past(self) -> bool:
        """Whether a moment or a version is named."""
        return self.version is not None or super().is_past


class ThenPage(Page, Then):
    """A page of a list of now, or of then."""


class TicketQuery(Page, Then):
    status: Status | None = None
    priority: Priority | None = None
    q: Annotated[
        Typed | None,
        Field(description="Words that the title or the body has, the last one as a prefix; the best 1,000 of the newest 5,000."),
    ] = None
    assigned_to: Annotated[Id | None, Field(description="`me`, `none` or a person's id. Admins only.")] = None
    requester: Annotated[Id | None, Field(description="`me` or a person's id. Another's is for admins only.")] = None
    escalated: Flag | None = None
    sort: Sort = "-created_at"

    @model_validator(mode="after")
    def _searches_now(self) -> "TicketQuery":
        if self.q and self.is_past:
            raise ValueError("has words to search for: they are found in the tickets as they are now; leave out q, or the moment")
        return self


class AuditFilter(BaseModel):
    """Which entries of the audit.

    That they were asked for is recorded for good, so what is no word or id of ours, such as somebody's e-mail, is refused.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    actor: Annotated[Id | None, Field(description="The id of whoever did it.")] = None
    action: Annotated[Action | None, Field(examples=["ticket_created"])] = None
    entity: Annotated[Entity | None, Field(examples=["ticket"])] = None
    entity_id: Annotated[Id | None, Field(examples=["42"])] = None
    q: Annotated[Typed | None, Field(description="A part of the actor's name or e-mail; “erased person” finds those who were erased.")] = (
        None
    )
    since: Moment | None = None
    until: Moment | None = None

    def filters(self) -> dict[str, Any]:
        """Return what was asked for, as plain values."""
        return self.model_dump(mode="json")

    def sought(self) -> Sought:
        """Return the entries that are meant."""
        wanted = self.model_dump(include=set(AuditFilter.model_fields))
        return Sought(**{**wanted, "q": self.q or None})


class AuditQuery(Page, AuditFilter):
    """A page of the audit."""


class ExportQuery(AuditFilter):
    format: Literal["jsonl", "csv"] = "jsonl"
