"""Erasing in a store that no service has open. A restore does not use it: its services erase again at their first start.

What is the same in every store is done here. What a service keeps beside that has its tombstone here, and goes at the service's next start.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Column, Connection, LargeBinary, MetaData, Table, inspect, select

from events.blanking import EVENTS, PARKED, Step, over_journal
from events.contracts.user import ERASED, UserErased
from events.decider import Context, Key, Transaction
from events.eraser import Blank, Move
from events.erasures import Erasure, erasure_of, note
from events.rewriting import rewrite, truncate_log
from events.store import Store
from events.tables import Sequence as Number
from events.tables import events
from events.writer import Writer

_JOURNAL = Table("journal", MetaData(), Column("position", Number, primary_key=True), Column("wire", LargeBinary))
_AT_ONCE = 100  # people in one transaction


def erased_people(connection: Connection) -> list[str]:
    """Return the ids of everybody of whom this log, auth's, says that they were erased, in that order."""
    said = select(events.c.subject).where(events.c.type == ERASED).order_by(events.c.sequence)
    return list(dict.fromkeys(subject.partition("/")[2] for subject in connection.scalars(said)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """Says once more that people were erased: a tombstone for each, and, in the log that has their account, the event, unless it has it.

    A unit of the writer.
    """

    people: Sequence[str]
    context: Context
    sql: bool = True

    def reads(self) -> Iterable[Key]:
        return [("stream", f"user/{person}") for person in self.people]

    def run(self, tx: Transaction) -> None:
        for person in self.people:
            subject = f"user/{person}"
            said = select(events.c.sequence).where(events.c.subject == subject, events.c.type == ERASED)
            if tx.stream(subject).version and tx.connection.scalar(said) is None:
                tx.append(subject, [UserErased()], self.context)
            note(tx, person)


def erase_in_closed_store(store: Store, writer: Writer, people: Iterable[str], context: Context) -> Mapping[str, int]:
    """Take the personal parts of these people from log, journal and what was set aside, and leave nothing in the file's free space.

    `writer` is one of this store that was started; nobody else has the store open. `context` is that of a `user.erased` that the log lacks:
    the log that has the accounts has one for each person afterwards, so that it verifies. Returns how many things were blanked, by kind.
    Blocking; memory does not grow with the store. Raises what the writer raises; done twice it does nothing the second time.
    """
    wanted = list(people)
    for start in range(0, len(wanted), _AT_ONCE):
        writer.execute_blocking(Again(people=wanted[start : start + _AT_ONCE], context=context))
    with store.read() as connection:
        steps = [EVENTS, PARKED, *([over_journal(_JOURNAL)] if _has_journal(connection) else [])]
        todo = [found for person in wanted if (found := erasure_of(connection, person)) is not None and found.done_at is None]
    counted = {step.name: sum(_walk(store, writer, erasure, step) for erasure in todo) for step in steps}
    # the service goes through all of its own steps, from the first
    writer.execute_blocking(Move([replace(erasure, step="", position="") for erasure in todo]))
    if any(counted.values()):
        writer.between_batches(lambda: rewrite(store)).result()
        writer.between_batches(lambda: truncate_log(store)).result()
    return counted


def _has_journal(connection: Connection) -> bool:
    there = inspect(connection)
    columns = there.get_columns("journal") if there.has_table("journal") else []
    return {"position", "wire"} <= {column["name"] for column in columns}


def _walk(store: Store, writer: Writer, erasure: Erasure, step: Step) -> int:
    position: str | None = ""
    count = 0
    while position is not None:
        with store.read() as connection:
            keys, position = step.find(connection, person=erasure.person, position=position)
        if keys:
            count += writer.execute_blocking(Blank(replace(erasure, blanked={}), step, keys)).blanked[step.name]
    return count
