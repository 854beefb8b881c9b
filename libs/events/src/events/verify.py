"""Verifying a store: the log's bytes from disk, its streams, its head row, its checkpoints, and what the others last saw of it.

Reads go in chunks, each a short transaction of its own, so that the write-ahead log can be checkpointed meanwhile. Memory does not grow
with the log. What shows at the lowest sequence is what is reported.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from events.checkpoints import EVERY, Checkpoint, checkpoint_origin, verify_note
from events.verify_sql import EVENTS_A_READ, READ_BORDER, READ_EVENTS, READ_HEAD, READ_LAST_STREAMS, READ_NOTES, READ_ONE, READ_STREAMS
from events.walk import Broken, Walk

Connect = Callable[[], AbstractContextManager[Connection]]
Erased = Callable[[str, int], bool]
"""Tells whether the erasure of a person stands in the logs later than an event of this log: (person's id, the event's sequence)."""
Progress = Callable[[int, int], None]
"""Is told how far it is: (events done, events in all)."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The last event of a log that a peer consumed."""

    origin: str
    sequence: int
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreReport:
    """What came of a verification: how many `events` and `checkpoints` are good, and {"sequence", "hash"} of the head row."""

    source: str
    ok: bool
    events: int
    head: dict[str, Any]
    checkpoints: int
    first_bad_sequence: int | None = None
    reason: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the report in the shape that `/api/audit/verify` shows."""
        return asdict(self)


def verify_store(
    connect: Connect,
    *,
    source: str,
    public_keys: Sequence[str],
    seen: Mapping[str, Seen],
    erased: Erased | None = None,
    progress: Progress | None = None,
) -> StoreReport:
    """Walk the whole log of `source` ("/tickets"), as far as it reaches now, and report whether it is what was written.

    `connect` gives connections for reading, as `Store.read` does. `public_keys` are the store's verifier keys, old ones included. `seen` is
    what each peer last consumed of this log; it must be asked for before this call, or a peer that runs ahead looks like a cut tail.
    Without `erased` only erasures in this very log count. Raises DBAPIError when the database is lost; what is wrong with the log is in
    the report.
    """
    with connect() as connection:
        found = connection.execute(READ_HEAD).one_or_none()
    if found is None:
        return StoreReport(
            source=source, ok=False, events=0, head={"sequence": 0, "hash": None}, checkpoints=0, reason="The store has no head row."
        )
    store = _Verification(connect, Walk(source), _Head(*found), public_keys)
    findings = store.run(seen, erased or (lambda _person, _sequence: False), progress or (lambda _done, _total: None))
    first = min(findings, key=lambda finding: finding.sequence, default=None)
    return StoreReport(
        source=source,
        ok=first is None,
        events=store.walk.sequence,
        head={"sequence": store.head.sequence, "hash": store.head.hash},
        checkpoints=store.checkpoints,
        first_bad_sequence=first.sequence if first else None,
        reason=first.reason if first else None,
    )


class _Head(NamedTuple):
    """The head row, the last sequence in the log, and the size of the last checkpoint: one moment's view."""

    id: int
    source: str
    origin: str
    sequence: int
    hash: str
    tree: bytes
    recordedtime: str
    batch: int
    last: int
    vouched: int


class _Verification:
    def __init__(self, connect: Connect, walk: Walk, head: _Head, public_keys: Sequence[str]) -> None:
        self.connect = connect
        self.walk = walk
        self.head = head
        self.public_keys = public_keys
        self.checkpoints = 0

    def run(self, seen: Mapping[str, Seen], erased: Erased, progress: Progress) -> list[Broken]:
        """Return what is wrong. A log whose walk ends early is not looked at from other sides: nothing behind that point means anything."""
        try:
            for size, note in self._notes():
                self._walk_to(size, progress)
                self._check_note(size, note)
            self._walk_to(self.head.sequence, progress)
        except Broken as broken:
            return [broken]
        return [*self._ends(), *self._witnesses(seen), *self._absences(erased), *self._streams()]

    def _notes(self) -> Iterator[tuple[int, str]]:
        after = 0
        while True:
            with self.connect() as connection:
                rows = connection.execute(READ_NOTES, {"after": after, "head": self.head.sequence}).all()
            if not rows:
                return
            for size, note in rows:
                yield size, note
                after = size

    def _walk_to(self, size: int, progress: Progress) -> None:
        walk = self.walk
        while walk.sequence < size:
            before = walk.sequence
            with self.connect() as connection:
                driver: Any = connection.dialect.dbapi
                try:
                    result = connection.execute(READ_EVENTS, {"after": before, "limit": min(EVENTS_A_READ, size - before)})
                    walk.take(result.cursor)  # type: ignore[arg-type] # the driver's own rows: nothing is converted on the way
                except (DBAPIError, driver.Error) as error:
                    if getattr(error, "connection_invalidated", False):
                        raise
                    if walk.sequence == before:
                        raise Broken(before + 1, f"It cannot be read: {getattr(error, 'orig', error)}.") from error
                else:
                    if walk.sequence == before:
                        raise Broken(before + 1, f"It is missing: the log ends here, and its head row counts {self.head.sequence} events.")
            progress(walk.sequence, self.head.sequence)

    def _check_note(self, size: int, note: str) -> None:
        try:
            checkpoint = Checkpoint.parse(verify_note(note, self.public_keys))
        except ValueError as error:
            raise Broken(size, f"The checkpoint over it is not valid. {error}") from error
        if checkpoint.origin != checkpoint_origin(self.walk.source, self.walk.origin or "") or checkpoint.size != size:
            raise Broken(size, "The checkpoint over it is that of another log or of another size.")
        if checkpoint.root != self.walk.frontier.root():
            raise Broken(size, "The events up to it are not those that the signed checkpoint over it vouches for.")
        self.checkpoints += 1

    def _ends(self) -> Iterator[Broken]:
        head, walk = self.head, self.walk
        if head.vouched > head.sequence:
            yield Broken(head.sequence + 1, f"It is missing: a signed checkpoint vouches for {head.vouched} events. The tail was cut off.")
        if head.vouched < head.sequence // EVERY * EVERY:
            yield Broken(
                head.sequence // EVERY * EVERY, "No signed checkpoint vouches for it, though the writer signs one at each thousand."
            )
        if head.last > head.sequence:
            yield Broken(head.sequence + 1, f"It stands in the log, but the head row counts only {head.sequence} events.")
        expected: dict[str, Any] = {
            "source": walk.source,
            "hash": walk.hash,
            "tree": walk.frontier.dump(),
            "recordedtime": walk.recordedtime,
        }
        if walk.sequence:
            expected["origin"] = walk.origin
        else:
            del expected["recordedtime"]
        for name, value in expected.items():
            if getattr(head, name) != value:
                yield Broken(max(1, head.sequence), f"It is the last event, and the head row's {name} is not what follows from the log.")

    def _witnesses(self, seen: Mapping[str, Seen]) -> Iterator[Broken]:
        for peer, last in seen.items():
            if last.sequence > self.walk.cuts.get(last.origin, last.sequence):
                continue  # a restore recorded that this part of the former history is no more
            if last.sequence > self.head.sequence:
                yield Broken(self.head.sequence + 1, f"It is missing: {peer} has seen event {last.sequence}. The tail was cut off.")
            elif last.sequence > 0:
                stands = self._read_one(last.sequence)
                if (stands.origin, stands.hash) != (last.origin, last.hash):
                    yield Broken(last.sequence, f"It is not the event that {peer} has seen at this place.")

    def _absences(self, erased: Erased) -> Iterator[Broken]:
        for person, (first, last) in self.walk.absent.items():
            if person is None or person in self.walk.erased or not erased(person, last):  # an erasure in this very log came before it
                yield Broken(first, "Its personal part is gone, and no later erasure of its person stands in the logs.")

    def _streams(self) -> Iterator[Broken]:
        """Compare each stream's versions with the order of its events, along the index over both, which the walk did not use."""
        after, count = "", 0
        while True:
            with self.connect() as connection:
                until = connection.execute(READ_BORDER, {"after": after, "head": self.head.sequence}).scalar()
                statement = READ_LAST_STREAMS if until is None else READ_STREAMS
                events, misplaced = connection.execute(statement, {"after": after, "until": until, "head": self.head.sequence}).one()
            count += events
            if misplaced is not None:
                stands = self._read_one(misplaced)
                yield Broken(misplaced, f"It is version {stands.streamversion} of {stands.subject}, and does not follow the one before.")
            if until is None:
                break
            after = until
        if count != self.head.sequence:
            yield Broken(max(1, self.head.sequence), f"The index of streams lists {count} events; the log holds {self.head.sequence}.")

    def _read_one(self, sequence: int) -> Any:
        with self.connect() as connection:
            return connection.execute(READ_ONE, {"sequence": sequence}).one()
