"""Connections to a broker of the tests' own."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from events.environment import real_environment
from events.jetstream import Broker


class Reachable(Protocol):
    """A server that may be connected to, with the passwords of its users."""

    @property
    def url(self) -> str: ...

    @property
    def passwords(self) -> Mapping[str, str]: ...


async def connect(server: Reachable, user: str) -> Broker:
    """Return a connection of that service's, once it is made."""
    broker = Broker(real_environment())
    made = asyncio.Event()
    broker.on_reconnect.append(made.set)
    await broker.start(server.url, user, server.passwords[user])
    await asyncio.wait_for(made.wait(), 10)
    return broker


async def until(condition: Callable[[], Awaitable[bool]], timeout: float = 10.0) -> bool:  # noqa: ASYNC109 -- it is no error
    """Return whether `condition` became true within `timeout` seconds."""
    end = time.monotonic() + timeout
    while not await condition():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.02)
    return True
