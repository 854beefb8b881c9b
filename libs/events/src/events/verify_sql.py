"""What `events.verify` reads with: each statement a short read, each following from where the one before it ended."""

from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, case, func, or_, select

from events import tables

_STREAMED_A_READ = 10_000
_NOTES_A_READ = 100

_event = tables.events.c

READ_HEAD = select(
    tables.head,
    select(func.coalesce(func.max(_event.sequence), 0)).scalar_subquery().label("last"),
    select(func.coalesce(func.max(tables.checkpoints.c.size), 0)).scalar_subquery().label("vouched"),
)
READ_BORDER = (  # the subject that stands so many events further on in the index over the streams
    select(_event.subject)
    .where(_event.subject > bindparam("after"), _event.sequence <= bindparam("head"))
    .order_by(_event.subject, _event.streamversion)
    .offset(_STREAMED_A_READ)
    .limit(1)
)


def _read_streams(*some: ColumnElement[bool]) -> Select[int, int | None]:
    """Return how many events these streams have, and the first that is not where its version says."""
    within: dict[str, Any] = {"partition_by": _event.subject, "order_by": _event.streamversion}
    gap = _event.streamversion - func.row_number().over(**within)
    step = _event.sequence - func.lag(_event.sequence, 1, 0).over(**within)
    places = select(_event.sequence, gap.label("gap"), step.label("step")).where(_event.sequence <= bindparam("head"), *some).subquery()
    misplaced = case((or_(places.c.gap != 0, places.c.step < 0), places.c.sequence))
    return select(func.count(), func.min(misplaced)).select_from(places)


READ_STREAMS = _read_streams(_event.subject > bindparam("after"), _event.subject <= bindparam("until"))
READ_LAST_STREAMS = _read_streams(_event.subject > bindparam("after"))
READ_NOTES = (
    select(tables.checkpoints.c.size, tables.checkpoints.c.note)
    .where(tables.checkpoints.c.size > bindparam("after"), tables.checkpoints.c.size <= bindparam("head"))
    .order_by(tables.checkpoints.c.size)
    .limit(_NOTES_A_READ)
)
READ_ONE = select(_event.origin, _event.hash, _event.subject, _event.streamversion).where(_event.sequence == bindparam("sequence"))
