"""A broker for each test, and connections to it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from events.jetstream import Broker
from tests.support.brokers import connect
from tests.support.nats import NatsServer, nats_server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    with nats_server(tmp_path / "nats") as running:
        yield running


@pytest.fixture
async def auth(server: NatsServer) -> AsyncIterator[Broker]:
    broker = await connect(server, "auth")
    yield broker
    await broker.stop()


@pytest.fixture
async def tickets(server: NatsServer) -> AsyncIterator[Broker]:
    broker = await connect(server, "tickets")
    yield broker
    await broker.stop()
