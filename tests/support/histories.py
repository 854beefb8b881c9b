"""Logs without a store: events that are chained as the writer chains them."""

from collections.abc import Sequence

from events.envelope import ZERO_HASH, StoredEvent, chain, digest, head_of

AT = "2026-11-23T09:00:00.000000Z"


def recorded(sequence: int, prevhash: str, origin: str = "first") -> StoredEvent:
    """Return the event of that sequence in a log of "/auth" whose only stream is user/1."""
    attributes = {
        "id": f"{origin}-{sequence}",
        "source": "/auth",
        "origin": origin,
        "type": "user.deactivated",
        "dataversion": 1,
        "subject": "user/1",
        "streamversion": sequence,
        "sequence": sequence,
        "time": AT,
        "recordedtime": AT,
        "imported": False,
        "actorkind": "system",
        "actorid": "auth",
        "tokenid": None,
        "correlationid": None,
        "causationid": None,
        "datadigest": digest(b"{}"),
        "personaldigest": None,
        "personalof": None,
    }
    head = head_of(attributes)
    parts = {"head": head, "data": b"{}", "personal": None, "salt": None, "prevhash": prevhash, "hash": chain(prevhash, head)}
    return StoredEvent(**attributes, traceparent=None, **parts)  # type: ignore[arg-type]


def history(length: int, *, after: Sequence[StoredEvent] = (), origin: str = "first") -> list[StoredEvent]:
    """Return `after` and `length` more events of that origin."""
    events = list(after)
    for _ in range(length):
        events.append(recorded(len(events) + 1, events[-1].hash if events else ZERO_HASH, origin))
    return events
