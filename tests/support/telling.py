"""Events as an explanation is made from: with the id, the cause and the request that a test gives them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from events.catalogue import encode, type_of
from events.envelope import StoredEvent, canonical
from events.times import to_text
from tickets.explaining import Known

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def at(minutes: float) -> str:
    """Return so many minutes after noon."""
    return to_text(NOON + timedelta(minutes=minutes))


def told(
    event: Any,
    id_: str,
    *,
    by: str = "anna",
    minutes: float = 0,
    cause: str | None = None,
    request: str | None = None,
    subject: str = "ticket/42",
    imported: bool = False,
) -> Known:
    """Return an event that was told; `by` is a person, "token:<person>", or "system:<service>" (then it is of that service's log)."""
    kind, _, actor = by.rpartition(":")
    data, _personal = encode(event)
    stored = StoredEvent(
        sequence=int(id_.rpartition("-")[2]) if id_.rpartition("-")[2].isdigit() else 1,
        id=id_,
        source=f"/{actor}" if kind == "system" else "/tickets",
        origin="origin",
        type=type_of(event).name,
        dataversion=type_of(event).version,
        subject=subject,
        streamversion=1,
        time=at(minutes),
        recordedtime=at(minutes),
        imported=imported,
        actorkind=kind or "user",
        actorid=actor,
        tokenid="t" if kind == "token" else None,
        correlationid=request,
        causationid=cause,
        datadigest="",
        personaldigest=None,
        personalof=None,
        traceparent=None,
        head=b"{}",
        data=canonical(data),
        personal=None,
        salt=None,
        prevhash="",
        hash=f"hash of {id_}",
    )
    return Known(stored, event)
