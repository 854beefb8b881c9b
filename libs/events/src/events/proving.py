"""What a store can prove of its own log: checkpoints with the words of witnesses, and paths to them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection, bindparam, select

from events import tables, tiles, tiling
from events.catalogue import type_of
from events.checkpoints import Checkpoint
from events.contracts.operation import StoreRestored
from events.envelope import COLUMNS, StoredEvent
from events.errors import Conflict
from events.ledger_tables import cosignatures
from events.notes import open_note
from events.prepared import Query
from events.store import LogHead, Store, log_head, stored
from events.tiles import StoredTiles
from events.writer import Vouch, Writer

logger = logging.getLogger(__name__)

_LOOK_BACK = 100
"""Checkpoints among which the one with the most cosignatures is chosen."""

_NEWEST = (
    select(tables.checkpoints)
    .where(tables.checkpoints.c.size >= bindparam("least"))
    .order_by(tables.checkpoints.c.size.desc())
    .limit(bindparam("limit"))
)
_COSIGNED = (
    select(cosignatures)
    .where(cosignatures.c.size >= bindparam("first"), cosignatures.c.size <= bindparam("last"))
    .order_by(cosignatures.c.key)
)


_RESTORES = Query(
    select(*(tables.events.c[name] for name in COLUMNS))
    .where(tables.events.c.subject == bindparam("subject"), tables.events.c.type == type_of(StoreRestored).name)
    .order_by(tables.events.c.streamversion)
)


class LogBroken(Conflict):
    """The log is not what was signed, so nothing of it can be proved."""

    def __init__(self) -> None:
        super().__init__("The log does not lead to its signed checkpoint. Let it be verified: that names the event.", code="log-broken")


@dataclass(frozen=True, slots=True)
class Word:
    """A witness's cosignature: its key, the signature line, and when it was given, in seconds since 1970."""

    key: str
    line: str
    time: int


@dataclass(frozen=True, slots=True)
class Vouched:
    """A checkpoint of this store: `note` as it was signed, and what witnesses said of it, ordered by their keys."""

    size: int
    time: str
    note: str
    words: Sequence[Word] = ()

    @property
    def cosigned(self) -> str:
        """The note with the witnesses' lines."""
        return self.note + "".join(word.line for word in self.words)

    def parsed(self) -> Checkpoint:
        """Return what it says; nothing is verified here."""
        return Checkpoint.parse(open_note(self.note)[0])


def digest_of(note: str) -> str:
    """Return what a checkpoint's cosignatures are kept under: SHA-256 of its text, in hex."""
    return sha256(open_note(note)[0].encode()).hexdigest()


def checkpoints(connection: Connection, least: int, limit: int) -> list[Vouched]:
    """Return the newest checkpoints over at least so many events, the newest first."""
    return vouched(connection, connection.execute(_NEWEST, {"least": least, "limit": limit}).all())


def vouched(connection: Connection, rows: Sequence[object]) -> list[Vouched]:
    """Return these rows of the table of checkpoints with their cosignatures."""
    found = [Vouched(row.size, row.time, row.note) for row in rows]  # type: ignore[attr-defined]
    if not found:
        return []
    sizes = [each.size for each in found]
    words: dict[str, list[Word]] = {}
    for row in connection.execute(_COSIGNED, {"first": min(sizes), "last": max(sizes)}):
        words.setdefault(row.checkpoint, []).append(Word(row.key, row.line, row.time))
    return [Vouched(each.size, each.time, each.note, words.get(digest_of(each.note), ())) for each in found]


def restores(connection: Connection, source: str) -> list[StoredEvent]:
    """Return the events that record restores of this store, in order."""
    return [stored(row) for row in _RESTORES.rows(connection, {"subject": f"store/{source.strip('/')}"})]


def _newest(connection: Connection) -> tuple[LogHead, Vouched | None]:
    return log_head(connection), next(iter(checkpoints(connection, 0, 1)), None)


class Prover:
    """Proves what is in one store's log."""

    def __init__(self, store: Store, writer: Writer) -> None:
        self._store, self._writer = store, writer
        self._broken: Checkpoint | None = None
        """To which the log did not lead either: the tiles are not made anew for it again."""

    async def checkpoint_over(self, sequence: int) -> Vouched:
        """Return a checkpoint over an event: of the newest the one that most witnesses cosigned. Where there is none, one is signed."""
        found = await self._choose(sequence)
        if found is None:
            await self._writer.execute(Vouch())
            found = await self._choose(sequence)
        if found is None:
            raise LogBroken
        return found

    async def _choose(self, sequence: int) -> Vouched | None:
        newest = await self._store.read_in_thread(lambda connection: checkpoints(connection, sequence, _LOOK_BACK))
        return max(newest, key=lambda each: (len(each.words), each.size), default=None)

    async def check(self, checkpoint: Checkpoint) -> None:
        """Raise LogBroken unless this store's tree leads to a checkpoint of its own.

        Tiles that do not, as after somebody changed them or the log was cut, are made anew from the log, once.
        """
        if await self._leads_to(checkpoint):
            return
        if checkpoint != self._broken:
            logger.warning("The tiles do not lead to the signed root over %s events; they are made anew.", checkpoint.size)
            await self._writer.execute(tiles.DropTiles())
            if await self._leads_to(checkpoint):
                return
        self._broken = checkpoint
        raise LogBroken

    async def _leads_to(self, checkpoint: Checkpoint) -> bool:
        await tiles.extend(self._store, self._writer)
        return await self._store.read_in_thread(lambda connection: tiles.root_at(connection, checkpoint.size)) == checkpoint.root

    async def newest(self) -> Vouched | None:
        """Return the newest checkpoint, None before the first. A log that got another origin, as by a restore, signs one first."""
        head, newest = await self._store.read_in_thread(_newest)
        if newest is not None and not newest.parsed().origin.endswith(f"/{head.origin}"):
            await self._writer.execute(Vouch())
            _, newest = await self._store.read_in_thread(_newest)
        return newest


def inclusion_paths(connection: Connection, sequences: Sequence[int], size: int) -> list[list[str]]:
    """Return the path of each event in the tree of `size` events."""
    paths = tiling.inclusion_paths(StoredTiles(connection), [sequence - 1 for sequence in sequences], size)
    return [paths[sequence - 1] for sequence in sequences]


def consistency_path(connection: Connection, old: int, new: int) -> list[str]:
    """Return the proof that the tree of `old` events is the beginning of that of `new`."""
    return tiling.consistency_path(StoredTiles(connection), old, new)
