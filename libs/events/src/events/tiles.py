"""The tiles of a store's own tree: read for proofs, and written behind the log as it grows."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import insert  # SQLite's ON CONFLICT is written alike, and this form compiles for both

from events import tables, tiling
from events.decider import Key, Transaction
from events.ledger import Frontier, leaf_hash
from events.ledger_tables import tiles
from events.prepared import Query
from events.store import Store, log_head
from events.tiling import TILE
from events.writer import Writer

_HASH_BYTES = 32
_AT_ONCE = 32
"""Tiles that are made in one read and written in one unit: some 8,000 events."""

_event = tables.events.c
_HASHES = Query(
    select(_event.hash).where(_event.sequence > bindparam("after"), _event.sequence <= bindparam("until")).order_by(_event.sequence)
)
_ROOTS = select(tiles.c.number, tiles.c.root).where(tiles.c.number < bindparam("count")).order_by(tiles.c.number)
_TILE = select(tiles.c.root, tiles.c.leaves).where(tiles.c.number == bindparam("number"))
_COUNT = select(func.count(), func.coalesce(func.max(tiles.c.number), -1) + 1)
_ADD = insert(tiles).on_conflict_do_nothing()
_DROP = delete(tiles)

Row = dict[str, int | bytes]


class StoredTiles:
    """The tiles as they are in the store; what is not there yet is read from the log."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def roots(self, count: int) -> Iterator[bytes]:
        """Return the roots of the first `count` tiles."""
        next_ = 0
        for number, root in self._connection.execute(_ROOTS, {"count": count}):
            yield from self._made(next_, number)
            yield root
            next_ = number + 1
        yield from self._made(next_, count)

    def leaves(self, number: int, count: int) -> Sequence[bytes]:
        """Return the first `count` leaves of a tile; those that are not what its root stands for are passed over for the log's."""
        row = self._connection.execute(_TILE, {"number": number}).one_or_none()
        if row is not None:
            leaves = [row.leaves[at : at + _HASH_BYTES] for at in range(0, len(row.leaves), _HASH_BYTES)]
            if len(leaves) == TILE and root_of(leaves) == row.root:
                return leaves[:count]
        return leaves_of(self._connection, number, count)

    def _made(self, start: int, end: int) -> Iterator[bytes]:
        return (root_of(leaves_of(self._connection, number, TILE)) for number in range(start, end))


def leaves_of(connection: Connection, number: int, count: int) -> list[bytes]:
    """Return the first `count` leaves of a tile, from the log."""
    first = number * TILE
    return [leaf_hash(hash_) for (hash_,) in _HASHES.rows(connection, {"after": first, "until": first + count})]


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root over some leaves."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


@dataclass(frozen=True, slots=True)
class AddTiles:
    """Writes tiles; one that another process wrote stays."""

    rows: Sequence[Row]

    def reads(self) -> Iterable[Key]:
        return ()

    def run(self, tx: Transaction) -> None:
        for row in self.rows:
            tx.write(_ADD, row)


class DropTiles:
    """Throws all tiles away."""

    def reads(self) -> Iterable[Key]:
        return ()

    def run(self, tx: Transaction) -> None:
        tx.write(_DROP, {})


async def extend(store: Store, writer: Writer, pause: Callable[[], Awaitable[None]] | None = None) -> None:
    """Write the tiles that the log has filled since, in steps, with a pause after each. Where one is missing, all are made anew."""
    while True:
        whole, rows = await store.read_in_thread(_following)
        if not whole:
            await writer.execute(DropTiles())
        elif rows:
            await writer.execute(AddTiles(rows))
        else:
            return
        if pause is not None:
            await pause()


def _following(connection: Connection) -> tuple[bool, list[Row]]:
    full, (count, have) = log_head(connection).sequence // TILE, connection.execute(_COUNT).one()
    return count == have, [_tile(connection, number) for number in range(have, min(have + _AT_ONCE, full))]


def _tile(connection: Connection, number: int) -> Row:
    leaves = leaves_of(connection, number, TILE)
    return {"number": number, "root": root_of(leaves), "leaves": b"".join(leaves)}


def root_at(connection: Connection, size: int) -> bytes | None:
    """Return the root of the first `size` events by the tiles; None when there are fewer."""
    try:
        return tiling.root(StoredTiles(connection), size)
    except ValueError:
        return None
