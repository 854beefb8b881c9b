"""The desk's derived tables, filled in whatever batches: always the same rows, and those that the domain says."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, select, text

from events.catalogue import encode, type_of
from events.contracts.ticket import TicketCreated
from events.envelope import StoredEvent, canonical, digest
from events.projections import Recorded
from events.times import to_text
from tests.unit.tickets.desk import facts
from tests.unit.tickets.test_properties import commands, run
from tickets.commands import STATUSES
from tickets.decider import TICKET, Ticket
from tickets.projections import Desk
from tickets.tables import DESK, tickets

pysqlite3 = pytest.importorskip("pysqlite3", reason="the system's SQLite may be too old for the tests of its full-text search")

HEX = "0" * 64


def stored(event: Any, number: int, streamversion: int, sequence: int, time: str) -> StoredEvent:
    data, private = encode(event)
    return StoredEvent(
        sequence=sequence,
        id=f"event-{sequence}",
        source="/tickets",
        origin="origin",
        type=type_of(event).name,
        dataversion=1,
        subject=f"ticket/{number}",
        streamversion=streamversion,
        time=time,
        recordedtime=time,
        imported=False,
        actorkind="user",
        actorid="ada",
        tokenid=None,
        correlationid=None,
        causationid=None,
        datadigest=digest(canonical(data)),
        personaldigest=None,
        personalof=None,
        traceparent=None,
        head=b"{}",
        data=canonical(data),
        personal=None if private is None else canonical(private),
        salt=None,
        prevhash=HEX,
        hash=HEX,
    )


def log_of(histories: Sequence[list[Any]], order: list[int]) -> list[tuple[int, Recorded]]:
    """The histories of several tickets as one log, drawn from in the given order."""
    waiting = {number: list(enumerate(facts(*events), start=1)) for number, events in enumerate(histories, start=1)}
    log: list[tuple[int, Recorded]] = []
    for pick in [*order, *(number for number, events in waiting.items() for _ in events)]:
        if waiting.get(pick):
            version, fact = waiting[pick].pop(0)
            event = fact.event if version > 1 else _numbered(fact.event, pick)
            sequence = len(log) + 1
            log.append((sequence, Recorded(stored(event, pick, version, sequence, to_text(fact.time)), event)))
    return log


def _numbered(event: TicketCreated, number: int) -> TicketCreated:
    return TicketCreated(
        requester=event.requester,
        assignee=None,
        number=number,
        priority=event.priority,
        status="open",
        title=event.title,
        body=event.body,
    )


def everything(connection: Connection) -> dict[str, list[Any]]:
    """Every row of every derived table, and every word of the search index with its place."""
    found = {
        table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))] for table in DESK.sorted_tables
    }
    connection.execute(text("CREATE VIRTUAL TABLE IF NOT EXISTS temp.words USING fts5vocab(main, ticket_search, instance)"))
    found["words"] = [tuple(row) for row in connection.execute(text('SELECT term, doc, col, "offset" FROM temp.words ORDER BY 1, 2, 3, 4'))]
    return found


def filled(log: list[tuple[int, Recorded]], cuts: list[int]) -> dict[str, list[Any]]:
    engine = create_engine("sqlite://", module=pysqlite3)
    try:
        with engine.begin() as connection:
            DESK.create_all(connection)
            projection, at = Desk(), 0
            for cut in [*sorted(cuts), len(log)]:
                projection.apply(connection, log[at:cut])
                at = max(at, cut)
            return everything(connection)
    finally:
        engine.dispose()


histories = st.lists(st.lists(commands, max_size=8).map(lambda asked: run(asked)[0]), min_size=1, max_size=4)
orders = st.lists(st.integers(1, 4), max_size=20)


@settings(max_examples=60, deadline=None)
@for_all(histories, orders, st.lists(st.integers(0, 20), max_size=6))
def test_live_batches_and_a_rebuild_in_one_go_give_the_same_rows(told: list[list[Any]], order: list[int], cuts: list[int]) -> None:
    log = log_of(told, order)
    assert filled(log, cuts) == filled(log, [])


@settings(max_examples=60, deadline=None)
@for_all(histories, orders)
def test_every_row_is_the_ticket_that_the_domain_folds(told: list[list[Any]], order: list[int]) -> None:
    log = log_of(told, order)
    rows = {row[0]: row for row in filled(log, [])["tickets"]}
    for number, events in enumerate(told, start=1):
        ticket = TICKET.of(facts(*events))
        assert ticket is not None
        assert rows[number] == row_of(ticket, number)


def row_of(ticket: Ticket, number: int) -> tuple[Any, ...]:
    values = {
        "id": number,
        "status": ticket.status,
        "priority": ticket.priority,
        "requester": ticket.requester,
        "assignee": ticket.assignee,
        "created_at": to_text(ticket.created_at),
        "updated_at": to_text(ticket.updated_at),
        "escalated_at": None if ticket.escalated_at is None else to_text(ticket.escalated_at),
        "escalation_level": ticket.escalation_level,
        "version": ticket.version,
        "title": ticket.title,
        "body": ticket.body,
    }
    return tuple(values[column.name] for column in tickets.columns)


@settings(max_examples=60, deadline=None)
@for_all(histories, orders, st.lists(st.integers(0, 20), max_size=6))
def test_kept_counts_are_what_counting_would_give(told: list[list[Any]], order: list[int], cuts: list[int]) -> None:
    found = filled(log_of(told, order), cuts)
    rows = [dict(zip((column.name for column in tickets.columns), row, strict=True)) for row in found["tickets"]]
    scopes: dict[str, Callable[[dict[str, Any]], str]] = {
        "all": lambda _row: "",
        "requester": lambda row: str(row["requester"]),
        "assignee": lambda row: row["assignee"] or "",
    }
    for scope, owner, *kept in found["ticket_counts"]:
        mine = [row for row in rows if scopes[scope](row) == owner]
        statuses = [sum(row["status"] == status for row in mine) for status in STATUSES]
        escalated = sum(row["escalated_at"] is not None and row["status"] != "resolved" for row in mine)
        assert kept == [*statuses, escalated]
    owners = {(scope, owner_of(row)) for scope, owner_of in scopes.items() for row in rows}
    assert owners <= {(scope, owner) for scope, owner, *_ in found["ticket_counts"]}
