"""What a service says of its own tables for a store that is restored, exported or made of an export: its modules `rewinding` and `keeping`.

But for `resume` all of it happens in the open transaction of a store that nobody else uses.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from sqlalchemy import Connection, Table, delete

from chassis.service import Running
from chassis.tables import KEPT, QUOTAS
from events.cutting import Cut
from events.envelope import StoredEvent
from events.log_pages import Connect


class Rewind(Protocol):
    """The module `rewinding` of a service."""

    @property
    def PORTABLE(self) -> Sequence[Table]:  # noqa: N802 (a constant of a module)
        """The primary tables that go with an exported desk when that is asked for."""

    def adopt(self, connection: Connection, /) -> None:
        """Make, in a store that was filled with events alone, the primary rows that they tell of and that are not there."""

    def cut(self, connection: Connection, cut: Cut, /) -> None:
        """Take away what later events than the cut caused; `events.cutting.gone` names them, and the log still holds its own."""

    def settle(self, connection: Connection, /) -> None:
        """Do what every restore asks for, cut or not: nothing may have an effect outside the desk that it may have had before."""

    async def resume(self, live: Running, /) -> None:
        """Say in the log what is still to be said, once it has told of the restore; the store is open, and nobody else uses it."""


class Withdrawal(Protocol):
    """The module `withdrawing` of the service that knows how people prove who they are."""

    def withdrawn(self, connection: Connection, /) -> Mapping[str, str]:
        """Return what people took back, by its id, and when."""

    def withdraw(self, connection: Connection, what: Mapping[str, str], /) -> int:
        """Take that back of it which is there and valid; return how much that was."""


class JournalKeeper(Protocol):
    """The module `keeping` of the service that has the journal of all of them."""

    def last(self, connection: Connection, /) -> int:
        """Return the last position, 0 when there is none."""

    def reached(self, connection: Connection, position: int, /) -> Mapping[str, int]:
        """Return the last sequence of every source that stands in it up to a position. Raises LookupError when it ends before."""

    def standing(self, connection: Connection, text: str, secret: str, /) -> int:
        """Return the position that a text of `/api/events` stands for; `secret` sealed it. Raises LookupError when it is none of these."""

    def order(self, connection: Connection, after: int, limit: int, /) -> list[tuple[int, str, int]]:
        """Return up to `limit` times (position, source, sequence) that follow the position `after`."""

    def write(self, connection: Connection, entries: Sequence[tuple[int, StoredEvent]], /) -> None:
        """Write events with their positions, in order."""

    def wrong(self, connect: Connect, erased: Callable[[str], bool], still_wanted: Callable[[], None], /) -> tuple[int | None, str] | None:
        """Return what is wrong with the journal, held against the logs: (the own event where it shows, or None; a sentence); None: nothing.

        The own log is taken for verified. `still_wanted` is called now and then, and may raise to end it.
        """


def cut_answers(connection: Connection, cut: Cut) -> None:
    """Forget the answers that were kept from the cut on, and every quota: what they count may be gone.

    Which event an answer is about is not written down, only when it was given; an answer of the very batch that is divided goes too.
    """
    if cut.since is not None:
        connection.execute(delete(KEPT).where(KEPT.c.kept_at >= cut.since))
    connection.execute(delete(QUOTAS))
