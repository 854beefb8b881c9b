"""The life of a service: opened in one order, closed in the reverse, whatever happens in between."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial

from sqlalchemy import select

from chassis import erasing, housekeeping, principals, secrets, signing, witnesses
from chassis.database import held, make_derived, migrate
from chassis.limits import Limits
from chassis.paging import Sealer
from chassis.peers import Peers
from chassis.principals import Principals
from chassis.rebuilds import Rebuilds
from chassis.service import Body, Running, Service
from chassis.settings import Settings
from chassis.supervise import background, together
from chassis.writing import writer_for
from events.consumer import Consumer, OwnersFeed
from events.cosignatures import Cosigner
from events.environment import Environment
from events.failpoints import reach
from events.forms import is_outdated
from events.handling import Subscription
from events.hints import Wake
from events.jetstream import Broker
from events.lease import Lease
from events.proving import Prover
from events.rebuilding import rebuild
from events.relay import Relay
from events.retrying import Parking
from events.store import Store, doubt_about, sqlite_version
from events.streams import DurableFetch, stream_name
from events.tables import events
from events.witness import halted

logger = logging.getLogger(__name__)

_LOOK = 0.5
_LAST_RELAY = 2.0
"""Seconds that the relay has at the end to publish what is committed."""
_SHARED_SECRETS = ("services", "operator", "cursor")
_OWN_SECRETS = {"auth": ("pepper", "login-hmac")}
"""Made by their owner alone: another would make one anew that the owner had rather missed."""


@asynccontextmanager
async def living(service: Service, settings: Settings, environment: Environment) -> AsyncIterator[Running]:
    """Open the service and everything that it needs; the block runs while it serves. Raises StoreInUse, or what the store raises.

    A broker, an auth or a peer that is not there yet is waited for by those who need them, not by the start.
    """
    async with AsyncExitStack() as stack:
        # beside a library that can corrupt a store two processes write, there is one
        alone = settings.database_of(service.name).startswith("sqlite") and doubt_about(sqlite_version()) is not None
        stack.enter_context(held(settings.data_dir, service.name, exclusive=alone))
        live = await open_store(stack, service, settings, environment)
        await _connect(stack, live)
        await _write(stack, live)
        _wire(live)
        for bodies in (_always(live), [partial(live.lease.run, partial(_lead, live))]):
            await stack.enter_async_context(background(partial(together, bodies, environment), environment))
        _warn(settings)
        yield live
        live.stopping.set()


async def open_store(stack: AsyncExitStack, service: Service, settings: Settings, environment: Environment) -> Running:
    """Open a service's store at today's schema, and build its parts; the stack closes it. Raises SecretLost, or what the store raises."""
    store = Store(settings.database_of(service.name))
    stack.callback(store.close)
    await asyncio.to_thread(migrate, store.writing, "chassis.migrations", service.migrations)
    await asyncio.to_thread(_require_kept, store, settings, service.name)
    await asyncio.to_thread(signing.finish, settings.secrets_dir, service.name)
    keys = _secrets(settings, service.name)
    broker = Broker(environment)
    live = Running(
        service=service,
        settings=settings,
        environment=environment,
        store=store,
        secrets=keys,
        broker=broker,
        wake=Wake(broker, service.name, environment.new_id()),
        signer=signing.signer_of(service.name, keys[f"signing-{service.name}"]),
        sealer=Sealer(keys["cursor"]),
        limits=Limits(settings.limits_url, enabled=settings.rate_limits == "on"),
        peers=Peers(settings, keys["services"]),
    )
    stack.push_async_callback(live.peers.close)
    live.keys = signing.keyring_of(settings.secrets_dir, service.name, live.signer)
    live.cosigner = Cosigner(bytes.fromhex(keys[f"signing-{service.name}"]), live.signer.name)
    live.parts = service.build(live)
    await asyncio.to_thread(make_derived, store.writing, live.parts.subscriptions)
    live.principals = Principals(live.parts.resolver or live.peers.principal, keep=live.parts.resolver is None)
    return live


def _require_kept(store: Store, settings: Settings, service: str) -> None:
    """Raise SecretLost when a store that has events comes without what it needs for them."""
    with store.read() as connection:
        if not connection.scalar(select(events.c.sequence).limit(1)):
            return
    for name in secrets.kept_with(service):
        if not (path := settings.secrets_dir / name).exists():
            raise secrets.SecretLost(f"{path} is missing, and the store of {service} needs it: put it back from the backup.")


def _secrets(settings: Settings, service: str) -> Mapping[str, str]:
    names = (*_SHARED_SECRETS, *_OWN_SECRETS.get(service, ()), f"nats-{service}", f"signing-{service}")
    return {name: secrets.ensure(settings.secrets_dir, name) for name in names}


async def _connect(stack: AsyncExitStack, live: Running) -> None:
    stack.push_async_callback(live.broker.stop)
    await live.wake.start()
    await principals.listen(live.broker, live.principals)
    await live.broker.start(live.settings.nats_url, live.service.name, live.secrets[f"nats-{live.service.name}"])


async def _write(stack: AsyncExitStack, live: Running) -> None:
    live.writer = writer_for(live)
    await asyncio.to_thread(live.writer.start)
    stack.push_async_callback(_publish_the_rest, live)
    stack.push_async_callback(live.writer.stop)


def consumer_of(live: Running, subscription: Subscription, durable: DurableFetch, feed: OwnersFeed) -> Consumer:
    """Return the consumer of a source, as the service handles what comes from there."""
    return Consumer(
        writer=live.writer,
        store=live.store,
        subscription=subscription,
        durable=durable,
        feed=feed,
        environment=live.environment,
        record=live.parts.record,
        halted=partial(halted, live.store, subscription.source),
        tombstones=live.tombstones,
    )


def _wire(live: Running) -> None:
    """Make what moves events: out of this store, and from the others into it."""
    service, parts = live.service, live.parts
    live.relay = Relay(
        store=live.store,
        source=service.source,
        stream=live.broker.log(service.stream),
        wake=live.wake,
        environment=live.environment,
        recent=live.recent,
    )
    live.broker.on_reconnect.append(live.relay.doubt)
    live.consumers = {
        subscription.source: consumer_of(
            live, subscription, live.broker.durable(stream_name(subscription.source), service.name), live.peers.feed
        )
        for subscription in parts.subscriptions
    }
    live.parking = Parking(
        writer=live.writer, store=live.store, source=service.source, subscriptions=parts.subscriptions, environment=live.environment
    )
    live.prover = Prover(live.store, live.writer)
    live.witnesses = {subscription.source: witnesses.witness_of(live, subscription.source) for subscription in parts.subscriptions}
    live.eraser = erasing.eraser_of(live, live.relay)
    live.lease = Lease(live.writer, "leader", live.environment)
    live.rebuilds = Rebuilds(live)


def _always(live: Running) -> list[Body]:
    return [live.principals.run, partial(erasing.forget, live), *live.parts.tasks]


async def _lead(live: Running) -> None:
    """Do what one process does at a time. What it remembers from before may have been erased by the one that led until now."""
    live.recent.clear()
    await together(_as_leader(live), live.environment)


def _as_leader(live: Running) -> list[Body]:
    sweep = partial(housekeeping.sweep, live)
    consuming = [partial(_consume, live, subscription) for subscription in live.parts.subscriptions]
    later = [partial(_once_filled, live, body) for body in (live.parking.run, live.eraser.run, *live.parts.leader_tasks)]
    watching = [witness.run for witness in live.witnesses.values()]
    return [live.relay.run, *consuming, *watching, partial(witnesses.keep_tiles, live), sweep, *later]


async def _once_filled(live: Running, body: Body) -> None:
    """Run what uses the tables that consumers fill, once they have today's form."""
    while await live.store.read_in_thread(lambda connection: any(is_outdated(connection, each) for each in live.parts.subscriptions)):
        await live.environment.sleep(_LOOK)
    await body()


async def _consume(live: Running, subscription: Subscription) -> None:
    """Consume a source for ever; what it fills is brought to today's form before. Raises what keeps that from being done, to try again."""
    if await live.store.read_in_thread(lambda connection: is_outdated(connection, subscription)):
        own = live.service.source
        count = await rebuild(writer=live.writer, store=live.store, own=own, subscription=subscription, feed=live.peers.feed)
        logger.info("What comes from %s was made anew, from %s events.", subscription.source, count)
    await live.consumers[subscription.source].run()


async def _publish_the_rest(live: Running) -> None:
    """Relay what is committed, if the broker answers. Whatever does not make it is relayed at the next start."""
    if __debug__:
        reach("drain.written")
    if not live.broker.connected:
        return
    live.relay.doubt()  # it may have been stopped while it published
    with suppress(TimeoutError):
        async with asyncio.timeout(_LAST_RELAY):
            await live.relay.step()


def _warn(settings: Settings) -> None:
    if settings.unsafe_bcrypt_cost < 12:
        logger.warning("Passwords are hashed at cost %s, which is for tests alone.", settings.unsafe_bcrypt_cost)
    if settings.rate_limits == "off":
        logger.warning("Nothing is rate-limited, which is for benchmarks and tests alone.")
