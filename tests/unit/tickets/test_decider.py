from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from events.contracts.ticket import (
    TicketAssigned,
    TicketCreated,
    TicketEdited,
    TicketEscalated,
    TicketNoteAdded,
    TicketPriorityChanged,
    TicketStatusChanged,
    TicketUnassigned,
)
from events.errors import NotFound, NotPermitted, Stale
from tests.unit.tickets.desk import ADA, ALF, ANNA, BEN, NOON, Someone, given, opened
from tickets.commands import AddNote, AssignTicket, ChangePriority, ChangeStatus, Command, EditTicket, EscalateTicket, OpenTicket, Status
from tickets.decider import Person, decide
from tickets.errors import AdminsOnly, ContentIsTheRequesters, NotAssignable, TicketNotFound

ADMIN = Person(id="ada", role="admin", active=True)


def status(to: Status, *, by: Someone = ADA, expected: int | None = None) -> ChangeStatus:
    return ChangeStatus(ticket=42, to=to, by=by, expected=expected)


def status_changed(before: str, after: str, *, assignee: str | None = None) -> TicketStatusChanged:
    return TicketStatusChanged(requester="anna", assignee=assignee, before={"status": before}, after={"status": after})


def assigned(to: str, *, before: str | None = None) -> TicketAssigned:
    return TicketAssigned(requester="anna", assignee=to, before={"assignee": before}, after={"assignee": to})


def due(**changes: Any) -> EscalateTicket:
    command = EscalateTicket(
        ticket=42,
        policy="default",
        policy_version=1,
        level=1,
        due_at="2026-11-24T12:00:00.000000Z",
        when={},
        notify="assignee",
        at=NOON + timedelta(days=1),
    )
    return replace(command, **changes)


def escalated(*, policy: str = "default", level: int = 1) -> TicketEscalated:
    return TicketEscalated(
        requester="anna",
        assignee=None,
        policy=policy,
        policy_version=1,
        level=level,
        due_at="2026-11-24T12:00:00.000000Z",
        notify="assignee",
        before={"escalated_at": None, "escalation_level": 0},
        after={"escalated_at": "2026-11-24T12:00:00.000000Z", "escalation_level": level},
    )


def test_a_ticket_is_opened_with_its_text_its_requester_and_nobody_on_it() -> None:
    command = OpenTicket(number=42, title="Printer", body="It burns.", priority="high", by=ANNA)
    after = given().when(command).then(opened(priority="high"))
    assert after.ticket is not None
    assert (after.ticket.status, after.ticket.version, after.ticket.assignee) == ("open", 1, None)
    assert after.ticket.created_at == after.ticket.updated_at == NOON


def test_an_admin_may_be_a_requester_and_edits_their_own_ticket() -> None:
    edit = EditTicket(ticket=42, title="Fire", body=None, by=ADA)
    events = given(opened(by=ADA)).when(edit).decided()
    assert [type(event) for event in events] == [TicketEdited]


def test_an_edit_names_what_changed_with_both_values_and_nothing_else() -> None:
    edit = EditTicket(ticket=42, title="Printer", body="It is out.", by=ANNA)
    given(opened()).when(edit).then(
        TicketEdited(requester="anna", assignee=None, fields=["body"], before={"body": "It burns."}, after={"body": "It is out."})
    )


def test_an_edit_to_the_same_text_is_no_event() -> None:
    given(opened()).when(EditTicket(ticket=42, title="Printer", body="It burns.", by=ANNA)).then_nothing()


def test_an_admin_does_not_edit_what_another_person_wrote() -> None:
    given(opened()).when(EditTicket(ticket=42, title="Mine", body=None, by=ADA)).then_rejected(ContentIsTheRequesters)


def test_a_status_change_carries_both_values() -> None:
    after = given(opened()).when(status("resolved")).then(status_changed("open", "resolved"))
    assert after.ticket is not None
    assert (after.ticket.status, after.ticket.version) == ("resolved", 2)


def test_an_owner_cannot_resolve_a_ticket() -> None:
    given(opened()).when(status("resolved", by=ANNA)).then_rejected(NotPermitted)


def test_the_same_status_again_is_no_event() -> None:
    given(opened()).when(status("open")).then_nothing()


def test_a_priority_change_carries_both_values() -> None:
    given(opened()).when(ChangePriority(ticket=42, to="urgent", by=ADA)).then(
        TicketPriorityChanged(requester="anna", assignee=None, before={"priority": "normal"}, after={"priority": "urgent"})
    )


def test_a_ticket_is_given_to_an_active_admin() -> None:
    after = given(opened()).knowing(ADMIN).when(AssignTicket(ticket=42, to="ada", by=ALF)).then(assigned("ada"))
    assert after.ticket is not None
    assert (after.ticket.assignee, after.ticket.version) == ("ada", 2)


@pytest.mark.parametrize(
    "candidate",
    [None, Person(id="ada", role="user", active=True), Person(id="ada", role="admin", active=False)],
    ids=["unknown", "a user", "deactivated"],
)
def test_a_ticket_is_given_to_nobody_but_active_admins(candidate: Person | None) -> None:
    known = [candidate] if candidate else []
    given(opened()).knowing(*known).when(AssignTicket(ticket=42, to="ada", by=ALF)).then_rejected(NotAssignable)


def test_a_reassignment_is_one_event_with_both_ids() -> None:
    given(opened(), assigned("alf")).knowing(ADMIN).when(AssignTicket(ticket=42, to="ada", by=ALF)).then(assigned("ada", before="alf"))


def test_the_same_assignee_again_is_no_event_even_after_they_left() -> None:
    left = Person(id="ada", role="admin", active=False)
    given(opened(), assigned("ada")).knowing(left).when(AssignTicket(ticket=42, to="ada", by=ALF)).then_nothing()


def test_taking_a_ticket_from_somebody_is_its_own_event() -> None:
    gone = TicketUnassigned(requester="anna", assignee=None, before={"assignee": "ada"}, after={"assignee": None})
    after = given(opened(), assigned("ada")).when(AssignTicket(ticket=42, to=None, by=ALF)).then(gone)
    after.when(AssignTicket(ticket=42, to=None, by=ALF)).then_nothing()


def test_a_note_does_not_count_as_a_version() -> None:
    noted = TicketNoteAdded(requester="anna", assignee=None, note="note-1", body="Called her.")
    after = given(opened()).when(AddNote(ticket=42, note="note-1", body="Called her.", by=ADA)).then(noted)
    assert after.ticket == given(opened()).ticket


COMMANDS_OF_ADMINS: list[Any] = [
    ChangeStatus(ticket=42, to="resolved", by=ANNA),
    ChangePriority(ticket=42, to="low", by=ANNA),
    AssignTicket(ticket=42, to=None, by=ANNA),
    AddNote(ticket=42, note="n", body="b", by=ANNA),
]


@pytest.mark.parametrize("command", COMMANDS_OF_ADMINS, ids=lambda command: type(command).__name__)
def test_a_requester_may_not_do_the_admins_work(command: Any) -> None:
    given(opened()).when(command).then_rejected(AdminsOnly)


@pytest.mark.parametrize(
    "command", [*COMMANDS_OF_ADMINS, EditTicket(ticket=42, title="x", body=None, by=ANNA)], ids=lambda c: type(c).__name__
)
def test_another_persons_ticket_and_an_absent_one_look_the_same(command: Any) -> None:
    foreign = given(opened()).when(replace(command, by=BEN)).then_rejected(TicketNotFound)
    absent = given().when(replace(command, by=BEN)).then_rejected(TicketNotFound)
    assert isinstance(foreign, NotFound)
    assert str(foreign) == str(absent)


@pytest.mark.parametrize(
    "command",
    [
        EditTicket(ticket=42, title="x", body=None, by=ANNA, expected=1),
        ChangeStatus(ticket=42, to="resolved", by=ADA, expected=1),
        ChangePriority(ticket=42, to="low", by=ADA, expected=1),
        AssignTicket(ticket=42, to=None, by=ADA, expected=1),
    ],
    ids=lambda command: type(command).__name__,
)
def test_whoever_read_an_older_version_is_told_the_current_one(command: Command) -> None:
    refused = given(opened(), status_changed("open", "in_progress")).when(command).then_rejected(Stale)
    assert refused.facts == {"current_version": 2}


def test_a_stale_reader_is_told_so_even_when_the_value_is_the_same() -> None:
    given(opened(), status_changed("open", "resolved")).when(status("resolved", expected=1)).then_rejected(Stale)


def test_whoever_may_not_see_a_ticket_does_not_learn_its_version() -> None:
    given(opened()).when(status("resolved", by=BEN, expected=7)).then_rejected(TicketNotFound)


def test_a_due_deadline_escalates_an_open_ticket_at_that_very_time() -> None:
    after = given(opened()).when(due()).then(escalated())
    assert after.ticket is not None
    assert (after.ticket.escalation_level, after.ticket.version, after.ticket.fired) == (1, 1, frozenset({("default", 1)}))


def test_a_level_of_a_policy_escalates_a_ticket_once_ever() -> None:
    reopened = (status_changed("open", "resolved"), status_changed("resolved", "open"))
    given(opened(), escalated(), *reopened).when(due(policy_version=2)).then_nothing()


def test_another_level_and_another_policy_escalate_on_their_own() -> None:
    past = given(opened(), escalated())
    assert [event.level for event in past.when(due(level=2)).decided()] == [2]
    assert [event.policy for event in past.when(due(policy="night")).decided()] == ["night"]


def test_the_level_of_a_ticket_never_falls() -> None:
    (event,) = given(opened(), escalated(level=3)).when(due(policy="night", level=1)).decided()
    assert event.after["escalation_level"] == 3


@pytest.mark.parametrize("now", ["in_progress", "resolved"])
def test_a_ticket_that_is_not_open_does_not_escalate(now: str) -> None:
    given(opened(), status_changed("open", now)).when(due()).then_nothing()


def test_a_ticket_that_is_not_there_does_not_escalate() -> None:
    given().when(due()).then_nothing()


@pytest.mark.parametrize(
    ("when", "escalates"),
    [
        ({"priority": ["high", "normal"]}, True),
        ({"priority": ["high"]}, False),
        ({"priority": []}, False),
        ({"assigned": True}, True),
        ({"assigned": False}, False),
        ({"priority": ["normal"], "assigned": False}, False),
        ({"priority": None, "assigned": None}, True),
    ],
    ids=str,
)
def test_the_levels_condition_is_judged_on_the_ticket_as_it_is_now(when: dict[str, Any], *, escalates: bool) -> None:
    past = given(opened(), assigned("ada"))
    assert bool(past.when(due(when=when)).decided()) is escalates


def test_an_erased_ticket_keeps_its_facts_and_loses_its_text() -> None:
    created = TicketCreated(requester="anna", assignee=None, number=42, priority="low", status="open", title=None, body=None)
    edited = TicketEdited(requester="anna", assignee=None, fields=["title"], before=None, after=None)
    ticket = given(created, edited).ticket
    assert ticket is not None
    assert (ticket.title, ticket.body, ticket.version, ticket.priority) == ("", "", 2, "low")


def test_deciding_leaves_the_ticket_as_it_is() -> None:
    ticket = given(opened()).ticket
    decide(status("resolved"), ticket)
    assert ticket == given(opened()).ticket
