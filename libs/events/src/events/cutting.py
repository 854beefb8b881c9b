"""A log made shorter, in a store that nobody uses: the store as it was at a point of its history, from which it goes on under a new origin.

Events are never deleted where a desk lives. This is for the copy that a restore makes: what it cuts off is told by `store.restored`, which
is the first thing that the restored store writes (`events.contracts.operation.StoreRestored`).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Connection, MetaData, String, Table, bindparam, delete, insert, select, update

from events.checkpoints import Signer, checkpoint_body, checkpoint_origin
from events.contracts.operation import StoreRestored
from events.decider import Context, Key, Transaction
from events.envelope import ZERO_HASH, StoredEvent
from events.ledger import Frontier, leaf_hash
from events.ledger_tables import cosignatures, tiles, watched, witnessed
from events.store import log_head
from events.tables import checkpoints, consumed, events, head, leases, origins, parked
from events.tiling import TILE
from events.times import to_text

GUARDS = ("events_stay", "checkpoints_stay")
"""The triggers that keep anybody from deleting; they are made again at the end."""
_CHUNK = 1_000

gone = Table("gone", MetaData(), Column("id", String(36), primary_key=True), prefixes=["TEMPORARY"])
"""While a store is cut: the ids of all events, of every source, that are no longer part of history."""

_GUARD = "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = ?"
_ADD_GONE = insert(gone)
_IDS_BEHIND = select(events.c.sequence, events.c.id).where(events.c.sequence > bindparam("after")).order_by(events.c.sequence).limit(_CHUNK)
_HASHES = (
    select(events.c.sequence, events.c.hash)
    .where(events.c.sequence > bindparam("after"), events.c.sequence <= bindparam("until"))
    .order_by(events.c.sequence)
    .limit(_CHUNK)
)
_MARK = select(events.c.origin, events.c.hash, events.c.recordedtime).where(events.c.sequence == bindparam("sequence"))
_SINCE = select(events.c.recordedtime).where(events.c.sequence > bindparam("after")).order_by(events.c.sequence).limit(1)
_SKIPPED = select(events.c.data).where(events.c.sequence > bindparam("after"), events.c.type == "event.skipped")
_WITNESSED = (
    select(witnessed.c.origin, witnessed.c.size, witnessed.c.root)
    .where(witnessed.c.source == bindparam("of"))
    .order_by(witnessed.c.size.desc(), witnessed.c.time.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Mark:
    """The last event of a log that is kept; sequence 0: none is. `recordedtime` is None then."""

    origin: str
    sequence: int
    hash: str
    recordedtime: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Where a desk is cut: after `position` of its journal, which is after `marks` in its logs, by source.

    `own` is the source of the store that is cut now, `since` when the first event was stored that goes from its log; None: none goes.
    """

    own: str
    position: int
    marks: Mapping[str, Mark]
    since: str | None

    @property
    def kept(self) -> int:
        """The last sequence of the own log that is kept."""
        return self.marks[self.own].sequence


def mark_at(connection: Connection, sequence: int) -> Mark:
    """Return the event at a sequence of the log as a mark. Raises LookupError when it is not there."""
    if sequence == 0:
        return Mark(log_head(connection).origin, 0, ZERO_HASH, None)
    row = connection.execute(_MARK, {"sequence": sequence}).one_or_none()
    if row is None:
        raise LookupError(f"The log has no event {sequence}.")
    return Mark(row.origin, sequence, row.hash, row.recordedtime)


def since(connection: Connection, kept: int) -> str | None:
    """Return when the first event after `kept` was stored; None when there is none."""
    return connection.scalar(_SINCE, {"after": kept})


def ids_behind(connection: Connection, kept: int) -> Iterator[list[str]]:
    """Yield the ids of the events after `kept`, some at a time."""
    after = kept
    while rows := connection.execute(_IDS_BEHIND, {"after": after}).all():
        yield [row.id for row in rows]
        after = rows[-1].sequence


def name_the_gone(connection: Connection, ids: Iterable[Sequence[str]]) -> None:
    """Put ids into the table `gone`, which is made if it is not there."""
    gone.create(connection, checkfirst=False)
    for some in ids:
        connection.execute(_ADD_GONE, [{"id": id_} for id_ in some])


def cut_log(connection: Connection, cut: Cut, skipped: Iterable[StoredEvent]) -> None:
    """Shorten the log of a store and what is kept beside it of other logs. `skipped` are the events whose skipping is cut off.

    The head row says then what the log says, the origin of its last event among it.
    """
    guards = [str(connection.exec_driver_sql(_GUARD, (name,)).scalar_one()) for name in GUARDS]
    for name in GUARDS:
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
    connection.execute(delete(events).where(events.c.sequence > cut.kept))
    connection.execute(delete(checkpoints).where(checkpoints.c.size > cut.kept))
    for guard in guards:
        connection.exec_driver_sql(guard)
    mark = cut.marks[cut.own]
    tree = _tree(connection, mark.sequence)
    values = {"origin": mark.origin, "sequence": mark.sequence, "hash": mark.hash, "tree": tree, "batch": head.c.batch + 1}
    if mark.recordedtime is not None:
        values["recordedtime"] = mark.recordedtime
    connection.execute(update(head).values(values))
    connection.execute(delete(leases))
    for source, other in cut.marks.items():
        _step_back(connection, source, other)
    cut_witness(connection, cut)
    for event in skipped:
        _set_aside(connection, event, mark.recordedtime or log_head(connection).recordedtime)


def cut_witness(connection: Connection, cut: Cut) -> None:
    """Take back what was witnessed of what is gone: of others by this store, and of its own log by others.

    A witness stands then where it stood at the largest checkpoint that is left to it, with the key that it pinned.
    """
    connection.execute(delete(cosignatures).where(cosignatures.c.size > cut.kept))
    connection.execute(delete(tiles).where(tiles.c.number >= cut.kept // TILE))
    for source, mark in cut.marks.items():
        of = watched.c.source == source
        connection.execute(delete(witnessed).where(witnessed.c.source == source, witnessed.c.size > mark.sequence))
        left = connection.execute(_WITNESSED, {"of": source}).one_or_none()
        back = {"origin": left.origin, "size": left.size, "root": left.root} if left else {"origin": "", "size": 0, "root": ""}
        connection.execute(update(watched).where(of, watched.c.size > mark.sequence).values(back))
        connection.execute(update(watched).where(of, watched.c.seen_sequence > mark.sequence).values(seen_sequence=0, seen_hash=""))


def skipped_behind(connection: Connection, cut: Cut) -> list[tuple[str, int]]:
    """Return (source, sequence) of the events, kept themselves, that an operator gave up after the cut: they wait for one again."""
    given_up = [json.loads(data) for data in connection.scalars(_SKIPPED, {"after": cut.kept})]
    found = [(event["source"], event["sequence"]) for event in given_up]
    return [(source, sequence) for source, sequence in found if source in cut.marks and sequence <= cut.marks[source].sequence]


def _tree(connection: Connection, size: int) -> bytes:
    frontier, after = Frontier(), 0
    while rows := connection.execute(_HASHES, {"after": after, "until": size}).all():
        for row in rows:
            frontier.append(leaf_hash(row.hash))
        after = rows[-1].sequence
    return frontier.dump()


def _step_back(connection: Connection, source: str, mark: Mark) -> None:
    """Let the consumer of a source stand at the mark, if it has come further; what is parked of later events goes."""
    connection.execute(delete(parked).where(parked.c.source == source, parked.c.sequence > mark.sequence))
    of = consumed.c.source == source
    if mark.sequence == 0:
        connection.execute(delete(consumed).where(of))
    else:
        there = {"origin": mark.origin, "sequence": mark.sequence, "hash": mark.hash}
        connection.execute(update(consumed).where(of, consumed.c.sequence > mark.sequence).values(there))
    connection.execute(delete(origins).where(origins.c.source == source, origins.c.first_sequence > mark.sequence))


def _set_aside(connection: Connection, event: StoredEvent, at: str) -> None:
    row = {"source": event.source, "sequence": event.sequence, "subject": event.subject, "type": event.type, "wire": event.wire()}
    why = {"tries": 0, "next_at": None, "error": "It was skipped after the point to which the desk was restored.", "parked_at": at}
    connection.execute(insert(parked), row | why)


def renew_origin(connection: Connection, origin: str) -> None:
    """Let what is written from now on be of another origin. Nothing else may be written before `Restored`."""
    connection.execute(update(head).values(origin=origin, batch=head.c.batch + 1))


@dataclass(frozen=True, slots=True)
class Restored:
    """Tells of a restore, as the first event of a new origin: a unit of the writer.

    `cuts` are (former origin, the last of its sequences that is kept); the first is that of the event before this one.
    """

    service: str
    cuts: Sequence[tuple[str, int]]
    by: Context

    def reads(self) -> Iterable[Key]:
        return [("stream", f"store/{self.service}")]

    def run(self, tx: Transaction) -> None:
        told = [StoreRestored(origin_before=origin, cut=cut) for origin, cut in self.cuts]
        tx.append(f"store/{self.service}", told, self.by)


def sign_head(connection: Connection, signer: Signer, now: datetime) -> None:
    """Sign a checkpoint over the whole log, unless there is one."""
    at = log_head(connection)
    if at.sequence == 0 or connection.scalar(select(checkpoints.c.size).where(checkpoints.c.size == at.sequence)):
        return
    signed_at = max(to_text(now), at.recordedtime)
    body = checkpoint_body(checkpoint_origin(at.source, at.origin), at.sequence, Frontier.load(at.sequence, at.tree).root(), signed_at)
    connection.execute(insert(checkpoints), {"size": at.sequence, "note": signer.sign(body), "time": signed_at})


def common(ours: Connection, theirs: Connection) -> int:
    """Return how many events two logs have in common; the chain makes all before the last common one equal too."""
    low, high = 0, min(log_head(ours).sequence, log_head(theirs).sequence)
    while low < high:
        middle = (low + high + 1) // 2
        if mark_at(ours, middle).hash == mark_at(theirs, middle).hash:
            low = middle
        else:
            high = middle - 1
    return low
