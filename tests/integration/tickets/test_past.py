"""The past equals what was: after any event, and at any time, whatever came later and in whatever order it was recorded."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from typing import Any, get_args

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, insert, select, update

from events.contracts.ticket import TicketNoteAdded
from events.errors import Invalid, Unavailable
from events.projections import Recorded
from events.tables import LOG, events, head, projections
from events.times import to_text
from tests.integration.tickets.store import store
from tests.integration.tickets.test_projections import histories, log_of, orders
from tests.unit.tickets.desk import facts
from tickets import past, queries
from tickets.commands import PRIORITIES, STATUSES
from tickets.decider import TICKET, Ticket
from tickets.history import HISTORY, History
from tickets.moments import When
from tickets.projections import Desk
from tickets.queries import NOBODY, Sort, Summary, Wanted

Log = list[tuple[int, Recorded]]
SORTS: tuple[Sort, ...] = get_args(Sort)
ALL = 100
FILTERS: list[dict[str, Any]] = [
    *({"status": status} for status in STATUSES),
    *({"priority": priority} for priority in PRIORITIES),
    {"requester": "anna"},
    {"requester": "nobody"},
    {"assignee": "ada"},
    {"assignee": NOBODY},
    {"escalated": True},
    {"escalated": False},
    {"requester": "anna", "assignee": NOBODY, "status": "open", "priority": "normal", "escalated": False},
]
LISTS = [Wanted(sort=sort) for sort in SORTS] + [Wanted(**filters, sort=sort) for filters, sort in zip(FILTERS, cycle(SORTS), strict=False)]
ASKERS: Sequence[dict[str, Any]] = (
    {"requester": None, "me": "ada"},
    {"requester": "anna", "me": "anna"},
    {"requester": "ben", "me": "ben"},
)


class Told:
    """A log that is told event by event to a store, with the desk and its past as projections of it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        for tables in (LOG, HISTORY):
            tables.create_all(connection)
        connection.execute(
            insert(head),
            {"source": "/tickets", "origin": "o", "sequence": 0, "hash": "", "tree": b"", "recordedtime": "", "batch": 0, "id": 1},
        )
        for each in (Desk, History):
            connection.execute(insert(projections), {"name": each.name, "version": each.version, "position": 0})

    def tell(self, items: Log) -> None:
        if items:
            self.connection.execute(insert(events), [item.stored._asdict() for _, item in items])
            for projection in (Desk(), History()):
                projection.apply(self.connection, items)
            self.connection.execute(update(head).values(sequence=items[-1][0]))
            self.connection.execute(update(projections).values(position=items[-1][0]))

    def now(self, numbers: Sequence[int]) -> list[Any]:
        """Everything that the desk answers, as it is now."""
        return [
            [queries.one(self.connection, number) for number in numbers],
            [queries.page(self.connection, wanted, limit=ALL, after=None) for wanted in LISTS],
            [queries.counts(self.connection, **asker) for asker in ASKERS],
            [queries.notes_of(self.connection, number, limit=ALL, after=None) for number in numbers],
        ]

    def then(self, numbers: Sequence[int], when: When) -> list[Any]:
        """The same, as it was then."""
        return [
            [past.one(self.connection, number, when) for number in numbers],
            [past.page(self.connection, wanted, when, limit=ALL, after=None) for wanted in LISTS],
            [past.counts(self.connection, when, **asker) for asker in ASKERS],
            [queries.notes_of(self.connection, number, limit=ALL, after=None, when=when) for number in numbers],
        ]


@contextmanager
def telling() -> Iterator[Told]:
    with store() as connection:
        yield Told(connection)


@settings(max_examples=50, deadline=None)
@for_all(histories, orders)
def test_after_any_event_the_past_is_what_was_answered_then(told: list[list[Any]], order: list[int]) -> None:
    log, numbers = log_of(told, order), range(1, len(told) + 2)
    with telling() as desk:
        answered = [desk.now(numbers)]
        for item in log:
            desk.tell([item])
            answered.append(desk.now(numbers))
        for sequence, then in enumerate(answered):
            assert desk.then(numbers, past.moment(desk.connection, at=sequence, as_of=None)) == then


@settings(max_examples=40, deadline=None)
@for_all(histories, orders, st.integers(0, 30))
def test_a_replay_of_any_prefix_of_the_log_is_what_was_then(told: list[list[Any]], order: list[int], length: int) -> None:
    log, numbers = log_of(told, order), range(1, len(told) + 1)
    length = min(length, len(log))
    with telling() as desk, telling() as replayed:
        desk.tell(log)
        replayed.tell(log[:length])
        assert desk.then(numbers, past.moment(desk.connection, at=length, as_of=None)) == replayed.now(numbers)


@settings(max_examples=40, deadline=None)
@for_all(histories, orders, st.lists(st.integers(0, 30), max_size=5))
def test_at_any_time_the_past_is_what_the_events_by_then_make_in_whatever_order_they_were_recorded(
    told: list[list[Any]], order: list[int], cuts: list[int]
) -> None:
    """All these tickets begin at noon: one that is recorded last begins as early as the first."""
    log = log_of(told, order)
    with telling() as desk:
        at = 0
        for cut in [*sorted(cuts), len(log)]:
            desk.tell(log[at:cut])
            at = max(at, cut)
        for time in sorted({item.stored.time for _, item in log}):
            when = past.moment(desk.connection, at=None, as_of=time)
            by_then = _by(told, time)
            for number, ticket in enumerate(by_then, start=1):
                assert _shown(past.one(desk.connection, number, when)) == _row(number, ticket)
                noted = [
                    item.event.note
                    for _, item in log
                    if isinstance(item.event, TicketNoteAdded) and item.stored.entity[1] == str(number) and item.stored.time <= time
                ]
                assert [note.id for note in queries.notes_of(desk.connection, number, limit=ALL, after=None, when=when)] == noted
            for wanted in LISTS:
                assert [row.id for row in past.page(desk.connection, wanted, when, limit=ALL, after=None)] == _listed(by_then, wanted)


def _by(told: Sequence[Sequence[Any]], time: str) -> list[Ticket | None]:
    return [TICKET.of(fact for fact in facts(*each) if to_text(fact.time) <= time) for each in told]


def _row(number: int, ticket: Ticket | None) -> tuple[Any, ...] | None:
    if ticket is None:
        return None
    escalated_at = None if ticket.escalated_at is None else to_text(ticket.escalated_at)
    named = (number, ticket.title, ticket.body, ticket.status, ticket.priority, ticket.requester, ticket.assignee, ticket.version)
    return *named, escalated_at, ticket.escalation_level, to_text(ticket.created_at), to_text(ticket.updated_at)


def _shown(found: tuple[Summary, str] | None) -> tuple[Any, ...] | None:
    if found is None:
        return None
    row, body = found
    named = (row.id, row.title, body, row.status, row.priority, row.requester, row.assignee, row.version)
    return *named, row.escalated_at, row.escalation_level, row.created_at, row.updated_at


def _listed(by_then: Sequence[Ticket | None], wanted: Wanted) -> list[int]:
    numbered = [(number, ticket) for number, ticket in enumerate(by_then, start=1) if ticket is not None and _belongs(ticket, wanted)]
    column = wanted.sort.removeprefix("-")
    numbered.sort(key=lambda pair: (getattr(pair[1], column), pair[0]), reverse=wanted.sort.startswith("-"))
    return [number for number, _ in numbered]


def _belongs(ticket: Ticket, wanted: Wanted) -> bool:
    return (
        wanted.status in (None, ticket.status)
        and wanted.priority in (None, ticket.priority)
        and wanted.requester in (None, ticket.requester)
        and wanted.assignee in (None, ticket.assignee or NOBODY)
        and wanted.escalated in (None, ticket.escalated_at is not None)
    )


@settings(max_examples=25, deadline=None)
@for_all(histories, orders)
def test_what_is_erased_is_gone_from_the_past_too_and_nothing_else_is(told: list[list[Any]], order: list[int]) -> None:
    log, numbers = log_of(told, order), range(1, len(told) + 1)
    with telling() as desk:
        desk.tell(log)
        erased = update(events).where(events.c.subject == "ticket/1").values(personal=None)
        before = [desk.then(numbers, When(sequence)) for sequence in range(len(log) + 1)]
        desk.connection.execute(erased)
        for sequence, (tickets, lists, *rest) in enumerate(before):
            blank = [(row._replace(title=""), "") if row.id == 1 else (row, body) for row, body in filter(None, tickets)]
            without = [[row._replace(title="") if row.id == 1 else row for row in rows] for rows in lists]
            found = desk.then(numbers, When(sequence))
            assert [list(filter(None, found[0])), *found[1:]] == [blank, without, *rest]


@settings(max_examples=40, deadline=None)
@for_all(histories, orders)
def test_each_version_is_the_ticket_as_it_was_before_the_next(told: list[list[Any]], order: list[int]) -> None:
    with telling() as desk:
        desk.tell(log_of(told, order))
        now = past.moment(desk.connection, at=None, as_of=None)
        for number, each in enumerate(told, start=1):
            last: dict[int, Ticket] = {}
            for length in range(1, len(each) + 1):
                ticket = TICKET.of(facts(*each[:length]))
                assert ticket is not None
                last[ticket.version] = ticket
            for version, ticket in last.items():
                assert _shown(past.one(desk.connection, number, now, version=version)) == _row(number, ticket)


@settings(max_examples=40, deadline=None)
@for_all(histories, orders, st.lists(st.integers(0, 30), max_size=6))
def test_the_past_filled_in_any_batches_has_the_same_rows(told: list[list[Any]], order: list[int], cuts: list[int]) -> None:
    log = log_of(told, order)
    found = []
    for each in ([], cuts, list(range(len(log)))):
        with telling() as desk:
            at = 0
            for cut in [*sorted(each), len(log)]:
                desk.tell(log[at:cut])
                at = max(at, cut)
            rows = [desk.connection.execute(select(table).order_by(*table.primary_key)).all() for table in HISTORY.sorted_tables]
            found.append([tuple(row) for each in rows for row in each])
    assert found[0] == found[1] == found[2]


@settings(max_examples=25, deadline=None)
@for_all(histories, orders, st.integers(1, 3), st.sampled_from(SORTS))
def test_page_by_page_a_list_of_the_past_stays_what_it_was_while_it_is_read(
    told: list[list[Any]], order: list[int], limit: int, sort: Sort
) -> None:
    """Between any two pages the log grows, by events of before the moment, too."""
    log, wanted = log_of(told, order), Wanted(sort=sort)
    half = (len(log) + 1) // 2
    with telling() as desk:
        desk.tell(log[:half])
        when = past.moment(desk.connection, at=None, as_of="2026-11-23T12:03:00.000000Z")
        whole = past.page(desk.connection, wanted, when, limit=ALL, after=None)
        shown: list[Summary] = []
        later = list(log[half:])
        while page := past.page(desk.connection, wanted, when, limit=limit, after=(shown[-1].time, shown[-1].id) if shown else None):
            shown += page
            desk.tell(later[:1])
            del later[:1]
        assert shown == whole


def test_a_moment_beyond_the_end_of_the_log_is_none() -> None:
    with telling() as desk:
        with pytest.raises(Invalid, match="ends at 0"):
            past.moment(desk.connection, at=1, as_of=None, counted=True)
        with pytest.raises(Invalid, match="ends before that"):
            past.moment(desk.connection, at=1, as_of=None)


@pytest.mark.parametrize("projection", [History, Desk])
def test_while_the_tables_of_the_past_are_being_filled_it_is_said_so_and_nothing_is_made_up(projection: Any) -> None:
    with telling() as desk:
        desk.connection.execute(update(head).values(sequence=1200))
        desk.connection.execute(update(projections).values(position=1200))
        desk.connection.execute(update(projections).where(projections.c.name == projection.name).values(position=1000))
        assert past.moment(desk.connection, at=1000, as_of=None) == When(1000)
        for asked in ({"at": 1001, "as_of": None}, {"at": None, "as_of": "2026-11-23T12:00:00.000000Z"}):
            with pytest.raises(Unavailable, match="1000 of 1200"):
                past.moment(desk.connection, **asked, counted=True)
            with pytest.raises(Unavailable, match=r"put together\. It"):
                past.moment(desk.connection, **asked)
        desk.connection.execute(delete(projections).where(projections.c.name == projection.name))
        with pytest.raises(Unavailable, match="0 of 1200"):
            past.moment(desk.connection, at=1000, as_of=None, counted=True)


def test_words_that_were_are_not_searched_for() -> None:
    with telling() as desk, pytest.raises(ValueError, match="as the desk is now"):
        past.page(desk.connection, Wanted(text="printer"), When(0), limit=ALL, after=None)
