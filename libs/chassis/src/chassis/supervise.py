"""Tasks that run for as long as the service does: one that fails says so and begins again."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from events.environment import Environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from chassis.service import Body

logger = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 10.0


def _name(body: Any) -> str:
    """Return the function's name; what it was given may be secret."""
    while isinstance(body, partial):
        body = body.func
    return str(getattr(body, "__qualname__", type(body).__name__))


async def forever(body: "Body", environment: Environment) -> None:
    """Run a body that never ends; after a failure begin it again, later each time that it fails soon."""
    pause = _FIRST_PAUSE
    name = _name(body)
    while True:
        began = environment.now()
        try:
            await body()
        except Exception:
            logger.exception("The task %s failed; it begins again in %s s.", name, pause)
        else:
            return
        if (environment.now() - began).total_seconds() > _LONGEST_PAUSE:
            pause = _FIRST_PAUSE
        await environment.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


async def together(bodies: "Sequence[Body]", environment: Environment) -> None:
    """Run bodies side by side until cancelled; each by itself begins again when it fails."""
    async with asyncio.TaskGroup() as group:
        for body in bodies:
            group.create_task(forever(body, environment), name=_name(body))


@asynccontextmanager
async def background(body: "Body", environment: Environment) -> "AsyncIterator[asyncio.Task[Any]]":
    """Run a body beside the block; at its end it is cancelled and waited for."""
    async with AsyncExitStack() as stack:
        task = asyncio.create_task(forever(body, environment), name=_name(body))
        stack.push_async_callback(asyncio.wait, [task])
        stack.callback(task.cancel)
        yield task
