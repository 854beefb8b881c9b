"""What comes in and what goes out, as the OpenAPI document shows it."""

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from chassis.paging import Page
from chassis.strings import Flag, Spelled
from notifier.policy import Status
from notifier.queries import Row
from notifier.rules import Kind
from notifier.texts import Told, compose

Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"}, examples=["2026-11-23T09:00:00.123456Z"])]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class InboxQuery(Page):
    unread: Annotated[Flag | None, Field(description="`true`: only what is not read yet; `false`: only what is read.")] = None
    kind: Annotated[Kind | None, Field(description="Only what tells of this.")] = None


class PreferencesBody(_In):
    """How somebody wants to be told, beside the inbox."""

    email: bool


JobType = Annotated[str, Spelled("^[a-z_]{1,32}$", "must be the word of a type of job, such as in_app: small letters and _")]


class JobsQuery(Page):
    status: Status | None = None
    type: Annotated[JobType | None, Field(description="`in_app`, `fan_out`, or a channel such as `email`.")] = None


class NotificationOut(BaseModel):
    """Something that was told to somebody."""

    id: str
    kind: Kind
    subject: str
    message: str
    ticket_id: int
    read_at: Moment | None
    created_at: Moment

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "0193576f-2c00-7d3c-9c1a-3f0d8a1e5b77",
                "kind": "ticket.assigned",
                "subject": "Ticket #42 was assigned to you",
                "message": "Ada Lovelace assigned ticket #42 to you.",
                "ticket_id": 42,
                "read_at": None,
                "created_at": "2026-11-23T09:00:00.123456Z",
            }
        }
    )


class NotificationsOut(BaseModel):
    items: list[NotificationOut]
    next_cursor: str | None


class CountOut(BaseModel):
    count: int = Field(examples=[3])


class UpdatedOut(BaseModel):
    updated: int = Field(examples=[3])


class PreferencesOut(BaseModel):
    email: bool


class JobOut(BaseModel):
    """Something that is to be done once. `unknown`: it may have been done, and is never repeated by itself."""

    id: str
    type: str
    status: Status
    attempts: int
    max_attempts: int
    run_at: Moment
    last_error: str | None
    dedupe_key: Annotated[str, Field(description="The event, the recipient and the channel: there is one job for each.")]
    notification_id: str | None
    recipient_id: Annotated[str | None, Field(description="Null: all active admins.")]
    created_at: Moment
    finished_at: Moment | None

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "0193576f-2c00-7a10-8b0e-9d1f2a3b4c5d",
                "type": "fan_out",
                "status": "succeeded",
                "attempts": 1,
                "max_attempts": 8,
                "run_at": "2026-11-24T09:00:00.123456Z",
                "last_error": None,
                "dedupe_key": "0193576f-2bff-7000-8000-0123456789ab:admins:fan_out",
                "notification_id": None,
                "recipient_id": None,
                "created_at": "2026-11-24T09:00:00.123456Z",
                "finished_at": "2026-11-24T09:00:00.223456Z",
            }
        }
    )


class JobsOut(BaseModel):
    items: list[JobOut]
    next_cursor: str | None


def notification_out(row: Row) -> dict[str, Any]:
    """Return a notification as its reader sees it, with the names that people have now."""
    told = Told(
        kind=row["kind"],
        ticket=row["ticket"],
        reader=row["recipient"],
        actor=row["actor"],
        other=row["other"],
        actor_name=row["actor_name"],
        other_name=row["other_name"],
        facts=json.loads(row["facts"]),
    )
    subject, message = compose(told)
    shown = {name: row[name] for name in ("id", "kind", "read_at", "created_at")}
    return {**shown, "ticket_id": row["ticket"], "subject": subject, "message": message}


def job_out(row: Row) -> dict[str, Any]:
    shown = ("id", "type", "status", "attempts", "max_attempts", "run_at", "last_error", "dedupe_key", "created_at", "finished_at")
    return {**{name: row[name] for name in shown}, "notification_id": row["notification"], "recipient_id": row["recipient"]}
