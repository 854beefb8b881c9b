"""Hints: something was committed. They are heard at once, in this process and in the other replicas, and may be lost without harm."""

import asyncio
import contextlib

from events.jetstream import Broker

_ALWAYS = 2.0  # seconds after which everybody looks for themselves
_WITHOUT_HINTS = 0.25  # the same while no hints can come


class Wake:
    """A service's bell: rung after each commit, it wakes relays, workers and streams; each then reads the store from its own position."""

    def __init__(self, broker: Broker, service: str, instance: str) -> None:
        """`instance` is this process's own name among the replicas of the service."""
        self.generation = 0
        self._broker = broker
        self._subject = f"hint.{service}"
        self._instance = instance.encode()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._rung = asyncio.Event()
        self._ringing = False

    async def start(self) -> None:
        """Begin to hear the other replicas; without it the bell rings in this process alone."""
        self._loop = asyncio.get_running_loop()
        self._broker.on_reconnect.append(self._ring)  # what was rung elsewhere in the meantime was not heard
        self._broker.on_loss.append(self._ring)  # whoever waits for a hint waits shorter from now on
        await self._broker.listen(self._subject, self._heard)

    def notify(self) -> None:
        """Wake all who wait. From any thread; many calls before the loop gets to it are one."""
        if self._loop is None or self._ringing:
            return
        self._ringing = True
        with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits
            self._loop.call_soon_threadsafe(self._ring_everywhere)

    async def after(self, generation: int, timeout: float | None = None) -> int:  # noqa: ASYNC109 -- it is no error
        """Return the generation as soon as it differs from the given one, or when `timeout` seconds have passed."""
        if generation == self.generation:
            wait = timeout if timeout is not None else _ALWAYS if self._broker.connected else _WITHOUT_HINTS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._rung.wait()
        return self.generation

    def _ring_everywhere(self) -> None:
        self._ringing = False
        self._ring()
        self._broker.hint(self._subject, self._instance)

    def _heard(self, _subject: str, instance: bytes) -> None:
        if instance != self._instance:
            self._ring()

    def _ring(self) -> None:
        self.generation += 1
        rung, self._rung = self._rung, asyncio.Event()
        rung.set()
