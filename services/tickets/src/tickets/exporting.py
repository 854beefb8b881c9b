"""The audit as a file, made as it is sent: in the order of the journal, in short reads, and no larger in memory than a page.

What covers it is settled before the first byte: a checkpoint of each source over all that the journal had of it, signed now where there was
none; the file ends where they do. Whatever is filtered out is passed over as subtrees, so that every file leads to the signed roots.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from chassis.covering import covering
from chassis.service import Running
from events.envelope import StoredEvent
from events.errors import Unavailable
from events.exports import Covered, Export, Format
from events.proving import LogBroken
from events.tables import projections
from tickets import journal, trail
from tickets.auditing import Audit
from tickets.tables import journal as rows
from tickets.trail import Listed, Sought

_PAGE = 500  # events
_AT_ONCE = 8  # exports whose readers take what they are given
_LOOK_S, _LOOKS = 0.1, 100
"""How often, and how many times, it is looked whether the journal has what a checkpoint covers that was signed a moment ago."""
_SIGN_S = 30.0

_LAST = select(rows.c.source, func.max(rows.c.sequence)).group_by(rows.c.source)
_WHERE = select(rows.c.position).where(rows.c.source == bindparam("source"), rows.c.sequence == bindparam("sequence"))
_LISTED_UP_TO = select(projections.c.position, projections.c.error).where(projections.c.name == Audit.name)


@dataclass(frozen=True, slots=True)
class Plan:
    """What an export will hold: up to which place in the journal, and what covers each source by then."""

    until: int
    covered: Sequence[Covered]


async def plan(live: Running) -> Plan:
    """Settle what covers an export that begins now.

    Raises Unavailable when too many are made at once, or a service does not sign, LogBroken when one cannot.
    """
    live.store.exports.require_room(_AT_ONCE, retry_after=30)
    last: dict[str, int] = dict(await live.store.read_in_thread(lambda connection: [tuple(row) for row in connection.execute(_LAST)]))
    covered = await asyncio.gather(*(_cover(live, source, sequence) for source, sequence in sorted(last.items())))
    for _ in range(_LOOKS):
        until = await live.store.read_in_thread(lambda connection: _reaches(connection, covered))
        if until is not None:
            return Plan(until, covered)
        await live.environment.sleep(_LOOK_S)
    raise Unavailable("The audit list has not yet what was signed. Try again in a moment.", 5)


async def _cover(live: Running, source: str, sequence: int) -> Covered:
    if source == live.service.source:
        return await covering(live, sequence)
    service = source.strip("/")
    answer = await live.peers.post(service, "/internal/cover", {"sequence": sequence}, within=_SIGN_S)
    if answer.status_code == 409:
        raise LogBroken
    if answer.status_code != 200:
        raise Unavailable(f"The service {service} does not sign for us.")
    return Covered(**answer.json())


def _reaches(connection: Connection, covered: Sequence[Covered]) -> int | None:
    """Return the place in the journal by which it has all that is covered; None while it, or the audit list, has not."""
    places = [connection.scalar(_WHERE, {"source": each.source, "sequence": each.size}) for each in covered]
    listed, error = connection.execute(_LISTED_UP_TO).one()
    if error is not None:
        raise Unavailable("The audit list has stopped, and would not be whole. ste doctor says why.", 60)
    until = max((place for place in places if place is not None), default=0)
    return until if None not in places and listed >= until else None


async def file(live: Running, sought: Sought, format_: Format, planned: Plan, about: Mapping[str, Any]) -> AsyncIterator[bytes]:
    """Yield the file, part by part, the first once it is known that it can begin.

    Raises JournalBroken at an event that is not what was written, and LogBroken at its end when they were not what was signed: such a
    file has no seal.
    """
    export = Export(format=format_, covered=planned.covered)
    ends = {each.source: each.size for each in planned.covered}
    begun = export.beginning()
    for after in range(0, planned.until, _PAGE):
        until = min(after + _PAGE, planned.until)

        def page(connection: Connection, after: int = after, until: int = until) -> bytes:
            events = journal.stretch(connection, after, until)
            return _page(export, ends, events, trail.listed_between(connection, sought, after, until))

        part = begun + await live.store.read_in_lane(live.store.exports, page, patient=after > 0)  # what has begun is not broken off
        if part or after == 0:
            yield part
        begun = b""
    try:
        yield begun + export.end(about, live.signer)
    except ValueError as error:
        raise LogBroken from error


def _page(export: Export, ends: Mapping[str, int], events: Sequence[tuple[int, StoredEvent]], listed: Mapping[int, Listed]) -> bytes:
    parts: list[bytes] = []
    for position, stored in events:
        if stored.sequence > ends.get(stored.source, 0):  # it came after what covers this export
            continue
        entry = listed.get(position)
        if entry is None:
            export.pass_over(stored)
        else:
            parts.append(export.entry(stored, entry.action, entry.name))
    return b"".join(parts)
