"""The audit list: one row per event that says who did what, when and to what. What changed is read from the event itself."""

from collections.abc import Sequence

from sqlalchemy import Connection, insert

from events.entries import action_of, entity_of
from events.envelope import StoredEvent
from events.prepared import Prepared, Row
from events.projections import Recorded
from tickets.tables import AUDIT, audit

_ADD = Prepared(insert(audit), [column.name for column in audit.columns])


class Audit:
    """Lists the journal's events, of known type or not, but those that the catalogue keeps out of the list."""

    name = "audit"
    version = 1
    metadata = AUDIT

    def apply(self, connection: Connection, items: Sequence[tuple[int, Recorded]]) -> None:
        """Add a row for each event that is listed."""
        _ADD.run(connection, [_row(position, item.stored, action) for position, item in items if (action := action_of(item.stored.type))])


def _row(position: int, stored: StoredEvent, action: str) -> Row:
    who = stored.actorkind, stored.actorid
    return position, stored.time, stored.source, stored.sequence, action, *entity_of(stored.subject), *who
