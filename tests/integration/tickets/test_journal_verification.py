"""The journal held against the log and the chains of the other services: what is right although it looks odd, and what is not."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError

from events import positions, tables
from events.blanking import blanked_wire
from events.contracts.operation import WitnessResolved
from events.envelope import IN_HEAD, StoredEvent, chain, head_of
from events.errors import Unavailable
from tests.integration.tickets.test_trail import Sources, created, opened, registered
from tickets import journal_verification
from tickets.journal_verification import what_is_wrong
from tickets.tables import journal

Finding = tuple[int | None, str] | None


@pytest.fixture
def sources() -> Iterator[Sources]:
    yield from opened()


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the few events of a test be in several chunks."""
    monkeypatch.setattr(journal_verification, "CHUNK", 2)


def found(sources: Sources, *, erased: tuple[str, ...] = (), still_wanted: Callable[[], None] = lambda: None) -> Finding:
    return what_is_wrong(lambda: nullcontext(sources.connection), "/tickets", lambda person: person in erased, still_wanted)


def consumed(sources: Sources, source: str = "/auth") -> None:
    """Let the consumer of a source stand at the last that came."""
    before, last = positions.load(sources.connection, source), sources.last[source]
    positions.save(sources.connection, source, before, before.after(last))


def in_another_history(sources: Sources, source: str = "/auth") -> StoredEvent:
    """Let the source's last event be another one from now on, as in a store that was put back and went on differently."""
    last = sources.last[source]
    head = head_of({**{name: getattr(last, name) for name in IN_HEAD}, "origin": "another"})
    sources.last[source] = last._replace(origin="another", head=head, hash=chain(last.prevhash, head))
    return sources.last[source]


def some(sources: Sources) -> None:
    for name in ("Anna Arendt", "Ben Brecht"):
        sources.tell(registered(name), f"user/{name[:3].lower()}", source="/auth")
    sources.tell(created(), "ticket/42")
    sources.tell(created(43), "ticket/43")
    sources.tell(registered("Cleo"), "user/cle", source="/auth")
    consumed(sources)


def test_a_journal_in_chunks_is_what_was_written(sources: Sources) -> None:
    assert found(sources) is None
    some(sources)
    assert found(sources) is None


def test_a_history_that_an_operator_took_as_it_is_goes_on_from_there(sources: Sources) -> None:
    some(sources)
    other = in_another_history(sources)
    sources.tell(WitnessResolved(source="/auth", accepted=True, alarm="rewritten"), "store/tickets")
    positions.anchor(sources.connection, "/auth", other)
    assert found(sources) is None, "nothing has come of it yet"
    sources.tell(registered("Dora"), "user/dor", source="/auth")
    consumed(sources)
    assert found(sources) is None
    in_another_history(sources)
    sources.tell(registered("Emil"), "user/emi", source="/auth")
    consumed(sources)
    assert "does not follow" in str(found(sources)), "it was taken once only"


@pytest.mark.parametrize("told", [None, WitnessResolved(source="/auth", accepted=False, alarm="rewritten")])
def test_a_history_that_nobody_took_is_found(sources: Sources, told: Any) -> None:
    some(sources)
    other = in_another_history(sources)
    if told is not None:
        sources.tell(told, "store/tickets")
    positions.anchor(sources.connection, "/auth", other)
    assert "which is not the one that was consumed last" in str(found(sources))
    sources.tell(registered("Dora"), "user/dor", source="/auth")
    consumed(sources)
    assert "does not follow" in str(found(sources))


def test_a_personal_part_may_be_missing_of_those_who_were_erased(sources: Sources) -> None:
    some(sources)
    for position, wire in sources.connection.execute(journal.select().with_only_columns(journal.c.position, journal.c.wire)).all():
        if wire is not None:
            sources.connection.execute(update(journal).where(journal.c.position == position).values(wire=blanked_wire(wire)))
    assert found(sources, erased=("anna",)) is None
    assert "its person was not erased" in str(found(sources, erased=("ben",)))


def test_an_own_event_that_the_journal_lacks_is_named(sources: Sources) -> None:
    some(sources)
    lost = sources.tell(created(44), "ticket/44")
    sources.connection.execute(journal.delete().where(journal.c.sequence == lost.sequence, journal.c.source == "/tickets"))
    assert found(sources) == (lost.sequence, "The journal lacks it, and what follows.")


def test_a_position_that_was_moved_is_found(sources: Sources) -> None:
    some(sources)
    sources.connection.execute(insert(tables.consumed), {"source": "/notifier", "origin": "o", "sequence": 3, "hash": "0" * 64})
    assert "ends with event 0 of /notifier" in str(found(sources))


def test_it_ends_when_it_is_not_wanted_any_more(sources: Sources) -> None:
    some(sources)

    def going_down() -> None:
        raise Unavailable("The service is going down.")

    with pytest.raises(Unavailable):
        found(sources, still_wanted=going_down)


@pytest.mark.parametrize("value", ["CAST(X'FFFE' AS TEXT)", "X'FF'", "'x'", "-7", "1.5"])
def test_a_value_of_any_kind_is_found_and_never_an_exception(sources: Sources, value: str) -> None:
    some(sources)
    for table, row in (("journal", "position = 3"), ("journal", "position = 1"), ("consumed", "1 = 1")):
        sources.connection.exec_driver_sql(f"CREATE TABLE spare AS SELECT * FROM {table}")
        for column in (column.name for column in (journal if table == "journal" else tables.consumed).columns):
            try:
                sources.connection.exec_driver_sql(f"UPDATE {table} SET {column} = {value} WHERE {row}")
            except IntegrityError:  # no such position
                continue
            wrong = found(sources)
            assert wrong is not None or (table, column) == ("consumed", "origin"), column
            sources.connection.exec_driver_sql(f"DELETE FROM {table}")
            sources.connection.exec_driver_sql(f"INSERT INTO {table} SELECT * FROM spare")
        sources.connection.exec_driver_sql("DROP TABLE spare")
    assert found(sources) is None
