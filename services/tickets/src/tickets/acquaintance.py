"""Waiting until the desk knows people of whom auth has told, or is about to."""

import asyncio
from collections.abc import Collection

from chassis.service import Running
from events import positions
from events.errors import Unavailable
from tickets import people

PATIENCE_S = 20


async def know(desk: Running, ids: Collection[str], *, heard: int = 0) -> None:
    """Return once everybody is known by these ids, as auth's event number `heard` left them. Raises Unavailable when that takes too long.

    It is looked whenever something was committed here: what auth tells comes in by the writer too, whichever process consumes it.
    """
    wanted = list(ids)

    def known() -> bool:
        with desk.store.read() as connection:
            return positions.load(connection, "/auth").sequence >= heard and None not in people.load(connection, wanted).values()

    try:
        async with asyncio.timeout(PATIENCE_S):
            generation = desk.wake.generation
            while not known():
                generation = await desk.wake.after(generation)
    except TimeoutError:
        raise Unavailable("auth's word of these people has not come here yet.", 1) from None
