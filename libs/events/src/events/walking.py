"""Walking over a log page after page, each a short read of its own, so that the write-ahead log can be checkpointed meanwhile."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from events.walk import Broken, Walk

EVENTS_A_READ = 1_000


class Unreadable(Exception):
    """The database cannot give a row. What it says is the message."""


class Pages(Protocol):
    """Where rows come from. Both raise Unreadable, the page also on the way."""

    def page(self, after: int, limit: int) -> AbstractContextManager[Iterable[tuple[Any, ...]]]:
        """Open the rows that follow a sequence, as `events.walk_sql` selects them."""

    def whole(self, sequence: int) -> tuple[Any, ...]:
        """Return a row with all its columns."""


def walk_on(walk: Walk, until: int, pages: Pages, counted: int) -> None:
    """Walk on to the event `until`; the head row counts so many. Raises Broken where the log is not what was written."""
    most = EVENTS_A_READ
    while walk.sequence < until:
        before = walk.sequence
        try:
            with pages.page(before, min(most, until - before)) as rows:
                walk.take(rows, pages.whole)
        except Unreadable as error:
            if walk.sequence == before and most == 1:
                raise Broken(before + 1, f"It cannot be read: {error}.") from error
            most = 1  # a driver that looks one row ahead gives up the one before it too
        else:
            if walk.sequence == before:
                raise Broken(before + 1, f"It is missing: the log ends here, and its head row counts {counted} events.")
