"""Reading the audit is audited itself: one event per reader, filter and ten minutes, whoever asks on whichever process."""

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from chassis import quotas
from chassis.context import context
from chassis.principal import Principal
from chassis.quotas import Quota
from chassis.service import running
from events.contracts.operation import AuditRead
from events.decider import Context, Key, Transaction
from events.envelope import Actor, canonical
from events.errors import TooMany

SUBJECT = "store/tickets"
WINDOW_S = 600

Filter = Mapping[str, Any]
"""What was read: `of` is the list, export, proof, checkpoints, search or feed; beside it the filters that were set, as plain values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """Records that somebody reads, unless the same is recorded already. Who comes second in a window finds it spent."""

    filter: Filter
    quota: Quota
    context: Context

    def reads(self) -> Iterable[Key]:
        return [("stream", SUBJECT), *quotas.reads([self.quota])]

    def run(self, tx: Transaction) -> None:
        try:
            quotas.spend(tx, [self.quota])
        except TooMany:
            return
        tx.append(SUBJECT, [AuditRead(filter=dict(self.filter))], self.context)


async def note(request: Request, by: Principal | Actor, of: str, filters: Filter) -> bool:
    """Record that somebody reads `of`, before it is shown; return False where it was recorded already.

    Raises Unavailable when the store does not take it: then nothing is shown.

    A part of a name or of an e-mail is not recorded, only that one was asked for: it would be personal, and no erasure would find it.
    """
    live = running(request)
    asked = {"of": of, **{name: value for name, value in filters.items() if value is not None}}
    actor = by.actor if isinstance(by, Principal) else by
    quota = Quota(_bucket(bytes.fromhex(live.secrets["cursor"]), actor, asked), 1, WINDOW_S)
    with live.store.read() as connection:
        spent = quotas.load(connection, [quota.bucket])[quota.bucket]
    if spent is not None and spent.count >= quota.limit and spent.ends > live.environment.now():
        return False
    told = {name: True if name == "q" else value for name, value in asked.items()}
    await live.writer.execute(Read(filter=told, quota=quota, context=context(request, by)))
    return True


def _bucket(secret: bytes, actor: Actor, asked: Filter) -> str:
    """Return what is counted: the whole of the filter counts, and without the desk's secret nobody can find out what it was by guessing."""
    stand_in = hmac.digest(secret, b"audit.read\0" + canonical(asked), "sha256").hex()[:32]
    return f"audit.read/{actor.kind}/{actor.id}/{actor.token or ''}/{stand_in}"
