"""The walk over a log: every event's bytes, from the first to the last, against its chain, its digests and its columns.

It is the inner loop of `events.verify`, and of nothing else: some microseconds per event, a few hashes of state, no copy of the log. A log
may be walked in parts, each from a place that is taken for granted; where one ends at just the place where the next began, they are one.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from events.envelope import COLUMNS, ZERO_HASH, StoredEvent, attributes_of, chain, digest
from events.forest import Forest

RESTORED = "store.restored"
TRACEPARENT = re.compile("[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
"""How W3C's Trace Context spells it, and how the services take it from a request."""

Whole = Callable[[int], tuple[Any, ...]]
"""Reads the whole row of a sequence, columns as in COLUMNS."""


class Broken(Exception):
    """The log is not what was written. `sequence` is the first event where that shows, `reason` a sentence for people."""

    def __init__(self, sequence: int, reason: str) -> None:
        super().__init__(reason)
        self.sequence = sequence
        self.reason = reason


class Place(NamedTuple):
    """Between two events of a log: what the walk on from there needs to know of the one before. `origin` is None at the beginning."""

    sequence: int
    hash: str
    recordedtime: str
    origin: str | None


BEGINNING = Place(0, ZERO_HASH, "", None)


class Walk:
    """A walk over the log of `source`, from a place in it on; it stands after `sequence` events, the last of which has `hash`.

    `forest` is the part of the tree that was walked over; `cuts` are the ends of former origins, as restores recorded them; `absent` are
    the first and the last event, by person, whose personal part is gone without a `user.erased` behind it here; `erased` are those who
    have one here. `broken` is where it ended, of a walk that did.
    """

    def __init__(self, source: str, begin: Place = BEGINNING) -> None:
        self.source = source
        self.begin = begin
        self.sequence, self.hash, self.recordedtime, self.origin = begin
        self.forest = Forest(begin.sequence)
        self.cuts: dict[str, int] = {}
        self.absent: dict[str | None, tuple[int, int]] = {}
        self.erased: set[str] = set()
        self.broken: Broken | None = None

    @property
    def place(self) -> Place:
        """Where it stands."""
        return Place(self.sequence, self.hash, self.recordedtime, self.origin)

    def take(self, rows: Iterable[tuple[Any, ...]], whole: Whole) -> None:
        """Walk on over rows as `events.verify_sql.READ_WALK` gives them, in the order of their sequences. Raises Broken."""
        try:
            self._take(rows, whole)
        except (TypeError, ValueError, LookupError) as error:
            raise Broken(self.sequence + 1, f"A column of it holds what cannot stand there ({type(error).__name__}).") from error

    def _take(self, rows: Iterable[tuple[Any, ...]], whole: Whole) -> None:
        last = bytes.fromhex(self.hash)
        leaves: list[bytes] = []
        try:
            for row in rows:
                # fmt: off
                (sequence, origin, recordedtime, prevhash, hash_, head, quotes, data, datadigest,
                 personal, salt, personaldigest, personalof, erased) = row
                # fmt: on
                raw = sha256(last + head).digest()
                if (
                    hash_ != raw.hex()
                    or prevhash != self.hash
                    or sequence != self.sequence + 1
                    or head.count(b'"') != quotes
                    or sha256(data).hexdigest() != datadigest
                    or recordedtime < self.recordedtime
                    or origin != self.origin
                ):
                    self._explain(StoredEvent(**dict(zip(COLUMNS, whole(sequence), strict=True))))
                if personal is not None:
                    salted = bytes.fromhex(salt or "")
                    if sha256(salted + personal).hexdigest() != personaldigest or salted.hex() != salt:
                        raise Broken(sequence, "Its personal part is not the one that was recorded.")
                elif salt is not None:
                    raise Broken(sequence, "It has a salt without a personal part.")
                elif personaldigest is not None:
                    self._miss(personalof, sequence, sequence)
                if erased is not None:
                    self._forget(erased.removeprefix("user/"))
                leaves.append(sha256(b"\x00" + raw).digest())
                self.sequence, self.hash, self.recordedtime, self.origin = sequence, hash_, recordedtime, origin
                last = raw
        finally:
            self.forest.extend(leaves)

    def _miss(self, person: str | None, first: int, last: int) -> None:
        self.absent[person] = (self.absent[person][0] if person in self.absent else first, last)

    def _forget(self, person: str) -> None:
        self.erased.add(person)
        self.absent.pop(person, None)

    def join(self, part: "Walk") -> None:
        """Go where another walk went that began where this one stands. Raises ValueError for one that began elsewhere, Broken as it did."""
        if part.begin != self.place:
            raise ValueError("That walk began somewhere else.")
        self.sequence, self.hash, self.recordedtime, self.origin = part.place
        self.forest.join(part.forest)
        self.cuts |= part.cuts
        for person in part.erased:
            self._forget(person)
        for absent, (first, last) in part.absent.items():
            self._miss(absent, first, last)
        if part.broken is not None:
            raise part.broken

    def dump(self) -> dict[str, Any]:
        """Return the walk as plain values, for `load` in another process."""
        return {
            "source": self.source,
            "begin": self.begin,
            "place": self.place,
            "nodes": [(width, node.hex()) for width, node in self.forest.nodes],
            "cuts": self.cuts,
            "absent": [(person, *between) for person, between in self.absent.items()],
            "erased": sorted(self.erased),
            "broken": None if self.broken is None else (self.broken.sequence, self.broken.reason),
        }

    @classmethod
    def load(cls, values: Mapping[str, Any]) -> "Walk":
        """Return the walk that was dumped. Raises KeyError, TypeError or ValueError for anything else."""
        walk = cls(values["source"], Place(*values["begin"]))
        walk.sequence, walk.hash, walk.recordedtime, walk.origin = Place(*values["place"])
        walk.forest = Forest(walk.begin.sequence, [(width, bytes.fromhex(node)) for width, node in values["nodes"]])
        walk.cuts = dict(values["cuts"])
        walk.absent = {person: (first, last) for person, first, last in values["absent"]}
        walk.erased = set(values["erased"])
        walk.broken = None if values["broken"] is None else Broken(*values["broken"])
        return walk

    def _explain(self, stored: StoredEvent) -> None:
        """Raise Broken with what is wrong with an event; return if all is well with it, as at the first event of an origin."""
        expected = self.sequence + 1
        if stored.sequence != expected:
            raise Broken(expected, f"It is missing; the next event in the log is {stored.sequence}.")
        if chain(stored.prevhash, stored.head) != stored.hash:
            raise Broken(expected, "Its hash is not that of its head: one of the two was changed.")
        if stored.prevhash != self.hash:
            raise Broken(expected, "It does not follow from the event before it: the chain is broken between the two.")
        if digest(stored.data) != stored.datadigest:
            raise Broken(expected, "Its data are not those that were recorded.")
        _compare(stored)
        if stored.source != self.source:
            raise Broken(expected, f"It belongs to the log of {stored.source}.")
        if stored.recordedtime < self.recordedtime:
            raise Broken(expected, "It claims to be stored earlier than the event before it.")
        if self.origin is not None and stored.origin != self.origin:
            self._restored(stored, self.origin)

    def _restored(self, stored: StoredEvent, former: str) -> None:
        """Take note of a restore. A log changes its origin nowhere else."""
        data = json.loads(stored.data)
        # what stands before it was kept: a lower cut would excuse that from what the peers have seen
        if stored.type != RESTORED or data.get("origin_before") != former or data.get("cut") != self.sequence:
            raise Broken(stored.sequence, "The log changes its origin here, and no restore was recorded.")
        self.cuts[former] = data["cut"]


def _compare(stored: StoredEvent) -> None:
    """Raise Broken for a column that its head contradicts, and for a trace that could not have come, which stands outside the head."""
    for name, value in attributes_of(stored.head).items():
        if getattr(stored, name) != value:
            raise Broken(stored.sequence, f"Its column {name} differs from its head.")
    if stored.traceparent is not None and not TRACEPARENT.fullmatch(stored.traceparent):
        raise Broken(stored.sequence, "Its traceparent is not spelled as W3C's Trace Context does it.")
