"""Verifying a store: the log's bytes from disk, its streams, its head row, its checkpoints, and what the others last saw of it.

Reads go in chunks, each a short transaction of its own, so that the write-ahead log can be checkpointed meanwhile. Memory does not grow
with the log. What shows at the lowest sequence is what is reported.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import chain, zip_longest
from typing import Any, NamedTuple

from events.checkpoints import EVERY
from events.log_pages import Connect, LogPages, readable
from events.verify_notes import Notary, Note, read_notes
from events.verify_sql import READ_BORDER, READ_HEAD, READ_LAST_STREAMS, READ_ONE, READ_STREAMS
from events.walk import Broken, Walk
from events.walker import Work
from events.walkers import EVENTS_WORTH_IT, Crew, Workers
from events.walking import Unreadable, walk_on

Erased = Callable[[str, int], bool]
"""Tells whether the erasure of a person stands in the logs later than an event of this log: (person's id, the event's sequence)."""
Progress = Callable[[int, int], None]
"""Is told how far it is: (events done, events in all)."""
_WHERE = {"last": "The log, as a sequence,", "vouched": "A checkpoint, as its size,", "first_vouched": "A checkpoint, as its size,"}
_FAR = 1_000
"""Events after which a walk stops at the latest."""
_WORK, _STOPS = 8_000, 100
"""Events of a piece of work for another process, and the most stops in one, of which each brings its part of the tree."""


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
    crew: Crew | None = None,
) -> StoreReport:
    """Walk the whole log of `source` ("/tickets"), as far as it reaches now, and report whether it is what was written.

    `connect` gives connections for reading, as `Store.read` does. `public_keys` are the store's verifier keys, old ones included. `seen` is
    what each peer last consumed of this log; it must be asked for before this call, or a peer that runs ahead looks like a cut tail.
    Without `erased` only erasures in this very log count. `crew` may walk over a long log in its own processes.
    Raises DBAPIError when the database is lost; what is wrong with the log is in the report.
    """
    head = _read_head(connect)
    if isinstance(head, str):
        return StoreReport(source=source, ok=False, events=0, head={"sequence": 0, "hash": None}, checkpoints=0, reason=head)
    store = _Verification(connect, Walk(source), head, public_keys, crew if head.sequence >= EVENTS_WORTH_IT else None)
    findings = store.run(seen, erased or (lambda _person, _sequence: False), progress or (lambda _done, _total: None))
    first = min(findings, key=lambda finding: finding.sequence, default=None)
    return StoreReport(
        source=source,
        ok=first is None,
        events=store.walk.sequence,
        head={"sequence": store.head.sequence, "hash": store.head.hash},
        checkpoints=store.notary.count,
        first_bad_sequence=first.sequence if first else None,
        reason=first.reason if first else None,
    )


class _Head(NamedTuple):
    """The head row, the last sequence in the log, and the sizes of the last and the first checkpoint: one moment's view."""

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
    first_vouched: int


def _read_head(connect: Connect) -> _Head | str:
    """Return where the store says that it ends, or in a sentence why it does not say so."""
    try:
        with connect() as connection, readable(connection):
            found = connection.execute(READ_HEAD).fetchmany(2)
    except Unreadable as error:
        return f"The store cannot be read where it tells how far its log goes: {error}."
    if len(found) != 1:
        return f"The store has {'several head rows' if found else 'no head row'}."
    head = _Head(*found[0])
    for name, kind in _Head.__annotations__.items():
        if not isinstance(getattr(head, name), kind):
            return f"{_WHERE.get(name, f'The head row, {name},')} holds what cannot stand there."
    return head


class _Stop(NamedTuple):
    """A place to stop at on the way: there is a note to check, or it is time to tell how far it is."""

    at: int
    note: Note | None


class _Verification:
    def __init__(self, connect: Connect, walk: Walk, head: _Head, public_keys: Sequence[str], crew: Crew | None) -> None:
        self.connect = connect
        self.walk = walk
        self.head = head
        self.notary = Notary(walk, public_keys)
        self.crew = crew
        self.pages = LogPages(connect, walk.source)

    def run(self, seen: Mapping[str, Seen], erased: Erased, progress: Progress) -> list[Broken]:
        """Return what is wrong. A log whose walk ends early is not looked at from other sides: nothing behind that point means anything."""
        with ThreadPoolExecutor(1) as pool:
            # where processes walk, this one has time for the streams; SQLite looks through them without holding Python's lock
            streams = pool.submit(lambda: list(self._streams())) if self.crew else None
            try:
                self._walk_all(progress)
            except Broken as broken:
                return [broken]
            found = streams.result() if streams else self._streams()
        return [*self._ends(), *self._witnesses(seen), *self._absences(erased), *found]

    def _walk_all(self, progress: Progress) -> None:
        """Walk, and check the checkpoints on the way. Raises Broken."""
        with closing(self._walk()) as stops:
            for stop in stops:
                progress(self.walk.sequence, self.head.sequence)
                self.notary.pass_by()
                if stop.note is not None:
                    self.notary.check(stop.note)

    def _stops(self) -> Iterator[_Stop]:
        """Yield each checkpoint and the end of the log, and stops between those that are far apart."""
        at = 0
        noted = (_Stop(note.size, note) for note in read_notes(self.connect, self.head.sequence))
        for stop in chain(noted, [_Stop(self.head.sequence, None)]):
            for between in range(at + _FAR, stop.at, _FAR):
                yield _Stop(between, None)
            yield stop
            at = stop.at

    def _walk(self) -> Generator[_Stop]:
        """Walk to each stop in turn. Raises Broken."""
        if self.crew is None:
            for stop in self._stops():
                walk_on(self.walk, stop.at, self.pages, self.head.sequence)
                yield stop
            return
        with Workers("events.walker", self.crew.size) as workers:
            planned: deque[Sequence[_Stop]] = deque()
            for found in workers.results(self._works(self.crew.file, planned)):
                yield from self._join(planned.popleft(), [Walk.load(values) for values in found or ()])

    def _works(self, file: str, planned: "deque[Sequence[_Stop]]") -> Iterator[Work]:
        """Cut the way into pieces of work, and note the stops of each."""
        after, stops = 0, self._stops()
        while some := _some(stops, after + _WORK):
            planned.append(some)
            yield Work(file, self.walk.source, after, [stop.at for stop in some], self.head.sequence)
            after = some[-1].at

    def _join(self, stops: Sequence[_Stop], walks: Sequence[Walk]) -> Iterator[_Stop]:
        for stop, part in zip_longest(stops, walks):
            if part is None or part.begin != self.walk.place:  # it was not walked, or not from here: then it is now
                walk_on(self.walk, stop.at, self.pages, self.head.sequence)
            else:
                self.walk.join(part)
            yield stop

    def _ends(self) -> Iterator[Broken]:
        head, walk = self.head, self.walk
        if head.first_vouched < 1:
            yield Broken(1, f"A checkpoint claims to be over {head.first_vouched} events. None is signed before there is one.")
        if head.vouched > head.sequence:
            yield Broken(head.sequence + 1, f"It is missing: a signed checkpoint vouches for {head.vouched} events. The tail was cut off.")
        if head.vouched < head.sequence // EVERY * EVERY:
            yield Broken(
                head.sequence // EVERY * EVERY, "No signed checkpoint vouches for it, though the writer signs one at each thousand."
            )
        if head.last > head.sequence:
            yield Broken(head.sequence + 1, f"It stands in the log, but the head row counts only {head.sequence} events.")
        expected: dict[str, Any] = {
            "id": 1,
            "source": walk.source,
            "hash": walk.hash,
            "tree": walk.forest.dump(),
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


def _some(stops: Iterator[_Stop], until: int) -> list[_Stop]:
    """Take the next stops, up to the first that is at `until` or further, or as many as a piece of work has."""
    some: list[_Stop] = []
    for stop in stops:
        some.append(stop)
        if stop.at >= until or len(some) == _STOPS:
            break
    return some
