"""A service as a witness of those it consumes, and as an owner who is witnessed: its side of both, over HTTP."""

import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects.postgresql import insert  # SQLite's ON CONFLICT is written alike, and this form compiles for both

from chassis.service import Running
from chassis.settings import SERVICES
from events import positions, proving, tables, tiles
from events.checkpoints import Checkpoint
from events.cosignatures import verify_cosignature
from events.decider import Key, Transaction
from events.envelope import StoredEvent, from_wire
from events.errors import Conflict, DomainError, Invalid, NotFound, Unavailable
from events.ledger_tables import cosignatures
from events.notes import Key as VerifierKey
from events.notes import open_note
from events.proving import LogBroken
from events.witness import Witness

logger = logging.getLogger(__name__)

_TILES_EVERY_S = 10.0
_BREATH_S = 0.1
"""Between two steps of some 8,000 events: who waits for an answer comes first."""
_PATIENCE = 30.0
"""Seconds: an owner whose tiles are made anew takes some."""
_NOTE = select(tables.checkpoints.c.note).where(tables.checkpoints.c.size == bindparam("size"))
_KEEP = insert(cosignatures).on_conflict_do_nothing()

Shown = dict[str, Any]
"""What an owner shows: see `events.witnessing.Offer`; `cosigned` are the keys of those whose cosignatures it has."""


def witness_of(live: Running, source: str) -> Witness:
    """Return this service's witness of a source."""

    async def ask(source: str, question: Mapping[str, str | int]) -> Shown:
        answer = await live.peers.get(source.strip("/"), "/internal/ledger", params=question, within=_PATIENCE)
        if answer.status_code != 200:
            raise Unavailable(f"The service {source.strip('/')} does not show its ledger to us.")
        shown: Shown = answer.json()
        return shown

    async def tell(source: str, cosignature: dict[str, Any]) -> None:
        answer = await live.peers.post(source.strip("/"), "/internal/cosignatures", cosignature, within=_PATIENCE)
        if answer.status_code != 204:
            raise Unavailable(f"The service {source.strip('/')} does not take our cosignature.")

    return Witness(
        source=source, store=live.store, writer=live.writer, cosigner=live.cosigner, ask=ask, tell=tell, environment=live.environment
    )


async def anchor_of(live: Running, source: str) -> StoredEvent | None:
    """Return the event that stands in a source's log where its consumer is, None before the first. Raises Conflict when there is none."""
    with live.store.read() as connection:
        sequence = positions.load(connection, source).sequence
    if not sequence:
        return None
    wires = await live.peers.feed(source, sequence - 1, 1)
    if not wires:
        raise Conflict(f"The log of {source} ends before event {sequence}, which was consumed here: put the right store back.")
    return from_wire(wires[0])


async def keep_tiles(live: Running) -> None:
    """Write the tiles that the log has filled, now and then, for ever: then a proof need not wait for them."""
    while True:
        try:
            await tiles.extend(live.store, live.writer, partial(live.environment.sleep, _BREATH_S))
        except DomainError as error:
            logger.warning("The tiles of the log could not be written: %s", error)
        await live.environment.sleep(_TILES_EVERY_S)


async def show(live: Running, *, since: int, leaf: int, origin: str) -> Shown:
    """Return what a witness asks for: the newest checkpoint, and proofs that lead to it from a tree, from an event and from an origin."""
    newest = await live.prover.newest()
    keys: Shown = {"source": live.service.source, "first": live.keys.first, "rotations": live.keys.rotations}
    if newest is None:
        return {**keys, "note": None, "consistency": [], "inclusion": [], "restores": [], "cosigned": []}
    checkpoint = newest.parsed()
    with suppress(LogBroken):  # the witness is to find out by itself
        await live.prover.check(checkpoint)

    def prove(connection: Connection) -> Shown:
        return _proofs(connection, checkpoint, live.service.source, since=since, leaf=leaf, origin=origin)

    proofs = await live.store.read_in_thread(prove)
    return {**keys, "note": newest.note, **proofs, "cosigned": [word.key for word in newest.words]}


def _proofs(connection: Connection, checkpoint: Checkpoint, source: str, *, since: int, leaf: int, origin: str) -> Shown:
    size = checkpoint.size
    restores = proving.restores(connection, source) if origin and not checkpoint.origin.endswith(f"/{origin}") else []
    restores = [restored for restored in restores if restored.sequence <= size]
    sequences = [restored.sequence for restored in restores] + ([leaf] if 0 < leaf <= size else [])
    try:
        consistency = proving.consistency_path(connection, since, size) if 0 < since <= size else []
        *paths, last = [*proving.inclusion_paths(connection, sequences, size), []]
    except ValueError:  # there are fewer events than were signed
        return {"consistency": [], "inclusion": [], "restores": []}
    if 0 < leaf <= size:
        *paths, last = paths
    shown = [{"wire": restored.wire().decode(), "path": path} for restored, path in zip(restores, paths, strict=True)]
    return {"consistency": consistency, "inclusion": last, "restores": shown}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepCosignature:
    """Keeps a witness's word: a unit of the writer."""

    note: str
    size: int
    key: str
    line: str
    time: int

    def reads(self) -> Iterable[Key]:
        return ()

    def run(self, tx: Transaction) -> None:
        row = {"checkpoint": proving.digest_of(self.note), "key": self.key, "size": self.size, "line": self.line, "time": self.time}
        tx.write(_KEEP, row)


async def keep_cosignature(live: Running, size: int, key: str, line: str) -> None:
    """Keep a witness's word about a checkpoint of ours: a peer's, by the key that the peer itself shows.

    Raises NotFound when there is no such checkpoint, Invalid when it is not a peer's word, Unavailable when the peer cannot be asked.
    """
    with live.store.read() as connection:
        note = connection.execute(_NOTE, {"size": size}).scalar_one_or_none()
    if note is None:
        raise NotFound(f"There is no checkpoint over {size} events.")
    try:
        cosignature = verify_cosignature(open_note(note)[0], line, key)
    except ValueError as error:
        raise Invalid(str(error), [(("body", "line"), str(error))]) from error
    if not await _is_a_peers(live, key):
        reason = "This is not the key of a service that could have witnessed our log."
        raise Invalid(reason, [(("body", "key"), reason)])
    await live.writer.execute(KeepCosignature(note=note, size=size, key=key, line=line, time=cosignature.time))


async def _is_a_peers(live: Running, key: str) -> bool:
    """Return whether a key is the one with which the peer of its name cosigns: anybody can make a key of that name."""
    peer = VerifierKey.parse(key).name.removeprefix("ste-")
    if peer == live.service.name or peer not in SERVICES:
        return False
    answer = await live.peers.get(peer, "/internal/checkpoints", params={"limit": 1}, within=_PATIENCE)
    if answer.status_code != 200:
        raise Unavailable(f"The service {peer} does not show its key to us.")
    return bool(answer.json()["cosigner"] == key)
