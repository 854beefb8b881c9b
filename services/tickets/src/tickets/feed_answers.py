"""What is asked of the feed, and what it answers, as the OpenAPI document shows it."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

from chassis.moments import Moment
from chassis.strings import REPEATABLE, Spelled
from tickets.answers import Out
from tickets.feed import NOW, Wanted
from tickets.places import BEGINNING
from tickets.schemas import Entity, Id

DEFAULT_LIMIT, LARGEST_LIMIT = 100, 1000
_MOST_TYPES = 20
_TYPE = r"[a-z_]{1,30}\.[a-z_]{0,33}"
_TYPES = rf"^{_TYPE}(,{_TYPE}){{0,{_MOST_TYPES - 1}}}$"
_PLACE = "Rk0tSXWWV-h6pDwVPpJ8hwGTs_GfoHYagC-uxZ0NVGUAAAAAAAAEEp-G0IGITH1l"
_EVENT: dict[str, Any] = {
    "head": {
        "actorid": "019aa0b2-7c00-7000-8000-00000000000b",
        "actorkind": "user",
        "correlationid": "5f0c6a52-7f31-4f0a-8b9f-5c2f6d1b8a01",
        "datadigest": "3f79bb7b435b05321651daefd374cdc681dc06faa65e374e38337b88ca046dea",
        "dataversion": 1,
        "id": "019aa0b2-7c00-7000-8000-00000000000c",
        "origin": "0193b3f1-9fa0-761a-802f-aec59d0d5465",
        "recordedtime": "2026-11-23T09:12:00.124000Z",
        "sequence": 1042,
        "source": "/tickets",
        "specversion": "1.0",
        "streamversion": 3,
        "subject": "ticket/42",
        "time": "2026-11-23T09:12:00.123456Z",
        "type": "ticket.status_changed",
    },
    "data": {
        "after": {"status": "in_progress"},
        "assignee": None,
        "before": {"status": "open"},
        "requester": "019aa0b2-7c00-7000-8000-00000000000a",
    },
    "personal": None,
    "salt": None,
    "prevhash": "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
    "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "traceparent": None,
}

After = Annotated[
    str,
    Spelled(
        rf"^({BEGINNING}|{NOW}|[A-Za-z0-9_-]{{64}})$",
        f"must be a position that this desk gave out, {BEGINNING} for the beginning, or {NOW} for the end",
    ),
    Field(description="A position that this desk gave out, `0` for the beginning, `now` for the end.", examples=[BEGINNING]),
]
Types = Annotated[
    str,
    Spelled(_TYPES, f"must be at most {_MOST_TYPES} types, such as ticket.created, or beginnings that end in a dot, such as ticket."),
    WithJsonSchema({"type": "array", "items": {"type": "string", "pattern": f"^{_TYPE}$"}, "minItems": 1, "maxItems": _MOST_TYPES}),
]


class Narrowed(BaseModel):
    """What narrows the feed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    after: After = BEGINNING
    type: Annotated[
        Types | None,
        REPEATABLE,
        Field(
            description="Only events of these types; what ends in a dot is the beginning of a type.", examples=[["ticket.", "job.retried"]]
        ),
    ] = None
    entity: Annotated[
        Entity | None,
        Field(description="Only events about entities of this type; logins of nobody known are under `user`.", examples=["ticket"]),
    ] = None
    entity_id: Annotated[Id | None, Field(description="Only events about this one `entity`.", examples=["42"])] = None
    since: Annotated[Moment | None, Field(description="Only what happened then or later.")] = None
    until: Annotated[Moment | None, Field(description="Only what happened before.")] = None

    @model_validator(mode="after")
    def _whose_id(self) -> "Narrowed":
        if self.entity_id is not None and self.entity is None:
            raise ValueError("entity_id needs the entity that it is one of")
        return self

    def wanted(self) -> Wanted:
        """Return what is wanted, as the queries ask for it."""
        types = tuple(self.type.split(",")) if self.type is not None else ()
        return Wanted(types=types, entity=self.entity, entity_id=self.entity_id, since=self.since, until=self.until)

    def filters(self) -> dict[str, Any]:
        """Return what narrows it, as plain values: who reads on page by page asks for the same."""
        return self.model_dump(mode="json", include={"type", "entity", "entity_id", "since", "until"})


class FeedQuery(Narrowed):
    limit: Annotated[int, Field(ge=1, le=LARGEST_LIMIT, description="How many events at most.")] = DEFAULT_LIMIT


class StreamQuery(Narrowed):
    """The same, without a limit."""


class EventOut(Out):
    """An event as it is stored, published and exported: these very bytes. `docs/events.md` says what the parts mean."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EVENT]})

    head: dict[str, Any]
    data: dict[str, Any]
    personal: dict[str, Any] | None = Field(description="Null where there is nothing personal, or where it was erased.")
    salt: str | None
    prevhash: str
    hash: str
    traceparent: str | None


class FedOut(Out):
    position: str = Field(description="To go on after this event.", examples=[_PLACE])
    event: EventOut


class FeedOut(Out):
    items: list[FedOut]
    next: str = Field(
        description="To ask after next time, whether there were events or not. When it is what was asked after, the end is reached.",
        examples=[_PLACE],
    )


SPOKEN: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events without a name: `data` is an item as GET /api/events has it, `id` its position. Every 15 s a "
        "comment with an `id`: how far the journal was looked through.",
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "example": f'id: {_PLACE}\ndata: {{"position":"{_PLACE}","event":{{"head":{{"sequence":1042,"…":"…"}},"…":"…"}}}}\n\n',
            }
        },
    }
}
