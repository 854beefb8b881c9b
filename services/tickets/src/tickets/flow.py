"""What becomes of tickets, by the quarter of an hour: how many were opened, resolved, reopened and escalated, and how long each took.

Written by `history`, which knows of every change what was before it. A quarter of an hour is the finest that a day begins at, in whatever
zone (Nepal is 5:45 ahead): any days of any zone are sums of quarters, however many tickets there are. How long a ticket took stands there
once for each time that it was resolved, so that a median is one of something, not of an estimate.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import BigInteger, Column, Connection, MetaData, Table
from sqlalchemy.dialects.postgresql import insert  # SQLite's ON CONFLICT is written alike, and this form compiles for both

from events.prepared import Prepared, Row
from events.tables import Sequence

QUARTER_S = 900
_STANDING = ("open", "in_progress")
_COUNTED = ("opened", "resolved", "reopened", "escalated", *_STANDING)


def quarter_of(time: str) -> int:
    """Return in which quarter of an hour since 1970 a stored time lies."""
    return _quarter_of_minute(time[:16])


@lru_cache(maxsize=1024)
def _quarter_of_minute(minute: str) -> int:
    """What happens at all mostly happens within few minutes; to take a time apart takes longer than to count."""
    return int(datetime.fromisoformat(f"{minute}:00+00:00").timestamp()) // QUARTER_S


class Turn(NamedTuple):
    """One change of a ticket: its status before (None: it was opened) and after. `escalated`: that is what happened."""

    sequence: int
    time: str
    created_at: str
    was: str | None
    now: str
    escalated: bool


class Flow:
    """The tables, as part of `metadata`, and what fills them."""

    def __init__(self, metadata: MetaData) -> None:
        self.quarters = Table(
            "ticket_quarters",
            metadata,
            Column("quarter", Sequence, primary_key=True, autoincrement=False),
            Column("opened", BigInteger, nullable=False),
            Column("resolved", BigInteger, nullable=False),
            Column("reopened", BigInteger, nullable=False),
            Column("escalated", BigInteger, nullable=False),
            Column("open", BigInteger, nullable=False),  # by how much the number of open tickets changed
            Column("in_progress", BigInteger, nullable=False),  # and of those in progress; what else was opened is resolved
        )
        self.resolutions = Table(
            "ticket_resolutions",
            metadata,
            Column("quarter", BigInteger, primary_key=True, autoincrement=False),
            Column("sequence", BigInteger, primary_key=True, autoincrement=False),  # of the event that resolved the ticket
            Column("seconds", BigInteger, nullable=False),  # whole ones, since it was opened
            sqlite_with_rowid=False,  # those of some days lie together
        )
        add = insert(self.quarters)
        added = add.on_conflict_do_update(
            index_elements=[self.quarters.c.quarter], set_={name: self.quarters.c[name] + add.excluded[name] for name in _COUNTED}
        )
        self._count = Prepared(added, ("quarter", *_COUNTED))
        self._resolve = Prepared(insert(self.resolutions), ("quarter", "sequence", "seconds"))

    def write(self, connection: Connection, turns: Iterable[Turn]) -> None:
        """Count some changes, by two statements however many there are."""
        counts: defaultdict[int, dict[str, int]] = defaultdict(lambda: dict.fromkeys(_COUNTED, 0))
        resolved: list[Row] = []
        for turn in turns:
            if turn.was != turn.now or turn.escalated:
                _add(counts[quarter_of(turn.time)], turn)
            if turn.now == "resolved" != turn.was:
                took = datetime.fromisoformat(turn.time) - datetime.fromisoformat(turn.created_at)
                resolved.append((quarter_of(turn.time), turn.sequence, int(took.total_seconds())))
        self._count.run(connection, [(quarter, *changes.values()) for quarter, changes in counts.items()])
        self._resolve.run(connection, resolved)


def _add(counts: dict[str, int], turn: Turn) -> None:
    """Add a change to the counts of its quarter of an hour."""
    was, now = turn.was, turn.now
    counts["escalated"] += turn.escalated
    if was is None:
        counts["opened"] += 1
    if was == now:
        return
    if now == "resolved":
        counts["resolved"] += 1
    elif was == "resolved":
        counts["reopened"] += 1
    for status, by in ((was, -1), (now, 1)):
        if status in _STANDING:
            counts[status] += by
