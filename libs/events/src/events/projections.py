"""Projections: derived tables, written live and rebuilt by the very same code."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection, MetaData

from events.envelope import StoredEvent


class Recorded(NamedTuple):
    """An event of a log, and what it means; `event` is None when its type is not in the catalogue."""

    stored: StoredEvent
    event: Any


class Projection(Protocol):
    """A set of derived tables that follows a feed. A new `version` drops the tables and fills them again."""

    name: str
    version: int
    metadata: MetaData

    def apply(self, connection: Connection, items: Sequence[tuple[int, Recorded]]) -> None:
        """Fold (position, event) pairs, in order, into the tables, with a handful of statements however many there are."""


class Feed(Protocol):
    """What a projection follows: the store's log, or the journal of all sources."""

    name: str

    def head(self, connection: Connection) -> int:
        """Return the last position, 0 when there is none."""

    def read(self, connection: Connection, after: int, limit: int) -> list[tuple[int, Recorded]]:
        """Return up to `limit` events that follow the position `after`, each with its own."""
