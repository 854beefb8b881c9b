"""Everything that is not determined by the input comes in through here: clock, ids, randomness, waiting, and the start of tasks."""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from events.ids import uuid7_generator

_GATHER = 0.01, 0.03  # seconds, at least and at most
_EACH = 0.001


def breath(count: int) -> float:
    """Return for how many seconds to let more come after so many things came at once: none after one, and the longer the more.

    What is done for all of them together costs little more for fifty than for one.
    """
    least, most = _GATHER
    return 0.0 if count < 2 else min(max(_EACH * count, least), most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """`now` is aware and in UTC; `new_id` gives UUIDv7; `sleep` takes seconds; the starters take what to run and its name."""

    now: Callable[[], datetime]
    new_id: Callable[[], str]
    random_bytes: Callable[[int], bytes]
    sleep: Callable[[float], Awaitable[None]]
    start: Callable[[Coroutine[Any, Any, None], str], "asyncio.Task[None]"]
    start_thread: Callable[[Callable[[], None], str], None]


def _now() -> datetime:
    return datetime.now(UTC)


def _start(coroutine: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
    return asyncio.create_task(coroutine, name=name)


def _start_thread(run: Callable[[], None], name: str) -> None:
    threading.Thread(target=run, name=name, daemon=True).start()


def real_environment() -> Environment:
    """Return the machine's own clock, randomness, tasks and threads."""
    return Environment(
        now=_now,
        new_id=uuid7_generator(_now, os.urandom),
        random_bytes=os.urandom,
        sleep=asyncio.sleep,
        start=_start,
        start_thread=_start_thread,
    )
