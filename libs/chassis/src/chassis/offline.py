"""A service's store opened while the service is not running: by the service's own code, with its writer, and without a network."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from sqlalchemy import select

from chassis.lifecycle import open_store
from chassis.service import Running, Service
from chassis.settings import Settings
from chassis.writing import writer_for
from events.consumer import OwnersFeed
from events.environment import Environment, real_environment
from events.following import Filling, reset
from events.rebuilding import rebuild
from events.tables import projections


@asynccontextmanager
async def offline(
    service: Service, settings: Settings, *, afresh: bool = False, environment: Environment | None = None
) -> AsyncIterator[Running]:
    """Open a store with its writer; whoever calls holds its lock file. `afresh`: projections are emptied and filled again.

    The block runs once every projection is filled; no event is consumed, no job run, nothing published. Raises what the store raises.
    """
    async with AsyncExitStack() as stack:
        live = await open_store(stack, service, settings, environment or real_environment())
        live.writer = writer_for(live)
        if afresh:
            await asyncio.to_thread(_empty_projections, live)
        await asyncio.to_thread(live.writer.start)
        stack.push_async_callback(live.writer.stop)
        while live.writer.followers.behind:
            await live.writer.execute(Filling())
        yield live


def _empty_projections(live: Running) -> None:
    with live.store.writing.begin() as connection:
        known = set(connection.scalars(select(projections.c.name)))
        for _, following in live.writer.followers.feeds:
            for projection in following:
                reset(connection, projection, new=projection.name not in known)


async def refill(live: Running, feed: OwnersFeed) -> None:
    """Fill the tables again that the service's consumers derive; `feed` reads the logs of the others."""
    for subscription in live.parts.subscriptions:
        if subscription.tables:
            await rebuild(writer=live.writer, store=live.store, own=live.service.source, subscription=subscription, feed=feed)
