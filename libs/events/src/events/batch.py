"""One transaction of the writer: units are decided in order, each sees what the earlier ones did, and a refused one leaves no trace."""

import contextlib
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam
from sqlalchemy.dialects.postgresql import insert  # SQLite's ON CONFLICT is written alike, and this form compiles for both

from events.appending import Draft, draft, personal_of
from events.decider import Context, Key, Stream, Unit
from events.erasures import PersonErased
from events.following import News
from events.loading import COUNTER, STREAM, Loading
from events.savepoints import savepoint
from events.tables import counters

_insert_counter = insert(counters).values(name=bindparam("name"), value=bindparam("value"))
_SET_COUNTER = _insert_counter.on_conflict_do_update(index_elements=[counters.c.name], set_={"value": _insert_counter.excluded.value})

Write = tuple[Any, Mapping[str, Any]]


@dataclass(slots=True)
class Changes:
    """What units have decided and nobody has written yet."""

    states: dict[Key, Any] = field(default_factory=dict)
    drafts: list[Draft] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    news: list[News] = field(default_factory=list)

    def copy(self) -> "Changes":
        return Changes(dict(self.states), list(self.drafts), list(self.writes), list(self.news))


class Batch:
    """The state of a transaction: what was loaded, with everything that was decided since folded in."""

    def __init__(
        self,
        connection: Connection,
        loading: Loading,
        now: datetime,
        new_id: Callable[[], str],
        known: Mapping[Key, Any],
        *,
        erased: Container[str] = (),
    ) -> None:
        self.connection, self.now = connection, now
        self.decided: dict[Key, Any] = {}
        self._loading, self._new_id, self._known, self._erased = loading, new_id, known, erased
        self._loaded: dict[Key, Any] = {}

    def prepare(self, keys: Iterable[Key]) -> None:
        """Load in bulk what is not known yet."""
        missing = {key for key in keys if not self._has(key)}
        if missing:
            self._loaded.update(self._loading.load(self.connection, missing))

    def value(self, key: Key) -> Any:
        """Return what a key stands for; it is loaded now if it was not named before."""
        if not self._has(key):
            self.prepare([key])
        for known in (self.decided, self._loaded, self._known):
            if key in known:
                return known[key]
        raise KeyError(key)

    def forget_reservations(self) -> None:
        """Drop what was loaded and not decided here: SQL that a unit runs itself may have changed it."""
        self._loaded = {key: value for key, value in self._loaded.items() if key[0] == STREAM}

    def forget_streams(self) -> None:
        """Drop what is known of streams: their events were blanked."""
        self._known = {}
        for states in (self._loaded, self.decided):
            for key in [key for key in states if key[0] == STREAM]:
                del states[key]

    def check(self, made: Draft) -> None:
        """Raise PersonErased when the draft holds something personal of somebody who was erased."""
        if made.personal is not None and personal_of(made.fact.subject, made.fact.event) in self._erased:
            raise PersonErased

    def fold(self, subject: str, state: Any, fact: Any) -> Any:
        """Return the state of a stream after one more fact."""
        fold = self._loading.fold(subject)
        return fold.of([fact], state) if fold else None

    def new_id(self) -> str:
        """Return an id for an event."""
        return self._new_id()

    def _has(self, key: Key) -> bool:
        return key in self.decided or key in self._loaded or key in self._known


class UnitTransaction:
    """The transaction as one unit sees it (`events.decider.Transaction`)."""

    def __init__(self, batch: Batch, *, sql: bool) -> None:
        self.changes = Changes()
        self._batch, self._sql = batch, sql

    @property
    def now(self) -> datetime:
        return self._batch.now

    @property
    def connection(self) -> Connection:
        if not self._sql:
            raise TypeError("Only a unit whose `sql` is true may use the connection: the others' writes wait for the end of the batch.")
        return self._batch.connection

    def prefetch(self, keys: Iterable[Key]) -> None:
        self._batch.prepare(keys)

    def state(self, key: Key) -> Any:
        return self.changes.states[key] if key in self.changes.states else self._batch.value(key)

    def put(self, key: Key, value: Any) -> None:
        self.changes.states[key] = value
        if key[0] == COUNTER:
            self.write(_SET_COUNTER, {"name": key[1], "value": value})

    def stream(self, subject: str) -> Stream:
        stream: Stream = self.state((STREAM, subject))
        return stream

    def append(self, subject: str, events: Sequence[Any], context: Context) -> Any:
        version, time, state = (stream := self.stream(subject)).version, stream.time, stream.state
        for event in events:
            version += 1
            made = draft(event, subject, context, version=version, last=time, id_=self._batch.new_id())
            self._batch.check(made)
            time, state = made.fact.time, self._batch.fold(subject, state, made.fact)
            self.changes.drafts.append(made)
        self.changes.states[STREAM, subject] = Stream(version, time, state)
        return state

    def write(self, statement: Any, row: Mapping[str, Any]) -> None:
        if self._sql:
            self._batch.connection.execute(statement, dict(row))
        else:
            self.changes.writes.append((statement, row))

    def announce(self, news: News) -> None:
        self.changes.news.append(news)

    @contextlib.contextmanager
    def savepoint(self) -> Iterator[None]:
        before = self.changes.copy()
        try:
            with savepoint(self.connection):
                yield
        except BaseException:
            self.changes = before
            raise


def keys_of(units: Iterable[Unit[Any]]) -> set[Key]:
    """Return all keys that the units name. One that cannot even name its keys is refused when it runs."""
    keys: set[Key] = set()
    for unit in units:
        with contextlib.suppress(Exception):
            keys.update(unit.reads())
    return keys


def execute_writes(connection: Connection, writes: Sequence[Write]) -> None:
    """Run the writes with few statements: within a table in order, runs of the same statement together.

    Tables come in the order in which they were first written, so a row stands before those that refer to it.
    """
    runs: dict[Any, list[tuple[Any, list[dict[str, Any]]]]] = {}
    for statement, row in writes:
        of_table = runs.setdefault(statement.table, [])
        if not of_table or of_table[-1][0] is not statement:
            of_table.append((statement, []))
        of_table[-1][1].append(dict(row))
    for of_table in runs.values():
        for statement, rows in of_table:
            connection.execute(statement, rows)
