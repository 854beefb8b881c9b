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
    name: str | None = Field(description="Null where it was erased, to be shown as “erased person”; or where it is not known here yet.")


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
                    "recorded_at": "2026-11-23T09:12:00.124000Z",
                    "imported": False,
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
    time: datetime = Field(description="When it happened; of imported history by the clock of where it comes from.")
    recorded_at: datetime = Field(description="When this desk wrote it down: of imported history when that was brought in.")
    imported: bool = Field(description="Whether it was brought in with its original time (or with the demo), and did not happen here.")
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
    ok: bool | None = Field(description="Null for a store that could not be verified, as of a service that is down.")
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


class CosignatureOut(Out):
    """A witness's word that the checkpoint follows from all that it saw of that log before."""

    witness: str = Field(examples=["ste-escalator"])
    key: str = Field(description="The witness's verifier key.", examples=["ste-escalator+4b5a6978+B…"])
    time: datetime


class CheckpointOut(Out):
    source: str = Field(examples=["/tickets"])
    size: int = Field(examples=[1000])
    time: datetime
    note: str = Field(
        description="A C2SP tlog-checkpoint in a signed note, with a signature line of each witness that cosigned it.",
        examples=["ste/tickets/…"],
    )
    cosignatures: list[CosignatureOut]


class KeyOut(Out):
    source: str = Field(examples=["/tickets"])
    key: str = Field(
        description="The verifier key: name, hash and Ed25519 public key, as C2SP writes them.", examples=["ste-tickets+0f1e2d3c+A…"]
    )
    cosigner: str = Field(
        description="The verifier key of what this service says as a witness of others (cosignature/v1).",
        examples=["ste-tickets+4b5a6978+B…"],
    )
    first_key: str = Field(description="The store's first key; `key`, unless it was changed.", examples=["ste-tickets+0f1e2d3c+A…"])
    rotations: list[str] = Field(
        description="How each key handed over to the next: notes signed by the key before.", examples=[["ste/key-rotation\n…"]]
    )


class CheckpointsOut(Out):
    items: list[CheckpointOut]
    keys: list[KeyOut]
    next_cursor: str | None


class PlaceOut(Out):
    """An event and its path in the tree of the checkpoint."""

    event: dict[str, Any] = Field(
        description="As on the wire: head, data, personal, salt, prevhash, hash; traceparent is left out, as nothing proves it. "
        "Personal parts that were erased, and the bodies of notes unless they were asked for, are null; their digests stand in the head.",
        examples=[
            {"head": {"sequence": 1042, "type": "ticket.created"}, "data": {"number": 42}, "personal": {"title": "The printer burns"}}
        ],
    )
    index: int = Field(description="The leaf: the event's sequence - 1.", examples=[1041])
    path: list[str] = Field(description="RFC 6962, from leaf to root, in hex.", examples=[["9f86d081884c7d65…"]])


class ProofOut(Out):
    """docs/ledger.md tells how it is verified; docs/verify_proof.py and `ste audit verify-proof` do it, offline."""

    checkpoint: str = Field(description="A signed note, with the signature lines of the witnesses.", examples=["ste/tickets/…"])
    keys: list[str] = Field(
        description="The store's (first) verifier key, then those of the witnesses, in the order of the signature lines.",
        examples=[["ste-tickets+0f1e2d3c+A…", "ste-escalator+4b5a6978+B…"]],
    )
    rotations: list[str] = Field(description="How the first key handed over to the one that signed; mostly empty.", examples=[[]])
    events: list[PlaceOut]


_ETAG = {"ETag": {"description": "The ticket's version, for If-Match.", "schema": {"type": "string", "examples": ['"3"']}}}
_LOCATION = {"Location": {"description": "Where it is.", "schema": {"type": "string", "format": "uri-reference"}}}
SHOWN: dict[int | str, dict[str, Any]] = {200: {"description": "The ticket.", "headers": _ETAG}}
OPENED: dict[int | str, dict[str, Any]] = {201: {"description": "The new ticket.", "headers": {**_ETAG, **_LOCATION}}}
PROVED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The proof file.",
        "headers": {"Content-Disposition": {"description": "A name for the file.", "schema": {"type": "string"}}},
    }
}
_PROGRESS = {
    "Ste-Progress": {
        "description": "While a verification runs: events done, and events in all.",
        "schema": {"type": "string", "examples": ["120000/200000"]},
    }
}
PROGRESS: dict[int | str, dict[str, Any]] = {200: {"description": "The last finished one.", "headers": _PROGRESS}}
STARTED: dict[int | str, dict[str, Any]] = {202: {"description": "It goes on.", "model": StartedOut, "headers": {**_LOCATION, **_PROGRESS}}}

_LINE = (
    '{"id":"019aa0b2-7c00-7000-8000-00000000000c","source":"/tickets","sequence":1042,"time":"2026-11-23T09:12:00.123456Z",'
    '"recorded_at":"2026-11-23T09:12:00.124000Z","imported":false,"action":"ticket_status_changed",'
    '"entity":{"type":"ticket","id":"42"},"actor":{"kind":"user","id":"019aa0b2-…","name":"Ada Lovelace"},'
    '"before":{"status":"open"},"after":{"status":"in_progress"},"hash":"9f86d081…","passed":[],"event":{"head":{…},"data":{…},…}}\n'
)
_ROW = (
    "id,source,sequence,time,action,entity_type,entity_id,actor_kind,actor_id,actor_name,before,after,hash,recorded_at,imported\r\n"
    "019aa0b2-7c00-7000-8000-00000000000c,/tickets,1042,2026-11-23T09:12:00.123456Z,ticket_status_changed,ticket,42,user,019aa0b2-…,"
    'Ada Lovelace,"{""status"":""open""}","{""status"":""in_progress""}",9f86d081…,2026-11-23T09:12:00.124000Z,false\r\n'
)
EXPORTED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file. Lines of JSON but the last two are entries with their events, rows of CSV but the last few are entries.",
        "content": {
            "application/jsonl": {"schema": {"type": "string", "examples": [_LINE]}, "example": _LINE},
            "text/csv": {"schema": {"type": "string", "examples": [_ROW]}, "example": _ROW},
        },
        "headers": {"Content-Disposition": {"description": "A name for the file.", "schema": {"type": "string"}}},
    }
}
