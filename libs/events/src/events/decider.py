"""What holds a domain: `evolve` folds facts into a state, `decide` turns a command and states into events. Pure.

Units are what the writer runs. They see the store only through the `Transaction` protocol of this module, so that a service's core can be
tested without one (`events.testing`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from events.envelope import Actor

Key = tuple[str, str]
"""What a unit reads: (kind, id), as ("stream", "ticket/42"), ("counter", "ticket") or a kind that the service loads itself."""

S = TypeVar("S")
R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Who does it, when, and what it follows from. `at` is the command's clock; `correlation` is the request's id."""

    actor: Actor
    at: datetime
    correlation: str | None = None
    causation: str | None = None
    imported: bool = False
    traceparent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """An event as `evolve` sees it: with its place in its stream, but not yet in the log."""

    event: Any
    id: str
    subject: str
    streamversion: int
    time: datetime
    actor: Actor
    imported: bool


@dataclass(frozen=True, slots=True)
class Fold(Generic[S]):
    """How the states of one kind of entity come out of its events. `types` are the names of those that matter; None: all."""

    initial: S
    evolve: Callable[[S, Fact], S]
    types: frozenset[str] | None = None

    def of(self, facts: Iterable[Fact], state: S | None = None) -> S:
        """Return the state after `facts`, beginning at `state` or at the initial one."""
        result = self.initial if state is None else state
        for fact in facts:
            if self.types is None or fact.event.event_type.name in self.types:
                result = self.evolve(result, fact)
        return result


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream as a unit sees it: how many events it has, the time of the last, and the state that they make."""

    version: int
    time: datetime | None
    state: Any


class Transaction(Protocol):
    """What a unit may do. Everything it appends, puts and writes is undone when it raises."""

    @property
    def now(self) -> datetime:
        """The writer's clock at the beginning of the batch."""

    @property
    def connection(self) -> Any:
        """The open transaction's SQLAlchemy connection; only units whose `sql` is true may use it."""

    def state(self, key: Key) -> Any:
        """Return what the key stands for, as it is after all earlier units of the batch; None when there is nothing."""

    def put(self, key: Key, value: Any) -> None:
        """Let later units of the batch see `value` under `key`. A ("counter", …) is stored too."""

    def prefetch(self, keys: Iterable[Key]) -> None:
        """Load in bulk what will be asked for one by one."""

    def stream(self, subject: str) -> Stream:
        """Return the stream of an entity, such as "ticket/42"."""

    def append(self, subject: str, events: Sequence[Any], context: Context) -> Any:
        """Append events to a stream and return its state after them."""

    def write(self, statement: Any, row: Mapping[str, Any]) -> None:
        """Run an insert, update or delete with these parameters before the commit.

        Rows of the same statement object are sent together, so statements are module constants with `bindparam`s.
        """

    def announce(self, news: Any) -> None:
        """Say what this unit's SQL gave to feeds that projections follow (`events.following.News`)."""

    def savepoint(self) -> AbstractContextManager[None]:
        """Undo what is appended, put, written and executed inside, and only that, when the block raises. For units whose `sql` is true."""


class Unit(Protocol[R_co]):
    """Something that the writer does in one transaction, together with others. A DomainError that `run` raises rejects it alone."""

    def reads(self) -> Iterable[Key]:
        """Return the keys that `run` will ask for; they are loaded in bulk before the batch is decided."""

    def run(self, tx: Transaction) -> R_co:
        """Decide, append and write. Synchronous; it must not call the writer."""


class SqlUnit(Unit[R_co], Protocol[R_co]):
    """A unit that runs SQL of its own on `tx.connection`, in a savepoint. States it asks for are loaded on demand."""

    sql: bool
