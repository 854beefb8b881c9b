"""A service's face without its store: the real application, door and cache of principals, and an auth that the test plays."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter

from chassis.desk import Desk
from chassis.paging import Sealer
from chassis.principal import Credential, Principal
from chassis.principals import Principals
from chassis.settings import Settings
from events.environment import real_environment

Ask = Callable[[Credential, str, str], Awaitable[Principal | None]]
SECRETS = {"services": "a" * 64, "operator": "b" * 64}


async def nobody(_credential: Credential, _address: str, _agent: str) -> Principal | None:
    return None


def desk(*routers: APIRouter, ask: Ask = nobody, **settings: Any) -> Desk:
    app = Desk(name="demo", title="Demo", description="A face.", routers=routers)
    app.state.running = SimpleNamespace(
        settings=Settings(_env_file=None, **settings),
        secrets=SECRETS,
        environment=real_environment(),
        principals=Principals(ask),
        sealer=Sealer("c" * 64),
    )
    return app


Visit = Callable[..., Any]


@pytest.fixture
def visiting() -> Visit:
    @asynccontextmanager
    async def client(app: Desk, address: str = "127.0.0.1", **options: Any) -> AsyncIterator[httpx2.AsyncClient]:
        transport = httpx2.ASGITransport(app=app, client=(address, 5000))
        async with httpx2.AsyncClient(transport=transport, base_url="http://desk", **options) as made:
            yield made

    return client
