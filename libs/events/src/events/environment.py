"""Everything that is not determined by the input comes in through here: clock, ids, randomness, waiting, and the start of tasks."""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from events.ids import uuid7_generator

_GATHER = 0.005, 0.03  # seconds, at least and at most
_EACH = 0.001
_ASKED = 1024  # bytes


def breath(count: int, limit: int) -> float:
    """Return for how many seconds to let more come after so many things came at once, of at most `limit`.

    None after one, and the longer the more: what is done for all of them together costs little more for fifty than for one. None when it
    was the limit: more is waiting already.
    """
    least, most = _GATHER
    return 0.0 if count < 2 or count >= limit else min(max(_EACH * count, least), most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """`now` is aware and in UTC; `new_id` gives UUIDv7; `sleep` takes seconds; the starters take what to run and its name."""

    now: Callable[[], datetime]
    new_id: Callable[[], str]
    random_bytes: Callable[[int], bytes]
    sleep: Callable[[float], Awaitable[None]]
    start: Callable[[Coroutine[Any, Any, None], str], "asyncio.Task[None]"]
    start_thread: Callable[[Callable[[], None], str], None]


class _Randomness:
    """The kernel's random bytes, asked for some thousand at a time: each question would hand the interpreter over to another thread."""

    def __init__(self) -> None:
        self._lock, self._left = threading.Lock(), b""
        os.register_at_fork(after_in_child=self._forget)

    def __call__(self, count: int) -> bytes:
        with self._lock:
            if len(self._left) < count:
                self._left = os.urandom(max(count, _ASKED))
            given, self._left = self._left[:count], self._left[count:]
        return given

    def _forget(self) -> None:
        self._lock, self._left = threading.Lock(), b""  # a fork must not give what its parent gives


def _now() -> datetime:
    return datetime.now(UTC)


def _start(coroutine: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
    return asyncio.create_task(coroutine, name=name)


def _start_thread(run: Callable[[], None], name: str) -> None:
    threading.Thread(target=run, name=name, daemon=True).start()


def real_environment() -> Environment:
    """Return the machine's own clock, randomness, tasks and threads."""
    randomness = _Randomness()
    return Environment(
        now=_now,
        new_id=uuid7_generator(_now, randomness),
        random_bytes=randomness,
        sleep=asyncio.sleep,
        start=_start,
        start_thread=_start_thread,
    )
