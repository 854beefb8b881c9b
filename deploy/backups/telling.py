"""What a restored desk is told before it is put in place, by the services' own code: that it was restored, and who is erased in it."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from chassis.offline import offline, refill
from chassis.settings import SERVICES, Settings
from deploy.backups.erasing import erase_in_all
from deploy.backups.former import Held
from deploy.backups.services import Declared
from events.consumer import OwnersFeed
from events.cutting import Restored, mark_at, renew_origin, sign_head
from events.decider import Context
from events.envelope import Actor
from events.environment import real_environment
from events.store import Store, log_head, read_log

OPERATOR = Actor(kind="system", id="operator")


async def tell_all(services: Mapping[str, Declared], inside: Settings, origins: Mapping[str, Sequence[Held]], *, afresh: bool) -> None:
    """Tell every log of the restore, under a new origin and a signed checkpoint. `afresh`: what is derived is filled again.

    `origins` are those that each had before: (origin, the last sequence that is kept).
    """
    environment = real_environment()
    for name, declared in services.items():
        async with offline(declared.service, inside, afresh=afresh, environment=environment) as live:
            cuts = await asyncio.to_thread(_begin_anew, live.store, origins[name])
            by = Context(actor=OPERATOR, at=environment.now(), correlation=environment.new_id())
            await live.writer.execute(Restored(name, cuts, by))
            await declared.rewind.resume(live)
            if afresh:
                with logs_of(inside) as feed:
                    await refill(live, feed)
            with live.store.writing.begin() as connection:
                sign_head(connection, live.signer, environment.now())


async def erase_all(services: Mapping[str, Declared], inside: Settings, people: frozenset[str]) -> None:
    """Take what is left of erased people out of every store, once all logs were told. Raises Refusal when a store is not to hear of it."""
    with logs_of(inside) as feed:
        await erase_in_all(services, inside, people, feed, real_environment())


def _begin_anew(store: Store, origins: Sequence[Held]) -> list[Held]:
    """Give a store a new origin, and return what is to be told of the former ones: (origin, the last sequence that is kept).

    Nothing may be written before that is told: a checkpoint would be signed for an origin that has no event yet.
    """
    with store.writing.begin() as connection:
        head = log_head(connection)
        cuts = {mark_at(connection, head.sequence).origin: head.sequence}
        for origin, held in origins:
            cuts.setdefault(origin, min(held, head.sequence))
        renew_origin(connection, real_environment().new_id())
    return list(cuts.items())


@contextmanager
def logs_of(inside: Settings) -> Iterator[OwnersFeed]:
    """Read the logs of stores as their owners would serve them."""
    stores = {f"/{name}": Store(inside.database_of(name)) for name in SERVICES}

    async def feed(source: str, after: int, limit: int) -> list[bytes]:
        found = await stores[source].read_in_thread(lambda connection: read_log(connection, after, limit))
        return [stored.wire() for stored in found]

    try:
        yield feed
    finally:
        for store in stores.values():
            store.close()
