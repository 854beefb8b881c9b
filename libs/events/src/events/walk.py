"""The walk over a log: every event's bytes, from the first to the last, against its chain, its digests and its columns.

It is the inner loop of `events.verify`, and of nothing else: some microseconds per event, a few hashes of state, no copy of the log.
"""

import json
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from events.envelope import COLUMNS, ZERO_HASH, StoredEvent, attributes_of, chain, digest
from events.ledger import Frontier

ERASED = "user.erased"
RESTORED = "store.restored"

_IMPORTED = {False: "", True: '"imported":true,'}
_QUOTES = 50  # quotation marks in a head without optional attributes: two for each name, two for each value that is text


class Broken(Exception):
    """The log is not what was written. `sequence` is the first event where that shows, `reason` a sentence for people."""

    def __init__(self, sequence: int, reason: str) -> None:
        super().__init__(reason)
        self.sequence = sequence
        self.reason = reason


class Walk:
    """Where a walk stands: after `sequence` events of `source`, the last of which has `hash`.

    `frontier` is the tree so far; `cuts` are the ends of former origins, as restores recorded them; `absent` are the first and the last
    event, by person, whose personal part is gone without a `user.erased` behind it in this very log; `erased` are those who have one here.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.origin: str | None = None
        self.sequence = 0
        self.hash = ZERO_HASH
        self.recordedtime = ""
        self.frontier = Frontier()
        self.cuts: dict[str, int] = {}
        self.absent: dict[str | None, tuple[int, int]] = {}
        self.erased: set[str] = set()

    def take(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Walk on over rows of the table `events`, in the order of their sequences, columns as in COLUMNS. Raises Broken."""
        try:
            self._take(rows)
        except (TypeError, ValueError, LookupError) as error:
            raise Broken(self.sequence + 1, f"A column of it holds what cannot stand there ({type(error).__name__}).") from error

    def _take(self, rows: Iterable[tuple[Any, ...]]) -> None:
        last = bytes.fromhex(self.hash)
        for row in rows:
            # fmt: off
            (sequence, id_, source, origin, type_, dataversion, subject, streamversion, time, recordedtime, imported, actorkind, actorid,
             tokenid, correlationid, causationid, datadigest, personaldigest, personalof, _, head, data, personal, salt, prevhash,
             hash_) = row
            # fmt: on
            # The head that these columns would give: equal bytes are equal columns, if no value brings a quotation mark of its own. That
            # costs a third of parsing the head. Where it does not hold, `_explain` parses the head and says why.
            causation = "" if causationid is None else f'"causationid":"{causationid}",'
            correlation = "" if correlationid is None else f'"correlationid":"{correlationid}",'
            sealed = "" if personaldigest is None else f'"personaldigest":"{personaldigest}",'
            owner = "" if personalof is None else f'"personalof":"{personalof}",'
            token = "" if tokenid is None else f'"tokenid":"{tokenid}",'
            columns = (
                f'{{"actorid":"{actorid}","actorkind":"{actorkind}",{causation}{correlation}"datadigest":"{datadigest}",'
                f'"dataversion":{dataversion},"id":"{id_}",{_IMPORTED[imported]}"origin":"{origin}",{sealed}{owner}'
                f'"recordedtime":"{recordedtime}","sequence":{sequence},"source":"{source}","specversion":"1.0",'
                f'"streamversion":{streamversion},"subject":"{subject}","time":"{time}",{token}"type":"{type_}"}}'
            )
            optional = bool(causation) + bool(correlation) + bool(sealed) + bool(owner) + bool(token)
            raw = sha256(last + head).digest()
            if (
                hash_ != raw.hex()
                or prevhash != self.hash
                or sequence != self.sequence + 1
                or columns.encode() != head
                or columns.count('"') != _QUOTES + 4 * optional + 2 * imported
                or sha256(data).hexdigest() != datadigest
                or recordedtime < self.recordedtime
                or origin != self.origin
                or source != self.source
            ):
                self._explain(StoredEvent(**dict(zip(COLUMNS, row, strict=True))))
            if personal is not None:
                salted = bytes.fromhex(salt or "")
                if sha256(salted + personal).hexdigest() != personaldigest or salted.hex() != salt:
                    raise Broken(sequence, "Its personal part is not the one that was recorded.")
            elif salt is not None:
                raise Broken(sequence, "It has a salt without a personal part.")
            elif personaldigest is not None:
                self.absent[personalof] = (self.absent.get(personalof, (sequence, 0))[0], sequence)
            if type_ == ERASED:
                self.erased.add(person := subject.removeprefix("user/"))
                self.absent.pop(person, None)
            self.frontier.append(sha256(b"\x00" + raw).digest())
            self.sequence, self.hash, self.recordedtime, self.origin = sequence, hash_, recordedtime, origin
            last = raw

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
        for name, value in attributes_of(stored.head).items():
            if getattr(stored, name) != value:
                raise Broken(expected, f"Its column {name} differs from its head.")
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
