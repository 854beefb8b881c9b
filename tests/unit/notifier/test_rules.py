"""Who hears of what: given an event and who did it, then these and no others are told."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from events.envelope import Actor
from notifier.rules import Notice, who_hears

ADMINS = None


def person(id_: str) -> Actor:
    return Actor(kind="user", id=id_)


def token_of(id_: str) -> Actor:
    return Actor(kind="token", id=id_, token="robot")


ADA = person("ada")
DESK = Actor(kind="system", id="tickets")


def assigned(before: str | None, after: str | None, *, requester: str = "anna") -> TicketAssigned:
    return TicketAssigned(requester=requester, assignee=after, before={"assignee": before}, after={"assignee": after})


def unassigned(before: str, *, requester: str = "anna") -> TicketUnassigned:
    return TicketUnassigned(requester=requester, assignee=None, before={"assignee": before}, after={"assignee": None})


def moved(before: str, after: str, *, requester: str = "anna", assignee: str | None = None) -> TicketStatusChanged:
    return TicketStatusChanged(requester=requester, assignee=assignee, before={"status": before}, after={"status": after})


def escalated(assignee: str | None, *, notify: str = "assignee", level: int = 1) -> TicketEscalated:
    return TicketEscalated(
        requester="anna",
        assignee=assignee,
        policy="default",
        policy_version=1,
        level=level,
        due_at="2026-11-24T09:00:00.000000Z",
        notify=notify,
        before={"escalated_at": None, "escalation_level": level - 1},
        after={"escalated_at": "2026-11-24T09:00:01.000000Z", "escalation_level": level},
    )


@dataclass(frozen=True)
class When:
    notices: list[Notice]

    def then_hear(self, *expected: tuple[str | None, str]) -> None:
        assert [(notice.to, notice.kind) for notice in self.notices] == list(expected)

    def then_nobody_hears(self) -> None:
        self.then_hear()


def when(event: Any, *, by: Actor = ADA, imported: bool = False) -> When:
    return When(who_hears(event, id_="event", ticket=42, actor=by, imported=imported))


def test_a_new_assignee_hears() -> None:
    when(assigned(None, "alf")).then_hear(("alf", "ticket.assigned"))


def test_a_reassignment_is_one_event_that_tells_both() -> None:
    when(assigned("alf", "bea")).then_hear(("bea", "ticket.assigned"), ("alf", "ticket.unassigned"))


def test_who_loses_a_ticket_to_nobody_hears() -> None:
    when(unassigned("alf")).then_hear(("alf", "ticket.unassigned"))


def test_an_admin_who_takes_a_ticket_is_not_told_so_but_who_had_it_is() -> None:
    when(assigned("alf", "ada")).then_hear(("alf", "ticket.unassigned"))
    when(assigned(None, "ada")).then_nobody_hears()


def test_an_admin_who_gives_a_ticket_away_is_not_told_so_but_who_gets_it_is() -> None:
    when(assigned("ada", "alf")).then_hear(("alf", "ticket.assigned"))
    when(unassigned("ada")).then_nobody_hears()


def test_the_requester_hears_of_a_status_and_nobody_else() -> None:
    when(moved("open", "resolved", assignee="alf")).then_hear(("anna", "ticket.status_changed"))


def test_an_admin_who_moves_a_ticket_of_her_own_is_not_told() -> None:
    when(moved("open", "resolved", requester="ada")).then_nobody_hears()


@pytest.mark.parametrize("by", [person("anna"), token_of("anna")])
def test_what_a_persons_token_does_the_person_does(by: Actor) -> None:
    when(moved("open", "resolved"), by=by).then_nobody_hears()


def test_the_assignee_hears_of_an_escalation() -> None:
    when(escalated("alf"), by=DESK).then_hear(("alf", "ticket.escalated"))


def test_all_admins_hear_of_an_escalation_when_there_is_no_assignee() -> None:
    when(escalated(None), by=DESK).then_hear((ADMINS, "ticket.escalated"))


def test_all_admins_hear_when_the_policy_says_so_the_assignee_as_one_of_them() -> None:
    when(escalated("alf", notify="admins"), by=DESK).then_hear((ADMINS, "ticket.escalated"))
    when(escalated(None, notify="admins"), by=DESK).then_hear((ADMINS, "ticket.escalated"))


def test_a_service_that_has_the_name_of_a_person_is_not_that_person() -> None:
    when(moved("open", "resolved", requester="tickets"), by=DESK).then_hear(("tickets", "ticket.status_changed"))


def test_notes_priorities_edits_and_new_tickets_tell_nobody() -> None:
    who: dict[str, Any] = {"requester": "anna", "assignee": "alf"}
    when(TicketCreated(**who, number=1, priority="low", status="open")).then_nobody_hears()
    when(TicketEdited(**who, fields=["title"])).then_nobody_hears()
    when(TicketNoteAdded(**who, note="n")).then_nobody_hears()
    when(TicketPriorityChanged(**who, before={"priority": "low"}, after={"priority": "high"})).then_nobody_hears()


def test_a_notice_says_of_which_event_and_ticket_and_who_did_it() -> None:
    (notice,) = when(moved("open", "resolved")).notices
    assert (notice.event, notice.ticket, notice.actor, notice.facts) == ("event", 42, "ada", {"before": "open", "after": "resolved"})
    (by_the_desk,) = when(escalated("alf", level=2), by=DESK).notices
    assert (by_the_desk.actor, by_the_desk.other, by_the_desk.facts["level"]) == (None, "alf", 2)


PEOPLE = st.sampled_from(["anna", "ben", "ada", "alf"])
STATUS = st.sampled_from(["open", "in_progress", "resolved"])
EVENTS = st.one_of(
    st.builds(assigned, st.none() | PEOPLE, PEOPLE, requester=PEOPLE),
    st.builds(unassigned, PEOPLE, requester=PEOPLE),
    st.builds(moved, STATUS, STATUS, requester=PEOPLE, assignee=st.none() | PEOPLE),
    st.builds(escalated, st.none() | PEOPLE, notify=st.sampled_from(["assignee", "admins"]), level=st.integers(1, 10)),
)
ACTORS = st.one_of(PEOPLE.map(person), PEOPLE.map(token_of), st.just(DESK))


@given(EVENTS, ACTORS)
def test_imported_history_is_news_to_nobody(event: Any, by: Actor) -> None:
    when(event, by=by, imported=True).then_nobody_hears()


@settings(max_examples=500)
@given(EVENTS, ACTORS)
def test_nobody_hears_of_what_they_did_themselves_nor_twice_of_one_event(event: Any, by: Actor) -> None:
    told = Counter(notice.to for notice in when(event, by=by).notices)
    assert by.kind == "system" or by.id not in told
    assert all(count == 1 for count in told.values())


@given(EVENTS, ACTORS)
def test_who_did_it_changes_who_hears_only_for_that_person(event: Any, by: Actor) -> None:
    everybody = {notice.to for notice in when(event, by=DESK).notices}
    assert {notice.to for notice in when(event, by=by).notices} == everybody - ({by.id} if by.kind != "system" else set())


@given(EVENTS, ACTORS)
def test_only_those_hear_whom_the_event_names_and_all_admins_only_of_escalations(event: Any, by: Actor) -> None:
    named = {event.requester, event.assignee, event.before.get("assignee")}
    for notice in when(event, by=by).notices:
        if notice.to is ADMINS:
            assert isinstance(event, TicketEscalated)
            assert event.notify == "admins" or event.assignee is None
        else:
            assert notice.to in named
