"""One connection to NATS per process that never gives up, and requests that fail at once when it is lost.

nats-py is used for its protocol alone. Its own reconnecting and its requests have holes that hang, give up or send late (see
`research/eventsourcing.md`, section 4): here every lost connection ends its client, and a new one is made.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg

from events.environment import Environment
from events.streams import BrokerDown, StreamMissing

logger = logging.getLogger(__name__)

_ANSWER = 5.0  # seconds that a request may take
_PAUSE = 0.25  # seconds between two attempts to connect
_PING = 10  # seconds; two pings without an answer end the connection
_LOOK = 1.0  # seconds between looks at a client that may have ended without telling
_FLUSH = 5  # seconds that the server may take to confirm what it was sent
_HINTS = 1000  # hints that may wait to be sent; more are dropped, and nothing is lost by it

Arrived = Callable[[Msg], None]


def status(message: Msg) -> str | None:
    """Return the status that the server put on a message, such as "503": nobody listens there."""
    return message.headers.get("Status") if message.headers else None


class Connection:
    """May be down at any time: then requests raise BrokerDown, hints are dropped, and it comes back by itself."""

    def __init__(self, environment: Environment) -> None:
        self.on_reconnect: list[Callable[[], None]] = []
        """Called on the loop each time that a connection was made, the first time too."""
        self.on_loss: list[Callable[[], None]] = []
        """Called on the loop each time that one was lost."""
        self.environment = environment
        self._client: Client | None = None
        self._task: asyncio.Task[None] | None = None
        self._listeners: list[tuple[str, Arrived]] = []
        self._waiting: dict[str, asyncio.Future[Msg]] = {}
        self._hints: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(_HINTS)
        self._inbox = ""
        self._requests = 0
        self._stopping = False

    @property
    def connected(self) -> bool:
        return self._client is not None and self._client.is_connected

    async def start(self, url: str, user: str, password: str) -> None:
        """Begin to connect, and return at once: a desk starts without its broker."""
        self._inbox = f"_INBOX_{user}.{self.environment.new_id()}"
        self._listeners.append((f"{self._inbox}.answer.*", self._answered))
        self._task = self.environment.start(self._run(url, user, password), "broker")

    async def stop(self) -> None:
        """End the connection. Python 3.11's `wait_for` may swallow a cancellation, so it is asked until it has ended."""
        self._stopping = True
        while self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=_PAUSE)

    def hint(self, subject: str, payload: bytes = b"") -> None:
        """Send a core message that may get lost. From the loop only; returns at once."""
        if self.connected:
            with contextlib.suppress(asyncio.QueueFull):
                self._hints.put_nowait((subject, payload))

    async def listen(self, subject: str, callback: Callable[[str, bytes], None]) -> None:
        """Call `callback` with (subject, payload) of each message from now on, across reconnections. What it raises is logged."""
        await self._listen(subject, lambda message: callback(message.subject, message.data))

    async def inbox(self, name: str, arrived: Arrived) -> str:
        """Return a subject of this connection's own; `arrived` is called with every message sent to `<subject>.*`."""
        subject = f"{self._inbox}.{name}"
        await self._listen(f"{subject}.*", arrived)
        return subject

    async def send(self, subject: str, payload: bytes, headers: Mapping[str, str] | None = None, reply: str = "") -> None:
        """Send a message now, or raise BrokerDown; nothing is kept to be sent later."""
        if self._client is None or not self._client.is_connected:
            raise BrokerDown("The broker is not connected.")
        try:
            await self._client.publish(subject, payload, reply=reply, headers=dict(headers) if headers else None)
        except Exception as error:
            raise BrokerDown(f"The broker does not take messages: {error!r}") from error

    async def request(self, subject: str, payload: bytes, headers: Mapping[str, str] | None = None) -> Msg:
        """Return the answer to a request. Raises BrokerDown, or StreamMissing when nobody listens there."""
        self._requests += 1
        token = str(self._requests)
        future: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
        self._waiting[token] = future
        try:
            await self.send(subject, payload, headers, reply=f"{self._inbox}.answer.{token}")
            async with asyncio.timeout(_ANSWER):
                answer = await future
        except TimeoutError:
            raise BrokerDown(f"There was no answer on {subject}.") from None
        finally:
            del self._waiting[token]
        if status(answer) == "503":
            raise StreamMissing(f"Nobody listens on {subject}.")
        return answer

    async def api(self, call: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return what JetStream answers to a call of its API; it may be {"error": {…}}. Raises BrokerDown."""
        try:
            answer = await self.request(f"$JS.API.{call}", json.dumps(body).encode() if body else b"")
        except StreamMissing as missing:
            raise BrokerDown("JetStream does not answer.") from missing
        parsed: dict[str, Any] = json.loads(answer.data)
        return parsed

    # the life of the connection

    async def _run(self, url: str, user: str, password: str) -> None:
        while not self._stopping:
            client, lost = Client(), asyncio.Event()
            try:
                await self._connect(client, lost, url, user, password)
                await self._serve(client, lost)
            except Exception as error:  # noqa: BLE001 -- whatever it was, the next attempt is the answer
                logger.debug("The broker cannot be reached: %r", error)
            finally:
                self._client = None
                with contextlib.suppress(Exception):
                    await asyncio.wait_for(client.close(), _LOOK)
            await self.environment.sleep(_PAUSE)

    async def _connect(self, client: Client, lost: asyncio.Event, url: str, user: str, password: str) -> None:
        async def closed() -> None:
            lost.set()

        async def failed(error: Exception) -> None:
            logger.debug("The broker reports: %s", error)

        async with asyncio.timeout(_ANSWER):
            await client.connect(
                url,
                user=user,
                password=password,
                name=user,
                allow_reconnect=False,
                max_reconnect_attempts=1,  # of this client; the next one is ours to make
                reconnect_time_wait=0,
                pending_size=0,
                ping_interval=_PING,
                connect_timeout=2,
                closed_cb=closed,
                error_cb=failed,
            )

    async def _serve(self, client: Client, lost: asyncio.Event) -> None:
        await self._subscribe_all(client)
        self._client = client
        logger.info("The broker is connected.")
        sending = self.environment.start(self._send_hints(client), "broker-hints")
        try:
            _call_all(self.on_reconnect)
            while client.is_connected and not self._stopping:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(lost.wait(), _LOOK)
        finally:
            if not self._stopping:
                logger.warning("The connection to the broker is lost.")
            sending.cancel()
            self._client = None
            self._fail_waiters()
            _call_all(self.on_loss)

    async def _subscribe_all(self, client: Client) -> None:
        """Subscribe to everything; afterwards the server knows, and nothing is missed, which is what `on_reconnect` stands for."""
        known = 0
        while known < len(self._listeners):  # more may come while we wait
            await _subscribe(client, *self._listeners[known])
            known += 1
            if known == len(self._listeners):
                await client.flush(_FLUSH)

    async def _send_hints(self, client: Client) -> None:
        while True:
            subject, payload = await self._hints.get()
            with contextlib.suppress(Exception):  # a hint may be lost
                await client.publish(subject, payload)

    async def _listen(self, subject: str, arrived: Arrived) -> None:
        self._listeners.append((subject, arrived))
        if self._client is not None:
            with contextlib.suppress(Exception):  # the next connection subscribes to it
                await _subscribe(self._client, subject, arrived)
                await self._client.flush(_FLUSH)

    def _answered(self, message: Msg) -> None:
        future = self._waiting.get(message.subject.rpartition(".")[2])
        if future is not None and not future.done():
            future.set_result(message)

    def _fail_waiters(self) -> None:
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(BrokerDown("The connection was lost."))


async def _subscribe(client: Client, subject: str, arrived: Arrived) -> None:
    async def call(message: Msg) -> None:
        try:
            arrived(message)
        except Exception:
            logger.exception("A listener on %s failed.", subject)

    await client.subscribe(subject, cb=call)


def _call_all(callbacks: list[Callable[[], None]]) -> None:
    for callback in callbacks:
        try:
            callback()
        except Exception:
            logger.exception("A listener to the connection failed.")
