"""A service's store opened while the service is not running: by the service's own code, with its writer, and without a network."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from sqlalchemy import select

from chassis.erasing import eraser_of
from chassis.lifecycle import consumer_of, open_store
from chassis.service import Running, Service
from chassis.settings import Settings
from chassis.writing import writer_for
from events.consumer import OwnersFeed
from events.environment import Environment, real_environment
from events.erasures import erasure_of
from events.following import Filling, reset
from events.forms import is_outdated
from events.handling import Subscription
from events.rebuilding import rebuild
from events.streams import BrokerDown, Delivery
from events.tables import projections

_ERASES = "/auth"
"""Whose log says who was erased."""


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
            await _fill(live, subscription, feed)


async def erase_again(live: Running, people: Iterable[str], feed: OwnersFeed) -> None:
    """Let nothing be left in a store of people who were erased, as its service does when it runs: it hears of it, then it erases.

    auth's own log must say it already. Nothing is done where all of it has been done. Raises Forked when the store may not be told.
    """
    with live.store.read() as connection:
        found = [erasure_of(connection, person) for person in people]
    if all(erasure is not None and erasure.done_at is not None for erasure in found):
        return
    for subscription in live.parts.subscriptions:
        # what an older release filled is brought to today's form first, as at a start: the steps of an erasure know no other
        if await live.store.read_in_thread(partial(is_outdated, subscription=subscription)):
            await _fill(live, subscription, feed)
        if subscription.source == _ERASES:
            await consumer_of(live, subscription, _NoBroker(), feed).read_to_the_end()
    await eraser_of(live, _NoStream()).erase_all()


async def _fill(live: Running, subscription: Subscription, feed: OwnersFeed) -> None:
    await rebuild(writer=live.writer, store=live.store, own=live.service.source, subscription=subscription, feed=feed)


class _NoBroker:
    """A place in a stream where there is no broker: whoever has one reads the owner's log."""

    async def ensure(self) -> bool:
        raise BrokerDown("Nothing here is connected.")

    async def fetch(self, limit: int, timeout: float) -> list[Delivery]:  # noqa: ARG002, ASYNC109 (the protocol's)
        raise BrokerDown("Nothing here is connected.")

    async def ack(self, delivery: Delivery) -> None:  # noqa: ARG002 (the protocol's)
        raise BrokerDown("Nothing here is connected.")


class _NoStream:
    async def refill(self) -> None:
        """The broker's files are thrown away: its streams are filled from the logs as they are then."""
