"""What holds whatever is asked, in whatever order."""

from typing import Any

from hypothesis import given as for_all
from hypothesis import strategies as st

from events.catalogue import encode
from events.envelope import canonical
from events.errors import DomainError
from tests.unit.tickets.desk import ADA, ALF, ANNA, BEN, NOON, facts, opened
from tickets.commands import PRIORITIES, STATUSES, AddNote, AssignTicket, ChangePriority, ChangeStatus, EditTicket, EscalateTicket
from tickets.decider import TICKET, Person, Ticket, decide

PEOPLE = {
    "ada": Person(id="ada", role="admin", active=True),
    "alf": Person(id="alf", role="admin", active=False),
    "anna": Person(id="anna", role="user", active=True),
}
by = st.sampled_from([ANNA, BEN, ADA, ALF])
expected = st.none() | st.integers(1, 5)
texts = st.none() | st.text(min_size=1, max_size=5)
commands = st.one_of(
    st.builds(EditTicket, ticket=st.just(42), title=texts, body=texts, by=by, expected=expected),
    st.builds(ChangeStatus, ticket=st.just(42), to=st.sampled_from(STATUSES), by=by, expected=expected),
    st.builds(ChangePriority, ticket=st.just(42), to=st.sampled_from(PRIORITIES), by=by, expected=expected),
    st.builds(AssignTicket, ticket=st.just(42), to=st.sampled_from([None, "ada", "alf", "anna", "nobody"]), by=by, expected=expected),
    st.builds(AddNote, ticket=st.just(42), note=st.uuids().map(str), body=st.text(min_size=1, max_size=5), by=by),
    st.builds(
        EscalateTicket,
        ticket=st.just(42),
        policy=st.sampled_from(["default", "night"]),
        policy_version=st.just(1),
        level=st.integers(1, 3),
        due_at=st.just("2026-11-24T12:00:00.000000Z"),
        when=st.fixed_dictionaries({}, optional={"assigned": st.booleans(), "priority": st.lists(st.sampled_from(PRIORITIES), max_size=2)}),
        notify=st.just("admins"),
        at=st.just(NOON),
    ),
)


def run(asked: list[Any]) -> tuple[list[Any], Ticket, int]:
    """Return the events, the ticket, and how many of its five fields' changes there were."""
    past: list[Any] = [opened()]
    changes = 0
    for command in asked:
        ticket = TICKET.of(facts(*past))
        assert ticket is not None
        try:
            events = decide(command, ticket, PEOPLE.get(getattr(command, "to", None) or ""))
        except DomainError:
            continue
        assert len(events) <= 1
        after = TICKET.of(facts(*past, *events))
        assert after is not None
        five = [(t.title, t.body, t.status, t.priority, t.assignee) for t in (ticket, after)]
        changes += five[0] != five[1]
        past.extend(events)
    ticket = TICKET.of(facts(*past))
    assert ticket is not None
    return past, ticket, changes


@for_all(st.lists(commands, max_size=12))
def test_the_version_counts_the_changes_of_the_five_fields_and_nothing_else(asked: list[Any]) -> None:
    _, ticket, changes = run(asked)
    assert ticket.version == 1 + changes


@for_all(st.lists(commands, max_size=12))
def test_every_event_says_who_has_the_ticket_after_it_and_has_a_canonical_form(asked: list[Any]) -> None:
    past, _, _ = run(asked)
    for n, event in enumerate(past, start=1):
        ticket = TICKET.of(facts(*past[:n]))
        assert ticket is not None
        assert (event.requester, event.assignee) == (ticket.requester, ticket.assignee)
        for part in encode(event):
            canonical(part)


@for_all(st.lists(commands, max_size=12))
def test_asking_again_for_what_is_changes_nothing(asked: list[Any]) -> None:
    _, ticket, _ = run(asked)
    again: list[Any] = [
        EditTicket(ticket=42, title=ticket.title, body=ticket.body, by=ANNA),
        ChangeStatus(ticket=42, to=ticket.status, by=ADA),
        ChangePriority(ticket=42, to=ticket.priority, by=ADA),
        AssignTicket(ticket=42, to=ticket.assignee, by=ADA),
    ]
    for command in again:
        assert decide(command, ticket) == []


@for_all(st.lists(commands, max_size=12))
def test_before_and_after_of_the_events_lead_from_the_first_ticket_to_the_last(asked: list[Any]) -> None:
    past, ticket, _ = run(asked)
    values: dict[str, Any] = {"title": "Printer", "body": "It burns.", "status": "open", "priority": "normal", "assignee": None}
    for event in past[1:]:
        before, after = getattr(event, "before", None) or {}, getattr(event, "after", None) or {}
        for name in values.keys() & after.keys():
            assert before[name] == values[name]
            values[name] = after[name]
    assert values == {name: getattr(ticket, name) for name in values}
