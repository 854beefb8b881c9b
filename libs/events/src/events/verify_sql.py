"""What `events.verify` reads with: each statement a short read, each following from where the one before it ended."""

from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, case, func, or_, select

from events import tables

_STREAMED_A_READ = 10_000

_event = tables.events.c

READ_HEAD = select(
    tables.head,
    select(func.coalesce(func.max(_event.sequence), 0)).scalar_subquery().label("last"),
    select(func.coalesce(func.max(tables.checkpoints.c.size), 0)).scalar_subquery().label("vouched"),
    select(func.coalesce(func.min(tables.checkpoints.c.size), 1)).scalar_subquery().label("first_vouched"),
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
_note = tables.checkpoints.c
_NOTED = (_note.size > bindparam("after"), _note.size <= bindparam("head"))
READ_NOTES = select(_note.size, _note.note, _note.time).where(*_NOTED).order_by(_note.size).limit(bindparam("limit"))
READ_NOTE_SIZE = select(func.min(_note.size)).where(*_NOTED)
READ_ONE = select(_event.origin, _event.hash, _event.subject, _event.streamversion).where(_event.sequence == bindparam("sequence"))
