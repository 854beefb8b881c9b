"""Holding the journal against what it was made of: the own log, and the chains of the other services as their bytes tell them.

It is read in chunks, each a short transaction of its own, so that memory does not grow and the write-ahead log can be checkpointed. The
own log is taken for verified.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Connection, and_, bindparam, case, func, literal_column, select

from events import positions
from events.envelope import ZERO_HASH, from_wire
from events.log_pages import Connect, readable
from events.positions import START
from events.prepared import Query
from events.tables import events as log
from events.walking import Unreadable
from tickets.tables import journal

CHUNK = 1_000
"""Events that are read at once."""
_COPIED = ("sequence", "type", "subject", "time")
_RESOLVED = "witness.resolved"
_WITH_LOG = journal.outerjoin(log, and_(journal.c.wire.is_(None), log.c.sequence == journal.c.sequence))
_ROWS = Query(
    select(
        journal.c.position,
        journal.c.wire,
        journal.c.source,
        *(journal.c[name] for name in _COPIED),
        *(log.c[name] for name in _COPIED),
        case((log.c.type == literal_column(f"'{_RESOLVED}'"), log.c.data)),
    )
    .select_from(_WITH_LOG)
    .where(journal.c.position > bindparam("after"))
    .order_by(journal.c.position)
    .limit(bindparam("limit"))
)
_LAST_OF_LOG = select(func.coalesce(func.max(log.c.sequence), 0))


class Broken(Exception):
    """The journal is not what was written. `sequence` is that of the own event where it shows, None where it is another service's."""

    def __init__(self, reason: str, sequence: int | None = None) -> None:
        super().__init__(reason)
        self.sequence = sequence


def what_is_wrong(
    connect: Connect, own: str, erased: Callable[[str], bool], still_wanted: Callable[[], None]
) -> tuple[int | None, str] | None:
    """Walk the journal of the service whose source is `own` ("/tickets"), and return what is wrong with it first; None: nothing.

    That is (the own sequence where it shows, None where it is no own event's; a sentence for people). `erased` tells of whom a personal
    part may be missing; `still_wanted` is called after each chunk, and may raise to end it.
    """
    walk, most = _Walk(own, erased), CHUNK
    try:
        while True:
            try:
                with connect() as connection, readable(connection):
                    rows = _ROWS.rows(connection, {"after": walk.position, "limit": most})
                    walk.take(rows)
                    if len(rows) < most:  # the end, of this moment
                        walk.end(connection)
                        return None
            except Unreadable as error:
                if most == 1:
                    raise Broken(f"What follows position {walk.position} of the journal cannot be read: {error}.") from error
                most = 1  # the one that cannot be read is among these
            still_wanted()
    except Broken as broken:
        return broken.sequence, str(broken)
    except (TypeError, ValueError, LookupError) as error:
        return None, f"Something behind position {walk.position} of the journal is what cannot stand there ({type(error).__name__})."


class _Walk:
    """It stands at `position`; `last` has (sequence, hash) by source. An own event's hash is the log's affair, and not looked at."""

    def __init__(self, own: str, erased: Callable[[str], bool]) -> None:
        self.position = 0
        self.last: dict[str, tuple[int, str]] = {own: (0, ZERO_HASH)}
        self._own, self._erased = own, erased
        self._accepted: set[str] = set()
        """The sources of which an operator took another history, and of which nothing has come since."""

    def take(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Walk on over rows. Raises Broken."""
        for position, wire, source, *columns, resolved in rows:
            here, there = columns[: len(_COPIED)], columns[len(_COPIED) :]
            if position != self.position + 1:
                raise Broken(f"The journal lacks its position {self.position + 1}: the next that it has is {position}.")
            if wire is not None:
                self._foreign(position, source, here, wire)
            elif source == self._own:
                self._ours(position, here, there)
                if resolved is not None:
                    self._resolve(json.loads(resolved))
            else:
                raise Broken(f"The journal has no bytes of the event of {source} at position {position}.")
            self.position = position

    def _ours(self, position: int, here: list[Any], there: list[Any]) -> None:
        expected = self.last[self._own][0] + 1
        if here[0] != expected:
            raise Broken(f"The journal names event {here[0]} instead of it, at position {position}.", expected)
        for name, copied, stands in zip(_COPIED, here, there, strict=True):
            if copied != stands:
                raise Broken(f"The journal names another {name} of it than the log, at position {position}.", expected)
        self.last[self._own] = expected, ""

    def _foreign(self, position: int, source: str, here: list[Any], wire: Any) -> None:
        at = f"at position {position} of the journal"
        try:
            event = from_wire(b"".join([wire]))  # which takes nothing but bytes
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise Broken(f"The event {at} is not the one that came from {source}. {error}") from error
        if source == self._own:
            raise Broken(f"An own event has its bytes in the log, and there are other ones {at}.")
        for name, copied in zip(("source", *_COPIED), (source, *here), strict=True):
            if getattr(event, name) != copied:
                raise Broken(f"The column {name} {at} differs from the event of {event.source}.")
        if event.wire() != wire:
            raise Broken(f"The event of {source} {at} is not spelled as it came.")
        sequence, hash_ = self.last.get(source, (0, ZERO_HASH))
        if event.sequence != sequence + 1:
            raise Broken(f"Event {sequence + 1} of {source} is missing: the next is {event.sequence}, {at}.")
        if event.prevhash != hash_ and source not in self._accepted:
            raise Broken(f"Event {event.sequence} of {source}, {at}, does not follow from the one before it.")
        if event.personal is None and event.personaldigest is not None and not (event.personalof and self._erased(event.personalof)):
            raise Broken(f"The personal part of event {event.sequence} of {source} is gone, {at}, and its person was not erased.")
        self._accepted.discard(source)
        self.last[source] = event.sequence, event.hash

    def _resolve(self, told: dict[str, Any]) -> None:
        """Take note that an operator took a source's history as it is now: what comes next follows from there, not from what came."""
        if told["accepted"]:
            self._accepted.add(told["source"])

    def end(self, connection: Connection) -> None:
        """Compare where it ends with where the log ends and what was consumed, in the transaction of the last rows. Raises Broken."""
        (sequence, _), logged = self.last.pop(self._own), connection.execute(_LAST_OF_LOG).scalar_one()
        if sequence != logged:
            raise Broken("The journal lacks it, and what follows.", sequence + 1)
        consumed = positions.load_all(connection)
        for source in sorted({*consumed, *self.last}):
            stands, hash_ = self.last.get(source, (0, ZERO_HASH))
            at = consumed.get(source, START)
            if at.sequence != stands or (at.hash != hash_ and source not in self._accepted):
                raise Broken(
                    f"The journal ends with event {stands} of {source}, which is not the one that was consumed last ({at.sequence})."
                )
