"""Who a credential belongs to, as auth last said, and for how long that is believed.

An answer is fresh for 30 s while auth's beat was heard within 2 s, else for 2 s. A revocation leaves a tombstone: an answer that was asked
for before it is thrown away. Where auth cannot be reached, what it said last holds for up to 5 minutes.
"""

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from starlette.requests import HTTPConnection

from chassis.callers import client_address
from chassis.principal import Credential, Principal
from chassis.telemetry import agent
from events.errors import Unavailable

if TYPE_CHECKING:
    from chassis.service import Running
    from events.jetstream import Broker

REVOKED = "hint.revoked"
BEAT = "hint.auth"

FRESH = 30.0
FRESH_WITHOUT_BEAT = 2.0
BEAT_WITHIN = 2.0
KEPT_WHILE_UNREACHABLE = 300.0
TOMBSTONE = 60.0
_LOOK = 0.5
"""Seconds between two looks at those with an open stream; auth is asked about them as often as a request of theirs would ask."""
_PAUSE_AFTER_FAILURE = 0.5
_MOST_KEPT = 20_000
_MOST_NOBODIES = 1_000
"""Kept apart: anyone can make up as many credentials as they like, and those who are somebody must not be forgotten for them."""
_EVERYONE = ("all", "")

Ask = Callable[[Credential, str, str], Awaitable[Principal | None]]
"""(credential, address, agent) to whose it is. Raises Unavailable when nobody answers."""


@dataclass(slots=True)
class _Kept:
    principal: Principal | None
    asked_at: float
    trusted: bool = True


class Principals:
    """The cache. With `keep` false (auth itself, whose store is the truth) every request asks."""

    def __init__(self, ask: Ask, *, clock: Callable[[], float] = time.monotonic, keep: bool = True) -> None:
        self._ask, self._clock, self._keep = ask, clock, keep
        self._kept: OrderedDict[Credential, _Kept] = OrderedDict()
        self._nobodies: OrderedDict[Credential, _Kept] = OrderedDict()
        self._flights: dict[Credential, asyncio.Task[Principal | None]] = {}
        self._moments = count(1)  # the order of questions and revocations, which no clock's resolution blurs
        self._tombstones: dict[tuple[str, str], tuple[int, float]] = {}
        self._watchers: WeakKeyDictionary[asyncio.Event, tuple[Principal, Credential | None]] = WeakKeyDictionary()
        self._beat_at = self._ask_again_at = float("-inf")
        self._recheck = asyncio.Event()

    async def find(self, credential: Credential, request: HTTPConnection | None = None) -> Principal | None:
        """Return whose the credential is, None when it is nobody's (any more). Raises Unavailable when that cannot be known."""
        kept = self._kept.get(credential) or self._nobodies.get(credential)
        if kept is not None and kept.trusted and self._clock() - kept.asked_at < self._believed_for(kept):
            return kept.principal
        visitor = (client_address(request), agent(request)) if request is not None else ("", "")
        if not self._keep:
            return await self._ask(credential, *visitor)
        try:
            return await self._asked_once(credential, visitor)
        except Unavailable:
            kept = self._kept.get(credential)  # it may have been revoked while we asked
            if kept is None or self._clock() - kept.asked_at > KEPT_WHILE_UNREACHABLE:
                raise
            return kept.principal

    def _believed_for(self, kept: _Kept) -> float:
        beating = self._clock() - self._beat_at <= BEAT_WITHIN
        return FRESH if beating and kept.principal is not None else FRESH_WITHOUT_BEAT

    async def _asked_once(self, credential: Credential, visitor: tuple[str, str]) -> Principal | None:
        flight = self._flights.get(credential)
        if flight is None:
            flight = asyncio.create_task(self._ask_until_it_holds(credential, visitor), name="principal")
            self._flights[credential] = flight
            flight.add_done_callback(lambda done: self._landed(credential, done))
        return await asyncio.shield(flight)  # the one who asked first may go away

    def _landed(self, credential: Credential, flight: "asyncio.Task[Principal | None]") -> None:
        self._flights.pop(credential, None)
        if not flight.cancelled():
            flight.exception()  # looked at, even when everybody who waited is gone

    async def _ask_until_it_holds(self, credential: Credential, visitor: tuple[str, str]) -> Principal | None:
        if self._clock() < self._ask_again_at:
            raise Unavailable("The service that knows who you are cannot be reached.")
        for _ in range(5):
            moment, asked_at = next(self._moments), self._clock()
            try:
                principal = await self._ask(credential, *visitor)
            except Unavailable:
                self._ask_again_at = self._clock() + _PAUSE_AFTER_FAILURE
                raise
            if not self._revoked_since(principal, moment):
                self._remember(credential, _Kept(principal, asked_at))
                return principal
        raise Unavailable("Who you are changes faster than it can be asked.")

    def _remember(self, credential: Credential, kept: _Kept) -> None:
        for known in (self._kept, self._nobodies):
            known.pop(credential, None)
        known, most = (self._nobodies, _MOST_NOBODIES) if kept.principal is None else (self._kept, _MOST_KEPT)
        known[credential] = kept
        if len(known) > most:
            known.popitem(last=False)

    # -- what auth lets us know ----------------------------------------------------------------------------------------------------------

    def beat(self) -> None:
        """Auth is heard: a revocation would be heard too."""
        self._beat_at = self._clock()

    def revoked(self, payload: bytes) -> None:
        """Forget what the hint names, and close what it has open. What cannot be read counts as "all"."""
        named = _named(payload)
        now = self._clock()
        self._tombstones = {who: (moment, at) for who, (moment, at) in self._tombstones.items() if now - at <= TOMBSTONE}
        self._tombstones[named] = (next(self._moments), now)
        if named == _EVERYONE:
            self.distrust()
            return
        for credential in [credential for credential, kept in self._kept.items() if named in _names(kept.principal)]:
            del self._kept[credential]
        for event, (principal, _) in list(self._watchers.items()):
            if named in _names(principal):
                event.set()

    def distrust(self) -> None:
        """A hint may have been missed: ask again about everyone. What was known is kept for the case that auth cannot be reached."""
        self._beat_at = float("-inf")
        self._nobodies.clear()
        for kept in self._kept.values():
            kept.trusted = False
        self._recheck.set()

    def _revoked_since(self, principal: Principal | None, moment: int) -> bool:
        return any(self._tombstones.get(name, (0, 0.0))[0] > moment for name in (*_names(principal), _EVERYONE))

    # -- streams that are open -----------------------------------------------------------------------------------------------------------

    def watch(self, principal: Principal) -> asyncio.Event:
        """Return an event that is set when the principal is revoked or is not what it was. It is watched as long as the caller holds it."""
        event = asyncio.Event()
        credential = next((known for known, kept in reversed(self._kept.items()) if kept.principal == principal), None)
        self._watchers[event] = (principal, credential)
        if self._keep and credential is None:
            event.set()  # revoked between the answer and now
        return event

    async def run(self) -> None:
        """Look again at everyone with an open stream when the answer is not fresh any more, and at once when a hint may have been missed.

        So a revocation that nobody could hint at ends a stream as soon as it ends a request: 2 s after auth's last beat.
        """
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK):
                    await self._recheck.wait()
            self._recheck.clear()
            for event, (principal, credential) in list(self._watchers.items()):
                if credential is not None and not await self._still(principal, credential):
                    event.set()

    async def _still(self, principal: Principal, credential: Credential) -> bool:
        try:
            return await self.find(credential) == principal
        except Unavailable:
            return False


def _names(principal: Principal | None) -> tuple[tuple[str, str], ...]:
    if principal is None:
        return ()
    return ("user", principal.id), ("session", principal.session or ""), ("token", principal.token or "")


def _named(payload: bytes) -> tuple[str, str]:
    try:
        ((kind, value),) = json.loads(payload).items()
    except (ValueError, AttributeError, TypeError):
        return _EVERYONE
    return (kind, value) if kind in ("session", "token", "user") and isinstance(value, str) else _EVERYONE


def announce(broker: "Broker", *, session: str | None = None, token: str | None = None, user: str | None = None) -> None:
    """Tell every service, after the commit, that a session, a token or a user is not what it was; with none of them: that anyone may be."""
    named = {"session": session, "token": token, "user": user}
    broker.hint(REVOKED, json.dumps({kind: value for kind, value in named.items() if value} or {"all": True}).encode())


async def beats(running: "Running") -> None:
    """Auth's heart: a beat each second, and "all" at the start and at each reconnection, since hints may have been lost before."""
    running.broker.on_reconnect.append(lambda: announce(running.broker))
    announce(running.broker)
    while True:
        running.broker.hint(BEAT, b"beat")
        await running.environment.sleep(1)


async def listen(broker: "Broker", principals: Principals) -> None:
    """Let a service hear auth's beat and its revocations."""
    broker.on_reconnect.append(principals.distrust)
    await broker.listen(BEAT, lambda _subject, _payload: principals.beat())
    await broker.listen(REVOKED, lambda _subject, payload: principals.revoked(payload))
