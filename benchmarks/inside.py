"""The tickets service without its face: its store and its writer, in this very process, on the data directory of a desk that is stopped."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from chassis import secrets
from chassis.database import migrate
from chassis.limits import Limits
from chassis.paging import Sealer
from chassis.peers import Peers
from chassis.service import Running
from chassis.settings import Settings
from chassis.writing import writer_for
from events.checkpoints import Signer
from events.environment import real_environment
from events.hints import Wake
from events.jetstream import Broker
from events.store import Store
from tickets.app import SERVICE

_SECRETS = ("services", "operator", "cursor", "nats-tickets", "signing-tickets")


@asynccontextmanager
async def tickets_inside(data_dir: Path) -> AsyncIterator[Running]:
    """Open the store and start its writer, as the service does; nothing is connected, relayed or consumed."""
    settings = Settings(_env_file=None, data_dir=data_dir, rate_limits="off")
    environment = real_environment()
    keys = {name: secrets.ensure(settings.secrets_dir, name) for name in _SECRETS}
    store = Store(settings.database_of(SERVICE.name))
    broker = Broker(environment)
    peers = Peers(settings, keys["services"])
    try:
        await asyncio.to_thread(migrate, store.writing, "chassis.migrations", SERVICE.migrations)
        live = Running(
            service=SERVICE,
            settings=settings,
            environment=environment,
            store=store,
            secrets=keys,
            broker=broker,
            wake=Wake(broker, SERVICE.name, environment.new_id()),
            signer=Signer(bytes.fromhex(keys["signing-tickets"]), "ste-tickets"),
            sealer=Sealer(keys["cursor"]),
            limits=Limits(settings.limits_url, enabled=False),
            peers=peers,
        )
        live.parts = SERVICE.build(live)
        live.writer = writer_for(live)
        await asyncio.to_thread(live.writer.start)
        try:
            yield live
        finally:
            await live.writer.stop()
    finally:
        await peers.close()
        store.close()


def store_of(data_dir: Path) -> Store:
    """Open the store of tickets alone; the caller closes it."""
    return Store(Settings(_env_file=None, data_dir=data_dir).database_of(SERVICE.name))
