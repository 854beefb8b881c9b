"""The signed checkpoints of a log that is verified: read a few at a time, and held against what was walked over.

When a checkpoint was signed stands in its note, under the signature, and again beside it, where lists are ordered by it: both must say the
same. Notes that are older than that line say nothing of a time; what stands beside them is held between the times of the events.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from events.checkpoints import Checkpoint, checkpoint_origin, verify_note
from events.log_pages import Connect, readable
from events.times import from_text, to_text
from events.verify_sql import READ_NOTE_SIZE, READ_NOTES
from events.walk import Broken, Walk
from events.walking import Unreadable

_NOTES_A_READ = 100
_CLOCK_SET_BACK = timedelta(hours=1)
"""By so much a time without a signature may disagree with the events around it: a clock that was set back is no change of history."""


class Note(NamedTuple):
    """A row of the table of checkpoints as it stands there, of whatever types; `note` and `time` are None where it cannot be read."""

    size: int
    note: Any
    time: Any


def read_notes(connect: Connect, head: int) -> Iterator[Note]:
    """Yield the checkpoints over at most `head` events, in order. Raises DBAPIError when the database is lost."""
    after, most = 0, _NOTES_A_READ
    while True:
        asked = {"after": after, "head": head}
        try:
            with connect() as connection, readable(connection):
                rows = [Note(*row) for row in connection.execute(READ_NOTES, {**asked, "limit": most})]
        except Unreadable:
            if most > 1:
                most = 1  # the one that cannot be read is among these
                continue
            with connect() as connection:
                rows = [Note(connection.execute(READ_NOTE_SIZE, asked).scalar_one(), None, None)]
        if not rows:
            return
        yield from rows
        after, most = rows[-1].size, most if most == 1 else _NOTES_A_READ


class Notary:
    """Holds each checkpoint, in their order, against the walk that stands after just its events. `count` are those that are good."""

    def __init__(self, walk: Walk, public_keys: Sequence[str]) -> None:
        self.count = 0
        self._walk, self._public_keys = walk, public_keys
        self._unsigned: tuple[int, str] | None = None

    def check(self, row: Note) -> None:
        """Raise Broken when it is not one that was signed over these events, at the time that stands beside it."""
        if not isinstance(row.note, str) or not isinstance(row.time, str):
            raise Broken(row.size, "The checkpoint over it cannot be read.")
        try:
            checkpoint = Checkpoint.parse(verify_note(row.note, self._public_keys))
        except ValueError as error:
            raise Broken(row.size, f"The checkpoint over it is not valid. {error}") from error
        walk = self._walk
        if checkpoint.origin != checkpoint_origin(walk.source, walk.origin or "") or checkpoint.size != row.size:
            raise Broken(row.size, "The checkpoint over it is that of another log or of another size.")
        if checkpoint.root != walk.forest.root():
            raise Broken(row.size, "The events up to it are not those that the signed checkpoint over it vouches for.")
        if checkpoint.time is None:
            self._take_unsigned(row)
        elif checkpoint.time != row.time:
            raise Broken(row.size, "The time beside the checkpoint over it is not the one that was signed.")
        elif checkpoint.time < walk.recordedtime:
            raise Broken(row.size, "The checkpoint over it claims to be signed before it was stored.")
        self.count += 1

    def pass_by(self) -> None:
        """Take note that the walk has come further. Raises Broken when the last time without a signature is later than what it came to."""
        if self._unsigned is not None and self._walk.sequence > self._unsigned[0]:
            (size, time), self._unsigned = self._unsigned, None
            if time > _later(self._walk.recordedtime):
                raise Broken(size, "The checkpoint over it claims to be signed after what was stored later.")

    def _take_unsigned(self, row: Note) -> None:
        try:
            early = _later(row.time) < self._walk.recordedtime
        except ValueError:
            raise Broken(row.size, "The time beside the checkpoint over it is none.") from None
        if early:
            raise Broken(row.size, "The checkpoint over it claims to be signed before it was stored.")
        self._unsigned = row.size, row.time


def _later(time: str) -> str:
    try:
        return to_text(from_text(time) + _CLOCK_SET_BACK)
    except OverflowError:
        raise ValueError(time) from None
