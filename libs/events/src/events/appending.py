"""From drafts to the log: sequence, chain and tree are given here, under the lock on the head."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, insert

from events.catalogue import encode, type_of
from events.decider import Context, Fact
from events.envelope import COLUMNS, IN_HEAD, LARGEST_WIRE, StoredEvent, canonical, chain, digest, head_of, personal_digest
from events.errors import Invalid
from events.ledger import Frontier, leaf_hash
from events.prepared import Prepared
from events.projections import Recorded
from events.store import LogHead
from events.tables import events
from events.times import to_text

_INSERT = Prepared(insert(events), COLUMNS)
_row = attrgetter(*COLUMNS)
_ID = re.compile("[A-Za-z0-9_-]{1,64}")
_LARGEST_FRAME = 4096
"""What head, hashes and names may add to an event's own bytes on the wire."""
_SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Draft:
    """An event that a unit has decided, encoded and with its place in its stream, but not yet in the log."""

    fact: Fact
    context: Context
    data: bytes
    personal: bytes | None


def draft(event: Any, subject: str, context: Context, *, version: int, last: datetime | None, id_: str) -> Draft:
    """Return the draft of an event; `version` is its place in its stream, `last` the time of the one before it there.

    Raises Invalid when it must never be stored: it has no canonical form, is too large, or its subject has an id of a strange form.
    """
    _entity, _, ident = subject.partition("/")
    if not _ID.fullmatch(ident):
        raise Invalid(f"{ident!r} cannot be an id: 1 to 64 letters, digits, _ and - may.")
    data, private = encode(event)
    try:
        facts = canonical(data)
        personal = canonical(private) if private is not None else None
    except ValueError as error:
        raise Invalid("Something in it cannot be stored: text with half a character, a fraction, or a number beyond 2^53.") from error
    if len(facts) + len(personal or b"") + _LARGEST_FRAME > LARGEST_WIRE:
        raise Invalid(f"It is too large: an event has at most {LARGEST_WIRE // 1024} KiB.")
    time = context.at if last is None else max(context.at, last)
    fact = Fact(event=event, id=id_, subject=subject, streamversion=version, time=time, actor=context.actor, imported=context.imported)
    return Draft(fact, context, facts, personal)


def personal_of(subject: str, event: Any) -> str | None:
    """Return whose erasure blanks the personal part: the requester's for a ticket, the person's own for a user."""
    entity, _, ident = subject.partition("/")
    return ident if entity == "user" else getattr(event, "requester", None)


class Tail:
    """The end of the log while a batch is written: the next event takes its place after it."""

    def __init__(self, head: LogHead, frontier: Frontier | None = None) -> None:
        self.source, self.origin = head.source, head.origin
        self.sequence, self.hash, self.recordedtime = head.sequence, head.hash, head.recordedtime
        self.frontier = frontier or Frontier.load(head.sequence, head.tree)

    def append(
        self, connection: Connection, drafts: Sequence[Draft], now: datetime, random_bytes: Callable[[int], bytes]
    ) -> list[Recorded]:
        """Chain the drafts in order and insert them, all by one statement."""
        self.recordedtime = max(self.recordedtime, to_text(now))
        appended = [Recorded(self._seal(each, random_bytes), each.fact.event) for each in drafts]
        _INSERT.run(connection, [_row(item.stored) for item in appended])
        return appended

    def _seal(self, each: Draft, random_bytes: Callable[[int], bytes]) -> StoredEvent:
        fact, context, personal = each.fact, each.context, each.personal
        kind, actor = type_of(fact.event), fact.actor
        salt = random_bytes(_SALT_BYTES).hex() if personal is not None else None
        before = self.hash
        self.sequence += 1
        attributes = (
            self.sequence,
            fact.id,
            self.source,
            self.origin,
            kind.name,
            kind.version,
            fact.subject,
            fact.streamversion,
            to_text(fact.time),
            self.recordedtime,
            fact.imported,
            actor.kind,
            actor.id,
            actor.token,
            context.correlation,
            context.causation,
            digest(each.data),
            personal_digest(salt, personal) if personal is not None else None,
            personal_of(fact.subject, fact.event) if personal is not None else None,
        )
        head = head_of(dict(zip(IN_HEAD, attributes, strict=True)))
        self.hash = chain(before, head)
        self.frontier.append(leaf_hash(self.hash))
        return StoredEvent(*attributes, context.traceparent, head, each.data, personal, salt, before, self.hash)
