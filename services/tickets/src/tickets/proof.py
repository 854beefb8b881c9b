"""The proof file of a ticket: its events, each with a path to one signed checkpoint, so that they can be verified far from here.

It is made in pages as it is sent, so a ticket of ten thousand events takes no more memory than one of ten. What is sent was checked as its
reader will check it; a log that does not lead to what was signed is refused, and not proved.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select

from chassis.problems import declare
from chassis.service import Running
from events.checkpoints import Checkpoint, signer_of
from events.envelope import COLUMNS, StoredEvent, from_wire
from events.ledger import leaf_hash, verify_inclusion
from events.prepared import Query
from events.proving import LogBroken, Vouched, inclusion_paths
from events.store import stored
from events.tables import events
from tickets.errors import TicketNotFound
from tickets.units import subject

BROKEN = declare("log-broken", 409, "The log is not what was signed")

_PAGE = 25  # events
_NOTE = "ticket.note_added"

_LAST = select(func.max(events.c.streamversion), func.max(events.c.sequence)).where(events.c.subject == bindparam("subject"))
_EVENTS = Query(
    select(*(events.c[name] for name in COLUMNS))
    .where(events.c.subject == bindparam("subject"), events.c.streamversion > bindparam("after"))
    .order_by(events.c.streamversion)
    .limit(bindparam("limit"))
)


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that can be made: of the first `versions` events of the ticket, against a checkpoint over them."""

    live: Running
    ticket: int
    notes: bool
    versions: int
    signer: int
    """Which of the store's keys signed the checkpoint, the oldest first."""
    vouched: Vouched
    checkpoint: Checkpoint

    async def pages(self) -> AsyncIterator[bytes]:
        """Yield the file, part by part. Raises LogBroken at an event that is not what was signed."""
        yield self._beginning()
        for after in range(0, self.versions, _PAGE):
            page = await self.live.store.read_in_thread(lambda connection: self._page(connection, after))  # noqa: B023 -- awaited here
            yield (b"\n" if after == 0 else b",\n") + page
        yield b"\n]}\n"

    def _beginning(self) -> bytes:
        keys = self.live.keys
        parts = {
            "checkpoint": self.vouched.cosigned,
            "keys": [keys.first, *(word.key for word in self.vouched.words)],
            "rotations": keys.rotations[: self.signer],
        }
        told = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
        return f'{told[:-1]},"events":['.encode()

    def _page(self, connection: Connection, after: int) -> bytes:
        limit = min(_PAGE, self.versions - after)
        rows = _EVENTS.rows(connection, {"subject": subject(self.ticket), "after": after, "limit": limit})
        page = [stored(row) for row in rows]
        if [each.streamversion for each in page] != list(range(after + 1, after + 1 + limit)):
            raise LogBroken
        try:
            paths = inclusion_paths(connection, [each.sequence for each in page], self.checkpoint.size)
        except (ValueError, IndexError) as error:
            raise LogBroken from error
        return b",\n".join(self._entry(each, path) for each, path in zip(page, paths, strict=True))

    def _entry(self, event: StoredEvent, path: list[str]) -> bytes:
        try:
            checked = from_wire(event._replace(traceparent=None).wire())
        except (ValueError, KeyError, TypeError) as error:
            raise LogBroken from error
        index, leaf = checked.sequence - 1, leaf_hash(checked.hash)
        if index != event.sequence - 1 or not verify_inclusion(leaf, index, self.checkpoint.size, path, self.checkpoint.root):
            raise LogBroken
        shown = checked._replace(personal=None, salt=None) if event.type == _NOTE and not self.notes else checked
        return b'{"event":%b,"index":%d,"path":%b}' % (shown.wire(), index, json.dumps(path, separators=(",", ":")).encode())


async def proof_of(live: Running, ticket: int, *, notes: bool) -> Proof:
    """Return the proof of a ticket's events so far; a checkpoint over the last of them is signed where there is none.

    Raises TicketNotFound, or LogBroken when the log does not lead to its checkpoint.
    """
    with live.store.read() as connection:
        versions, last = connection.execute(_LAST, {"subject": subject(ticket)}).one()
    if versions is None:
        raise TicketNotFound(ticket)
    vouched = await live.prover.checkpoint_over(last)
    try:
        signer = signer_of(vouched.note, live.keys.all)
    except ValueError as error:
        raise LogBroken from error
    checkpoint = vouched.parsed()
    await live.prover.check(checkpoint)
    return Proof(live, ticket, notes, versions, signer, vouched, checkpoint)
