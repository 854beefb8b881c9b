"""What has become of another service's event here: not come to yet, handled, set aside, or given up."""

import json
from typing import Literal

from sqlalchemy import Connection, bindparam, select

from events import positions
from events.tables import events as log
from events.tables import parked

_PARKED = select(parked.c.sequence).where(parked.c.source == bindparam("of"), parked.c.sequence == bindparam("at"))
_SKIPPED = select(log.c.data).where(log.c.subject == bindparam("store"), log.c.type == "event.skipped")


Fate = Literal["ahead", "handled", "parked", "skipped"]
"""`ahead`: it was not come to yet. `parked`: it could not be handled, or waits behind one. `skipped`: an operator gave it up."""


def fate(connection: Connection, own: str, source: str, sequence: int) -> Fate:
    """Return what became of an event of `source` at the service `own`; both as "/tickets"."""
    if positions.load(connection, source).sequence < sequence:
        return "ahead"
    if connection.execute(_PARKED, {"of": source, "at": sequence}).one_or_none() is not None:
        return "parked"
    given_up = (json.loads(data) for data in connection.scalars(_SKIPPED, {"store": f"store/{own.strip('/')}"}))
    return "skipped" if any((event["source"], event["sequence"]) == (source, sequence) for event in given_up) else "handled"
