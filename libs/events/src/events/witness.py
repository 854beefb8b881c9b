"""The witness: what one service does, for each source that it consumes, so that nobody can rewrite that source's history unseen.

What it accepted it keeps, and cosigns. What contradicts it stops the consumer of that source, until an operator resolves it.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert  # SQLite's ON CONFLICT is written alike, and this form compiles for both

from events import positions
from events.contracts.operation import WitnessResolved
from events.cosignatures import Cosigner
from events.decider import Context, Key, Transaction
from events.envelope import StoredEvent
from events.environment import Environment
from events.ledger_tables import watched, witnessed
from events.prepared import Query
from events.store import Store
from events.times import to_text
from events.witnessing import NOTHING, Accepted, Cut, Memory, Offer, Rewritten, Seen, Tree, examine
from events.writer import Writer

logger = logging.getLogger(__name__)

Ask = Callable[[str, Mapping[str, str | int]], Awaitable[dict[str, Any]]]
"""(source, what is asked) to what the source's owner shows. Raises anything when it cannot be reached."""
Tell = Callable[[str, dict[str, Any]], Awaitable[None]]
"""(source, cosignature) to the source's owner. Raises anything when it cannot be reached."""

EVERY = 60.0  # seconds between two looks; a log that has news signs a checkpoint as often
_SOON = 5.0  # before the first look, and when the last one could not be

_ROW = select(watched).where(watched.c.source == bindparam("of"))
_ALARM = Query(select(watched.c.alarm).where(watched.c.source == bindparam("of")))
_ALARMS = select(watched.c.source, watched.c.alarm).where(watched.c.alarm.is_not(None)).order_by(watched.c.source)
_OLDER = (
    select(witnessed.c.size, witnessed.c.root)
    .where(witnessed.c.source == bindparam("of"), witnessed.c.size <= bindparam("kept"))
    .order_by(witnessed.c.size.desc(), witnessed.c.time.desc())
    .limit(1)
)
_COLUMNS = [column.name for column in watched.columns]
_add = insert(watched)
_SET = _add.on_conflict_do_update(index_elements=[watched.c.source], set_={name: _add.excluded[name] for name in _COLUMNS[1:]})
_KEEP = insert(witnessed).on_conflict_do_nothing()
_FORGET = delete(watched).where(watched.c.source == bindparam("of"))
_FORGET_ALL = delete(witnessed).where(witnessed.c.source == bindparam("of"))
_LAST_NOTE = select(witnessed.c.note).where(
    witnessed.c.source == bindparam("of"), witnessed.c.origin == bindparam("origin"), witnessed.c.size == bindparam("size")
)


@dataclass(frozen=True, slots=True)
class State:
    """What the table `watched` holds of a source: what is known, and what is wrong, if something is."""

    memory: Memory
    alarm: str | None = None
    evidence: str | None = None
    checked_at: str = ""


def load(connection: Connection, source: str) -> State:
    """Return what is known of a source."""
    row = connection.execute(_ROW, {"of": source}).one_or_none()
    if row is None:
        return State(Memory(source))
    tree, seen = Tree(row.size, bytes.fromhex(row.root)), Seen(row.seen_sequence, row.seen_hash)
    return State(Memory(source, row.key, row.origin, tree, seen), row.alarm, row.evidence, row.checked_at)


def alarms(connection: Connection) -> dict[str, str]:
    """Return what is wrong, by source."""
    return {row.source: row.alarm for row in connection.execute(_ALARMS)}


def halted(store: Store, source: str) -> str | None:
    """Return why nothing of a source may be consumed; None when it may."""
    with store.glance() as reader:
        row = _ALARM.first(reader, {"of": source})
    return None if row is None else row[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Writes down what came of a look, unless another process looked meanwhile: a unit of the writer. Returns whether it did."""

    before: State
    after: State
    note: str | None = None
    """The checkpoint, cosigned, when it is a new one."""
    sql: bool = True

    def reads(self) -> Iterable[Key]:
        return ()

    def run(self, tx: Transaction) -> bool:
        memory, now = self.after.memory, to_text(tx.now)
        if load(tx.connection, memory.source) != self.before:
            return False
        tx.write(
            _SET,
            {
                "source": memory.source,
                "key": memory.key,
                "origin": memory.origin,
                "size": memory.tree.size,
                "root": memory.tree.root.hex(),
                "seen_sequence": memory.seen.sequence,
                "seen_hash": memory.seen.hash,
                "checked_at": now,
                "alarm": self.after.alarm,
                "evidence": self.after.evidence,
            },
        )
        if self.note is not None:
            tree = {"size": memory.tree.size, "root": memory.tree.root.hex()}
            tx.write(_KEEP, {"source": memory.source, "origin": memory.origin, **tree, "note": self.note, "time": now})
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolve:
    """An operator ends an alarm: a unit of the writer.

    With `accept` the history is taken as it is now: what was witnessed of it is forgotten, its key too, and the consumer goes on behind
    `anchor`, the event that stands there now at its position (None: nothing was consumed). Raises Conflict when it has moved since.
    """

    own: str
    source: str
    accept: bool
    by: Context
    anchor: StoredEvent | None = None
    sql: bool = True

    def reads(self) -> Iterable[Key]:
        return ()

    def run(self, tx: Transaction) -> None:
        state = load(tx.connection, self.source)
        resolved = WitnessResolved(source=self.source, accepted=self.accept, alarm=state.alarm)
        tx.append(f"store/{self.own.strip('/')}", [resolved], self.by)
        if self.accept:
            positions.anchor(tx.connection, self.source, self.anchor)
            tx.write(_FORGET, {"of": self.source})
            tx.write(_FORGET_ALL, {"of": self.source})
        else:
            tx.connection.execute(watched.update().where(watched.c.source == self.source).values(alarm=None, evidence=None))


class Witness:
    """Watches one source. Two may look at once; what one of them accepted the other does not undo."""

    def __init__(
        self, *, source: str, store: Store, writer: Writer, cosigner: Cosigner, ask: Ask, tell: Tell, environment: Environment
    ) -> None:
        self.source = source
        self.trouble: str | None = None
        """Why it could not look, as long as it cannot."""
        self._store, self._writer, self._cosigner = store, writer, cosigner
        self._ask, self._tell, self._environment = ask, tell, environment

    async def run(self) -> None:
        """Look now and then, for ever."""
        await self._environment.sleep(_SOON)  # a desk that starts has not all its services yet
        while True:
            await self.step()
            await self._environment.sleep(self._pause())

    async def step(self) -> None:
        """Look once. What contradicts what was seen becomes an alarm; an owner who cannot be reached is none."""
        try:
            await self._look()
        except Exception as error:  # noqa: BLE001 -- whatever keeps it from looking now may be over the next time
            trouble = f"{type(error).__name__}: {error}"
            if trouble != self.trouble:
                logger.warning("The log of %s could not be witnessed: %s", self.source, trouble)
            self.trouble = trouble
        else:
            self.trouble = None

    async def _look(self) -> None:
        before = await self._store.read_in_thread(lambda connection: load(connection, self.source))
        try:
            accepted, cosigned = await self._examine(before.memory)
            await self._demand_all(before.memory, accepted)
        except Rewritten as rewritten:
            await self._alarm(before, rewritten)
        else:
            if accepted is not None:
                await self._accept(before, accepted, cosigned)

    async def _examine(self, memory: Memory) -> tuple[Accepted | None, bool]:
        """Return what is accepted, and whether the owner has our cosignature of it."""
        base: Tree | None = None
        while True:
            shown = await self._ask(self.source, _question(memory, base or memory.tree))
            verdict = examine(memory, Offer.of(shown), base)
            if not isinstance(verdict, Cut):
                return verdict, self._cosigner.public_key in shown.get("cosigned", ())
            kept = verdict.kept
            base = await self._store.read_in_thread(lambda connection: _older(connection, memory.source, kept))  # noqa: B023 -- awaited here

    async def _demand_all(self, memory: Memory, accepted: Accepted | None) -> None:
        """Raise Rewritten where a restore cut off what was witnessed or consumed here.

        A restore of the whole desk takes the witnesses' own stores back with it, so none of it does: who tells it of one log alone may have
        put another history behind the cut. Whether that was meant, an operator knows.
        """
        if accepted is None or accepted.kept is None:
            return
        at = await self._store.read_in_thread(lambda connection: positions.load(connection, self.source))
        known = max(memory.tree.size, memory.seen.sequence)
        if at.sequence > accepted.kept and at.held(accepted.kept + 1) == memory.origin:
            known = max(known, at.sequence)
        if accepted.kept < known:
            reason = f"A restore tells that it was cut off after event {accepted.kept}, and {known} of its events were seen here."
            raise Rewritten(reason, accepted.note)

    async def _alarm(self, before: State, rewritten: Rewritten) -> None:
        alarm = f"The history of {self.source} was rewritten. {rewritten.reason}"
        if alarm == before.alarm:
            return
        logger.error("%s Nothing more of it is consumed until an operator resolves it.", alarm)
        await self._writer.execute(Note(before=before, after=State(before.memory, alarm, rewritten.note)))

    async def _accept(self, before: State, accepted: Accepted, cosigned: bool) -> None:
        memory = before.memory
        if before.alarm:
            return  # it is an operator's to say that all is well again
        new = (accepted.origin, accepted.tree) != (memory.origin, memory.tree)
        seen = memory.seen
        if seen.sequence <= accepted.tree.size:  # it was found
            at = await self._store.read_in_thread(lambda connection: positions.load(connection, self.source))
            seen = Seen(at.sequence, at.hash) if at.sequence else Seen()
        after = State(Memory(self.source, accepted.key, accepted.origin, accepted.tree, seen), checked_at=before.checked_at)
        line = self._cosigner.cosign(accepted.body, int(self._environment.now().timestamp())) if new else None
        note = None if line is None else accepted.note + line
        if (new or after != before) and not await self._writer.execute(Note(before=before, after=after, note=note)):
            return
        if not cosigned:
            await self._pass_on(after.memory)

    async def _pass_on(self, memory: Memory) -> None:
        """Give the owner our cosignature, for those whom it shows its checkpoints."""
        values = {"of": memory.source, "origin": memory.origin, "size": memory.tree.size}
        note = await self._store.read_in_thread(lambda connection: connection.execute(_LAST_NOTE, values).scalar_one_or_none())
        if note is not None:
            line = note.splitlines(keepends=True)[-1]
            await self._tell(self.source, {"size": memory.tree.size, "key": self._cosigner.public_key, "line": line})

    def _pause(self) -> float:
        """Return the seconds until the next look, a little other each time, so that not all look at once."""
        return _SOON if self.trouble else EVERY * (0.9 + 0.2 * self._environment.random_bytes(1)[0] / 255)


def _question(memory: Memory, base: Tree) -> dict[str, str | int]:
    return {"since": base.size, "leaf": memory.seen.sequence, "origin": memory.origin}


def _older(connection: Connection, source: str, kept: int) -> Tree:
    """Return the largest tree witnessed of at most so many events."""
    row = connection.execute(_OLDER, {"of": source, "kept": kept}).one_or_none()
    return Tree(row.size, bytes.fromhex(row.root)) if row is not None else NOTHING
