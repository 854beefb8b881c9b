"""What a service is, declared as data (`Service`, `Parts`), and one that lives (`Running`)."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.requests import HTTPConnection

from chassis.settings import Settings
from events.decider import Fold
from events.environment import Environment
from events.erasures import Tombstones
from events.projections import Feed, Projection
from events.recent import Recent

if TYPE_CHECKING:
    from chassis.limits import Limits
    from chassis.paging import Sealer
    from chassis.peers import Peers
    from chassis.principal import Credential, Principal
    from chassis.principals import Principals
    from chassis.rebuilds import Rebuilds
    from chassis.signing import Keyring
    from events.blanking import Step
    from events.checkpoints import Signer
    from events.consumer import Consumer
    from events.cosignatures import Cosigner
    from events.eraser import Compact, Eraser
    from events.handling import Subscription
    from events.hints import Wake
    from events.intake import Record
    from events.jetstream import Broker
    from events.lease import Lease
    from events.log_pages import Connect
    from events.proving import Prover
    from events.relay import Relay
    from events.retrying import Parking
    from events.store import Store
    from events.witness import Witness
    from events.writer import Writer
    from events.writing import Appended

    Resolver = Callable[[Credential, str, str], Awaitable[Principal | None]]

Loader = Callable[[Connection, Sequence[str]], Mapping[str, Any]]
Body = Callable[[], Coroutine[Any, Any, None]]
Verifies = Callable[["Connect", Callable[[str], bool], Callable[[], None]], tuple[int | None, str] | None]
"""(connect, was a person erased, raises when it is to end) to what is wrong: (the own event where it shows, or None; a sentence)."""


@dataclass(kw_only=True)
class Parts:
    """What a service builds once its store is open."""

    routers: Sequence[APIRouter] = ()
    projections: Sequence[Projection] = ()
    """Those that follow the service's own log."""
    feeds: Sequence[tuple[Feed, Sequence[Projection]]] = ()
    """Other feeds, such as the journal, and what follows them."""
    appended: "Appended | None" = None
    """Called in the transaction with the events that a batch appended to the log."""
    subscriptions: "Sequence[Subscription]" = ()
    record: "Record | None" = None
    """Writes what is to be kept of every event of every source before it is handled."""
    leader_tasks: Sequence[Body] = ()
    """Run by one process at a time, while it holds the store's lease; they loop until they are cancelled."""
    tasks: Sequence[Body] = ()
    """Run by every process."""
    erases: "Sequence[Step]" = ()
    """What the service keeps of a person beside its log, and how that is blanked, in this order."""
    redact: "Callable[[Connection, Mapping[str, Any], str], Mapping[str, Any]]" = lambda _connection, answer, _person: answer
    """(connection, kept answer, person) to the answer without texts of that person; names beside an id are taken out anyway."""
    compact: "Compact | None" = None
    """Takes what was deleted out of a search index for good."""
    figures: Callable[[Connection], Mapping[str, float]] | None = None
    """Numbers of the service's own for `/readyz` and `/metrics`; quick to read."""
    reasons: Callable[[Connection], Sequence[str]] | None = None
    """What of the service's own is not well, in sentences for `/readyz`; quick to read."""
    verifies: "Verifies | None" = None
    """Looks at what the service keeps of its log and others' beside it, once its log is verified."""
    resolver: "Resolver | None" = None
    """auth's own: (credential, address, agent) to the principal, from its store. Everyone else asks auth."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """`migrations` is a package path such as "tickets.migrations"; `folds` are by entity, `loaders` by kind of key."""

    name: str
    title: str
    description: str
    migrations: str
    build: "Callable[[Running], Parts]"
    folds: Mapping[str, Fold[Any]] = field(default_factory=dict)
    loaders: Mapping[str, Loader] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """The `source` of its events, as "/tickets"."""
        return f"/{self.name}"

    @property
    def stream(self) -> str:
        """The stream of its events at the broker, as "EVENTS_TICKETS"."""
        return f"EVENTS_{self.name.upper()}"


@dataclass(kw_only=True)
class Running:
    """One service at work: `running(request)`, or what `Service.build` is given (then without what is built from its parts)."""

    service: Service
    settings: Settings
    environment: Environment
    store: "Store"
    secrets: Mapping[str, str] = field(repr=False)
    """By name, hex: services, operator, cursor, nats-<service>, signing-<service>; for auth pepper and login-hmac too."""
    broker: "Broker"
    wake: "Wake"
    signer: "Signer"
    sealer: "Sealer"
    limits: "Limits"
    peers: "Peers"
    keys: "Keyring" = field(init=False)
    """The keys that the log was signed with, the oldest first, and how each handed over to the next."""
    cosigner: "Cosigner" = field(init=False)
    principals: "Principals" = field(init=False)
    parts: Parts = field(init=False)
    writer: "Writer" = field(init=False)
    relay: "Relay" = field(init=False)
    parking: "Parking" = field(init=False)
    prover: "Prover" = field(init=False)
    eraser: "Eraser" = field(init=False)
    lease: "Lease" = field(init=False)
    rebuilds: "Rebuilds" = field(init=False)
    recent: Recent = field(default_factory=Recent)
    """What this process committed last."""
    tombstones: Tombstones = field(default_factory=Tombstones)
    """The people of whom nothing personal is stored any more; for the writer's thread."""
    consumers: "Mapping[str, Consumer]" = field(default_factory=dict)
    witnesses: "Mapping[str, Witness]" = field(default_factory=dict)
    """By source, as the consumers are."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set at SIGTERM: open streams end."""
    verified: tuple[int, int] = (0, 0)
    """How far a verification of the store is that runs now, or how far the last one came: (events done, events in all)."""
    verdict: tuple[float, bool, str | None] | None = None
    """What the last verification of the store by this process found: when (seconds since 1970), whether all was well, or why not."""
    failed: str | None = None
    """Why this process cannot go on, once it cannot."""
    end: Callable[[], None] = field(default=lambda: None, repr=False)
    """Ends the process, as SIGTERM would; set by whoever serves."""

    def fail(self, reason: str) -> None:
        """Say that this process cannot go on, and end it: its runner starts another. From any thread."""
        self.failed = self.failed or reason
        self.end()


def running(request: HTTPConnection) -> Running:
    """Return the service that answers this request."""
    return request.app.state.running  # type: ignore[no-any-return]
