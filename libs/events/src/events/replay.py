"""Derived tables made anew from their feed, by the very code that writes them live."""

from sqlalchemy import Connection

from events.following import LARGEST_STEP
from events.projections import Feed, Projection


def replay(source: Connection, feed: Feed, projection: Projection, target: Connection, *, step: int = LARGEST_STEP) -> int:
    """Fold the whole of `feed`, as `source` has it, into empty tables that are made in `target`; return the last position.

    `target` is another database than the live one, so that both can be compared.
    """
    projection.metadata.create_all(target)
    position = 0
    while items := feed.read(source, position, step):
        projection.apply(target, items)
        position = items[-1][0]
    return position
