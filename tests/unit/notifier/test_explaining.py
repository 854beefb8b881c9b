"""Given an event and a person, when it is asked why they were not told, then this is why: by the very rules that tell people."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.contracts.ticket import TicketAssigned, TicketEscalated, TicketPriorityChanged, TicketStatusChanged
from events.envelope import Actor
from notifier.explaining import Person, Progress, Reason, why_not
from notifier.rules import who_hears

ADA = Actor(kind="user", id="ada")
DESK = Actor(kind="system", id="tickets")
HANDLED = Progress(fate="handled")
ALF = Person(id="alf", role="admin", active=True, can_sign_in=True)
ANNA = Person(id="anna", role="user", active=True, can_sign_in=True)

STATUS = TicketStatusChanged(requester="anna", assignee="alf", before={"status": "open"}, after={"status": "resolved"})
PASSED_ON = TicketAssigned(requester="anna", assignee="alf", before={"assignee": "ada"}, after={"assignee": "alf"})
PRIORITY = TicketPriorityChanged(requester="anna", assignee="alf", before={"priority": "low"}, after={"priority": "high"})


def escalated(assignee: str | None = None, notify: str = "assignee") -> TicketEscalated:
    facts: dict[str, Any] = {"policy": "default", "policy_version": 1, "level": 1, "due_at": "", "before": {}, "after": {}}
    return TicketEscalated(requester="anna", assignee=assignee, notify=notify, **facts)


CASES: dict[str, tuple[Any, Actor, Person, Progress, Reason, tuple[str, ...] | None]] = {
    "nobody hears of a priority": (PRIORITY, ADA, ALF, HANDLED, "tells-nobody", ()),
    "nobody hears of what is not known here": (None, ADA, ALF, HANDLED, "tells-nobody", ()),
    "the assignee does not hear of a status": (STATUS, ADA, ALF, HANDLED, "not-concerned", ("anna",)),
    "who did it is not told": (STATUS, Actor(kind="token", id="anna"), ANNA, HANDLED, "own-deed", ()),
    "who passed it on is not told": (PASSED_ON, ADA, replace(ALF, id="ada"), HANDLED, "own-deed", ("alf",)),
    "a third person is not concerned": (PASSED_ON, ADA, ANNA, HANDLED, "not-concerned", ("alf", "ada")),
    "a system of the same name did not do it": (STATUS, Actor(kind="system", id="anna"), ANNA, HANDLED, "not-then", ("anna",)),
    "an escalation of what somebody has": (escalated("alf"), DESK, replace(ALF, id="ada"), HANDLED, "not-concerned", ("alf",)),
    "an escalation is for admins": (escalated(), DESK, ANNA, HANDLED, "not-admin", None),
    "an escalation is for admins who can sign in": (escalated(), DESK, replace(ALF, can_sign_in=False), HANDLED, "cannot-sign-in", None),
    "an escalation is for active admins": (escalated("ada", "admins"), DESK, replace(ALF, active=False), HANDLED, "inactive", None),
    "who became an admin later": (escalated(), DESK, ALF, Progress(fate="handled", telling="succeeded"), "not-then", None),
    "all admins are still to be told": (escalated(), DESK, ALF, Progress(fate="handled", telling="queued"), "not-yet", None),
    "no admin is known": (escalated(), DESK, ALF, Progress(fate="handled", telling="queued", waits="No admin."), "no-admin-yet", None),
    "telling all has failed": (escalated(), DESK, ALF, Progress(fate="handled", telling="dead", waits="Boom"), "job-failed", None),
    "erased": (STATUS, ADA, Person(id="anna", erased=True), HANDLED, "erased", ("anna",)),
    "an erased admin": (escalated(), DESK, Person(id="alf", erased=True), HANDLED, "erased", None),
    "who cannot sign in": (STATUS, ADA, replace(ANNA, can_sign_in=False), HANDLED, "cannot-sign-in", ("anna",)),
    "not come to yet": (STATUS, ADA, ANNA, Progress(fate="ahead"), "not-yet", ("anna",)),
    "set aside": (STATUS, ADA, ANNA, Progress(fate="parked"), "parked", ("anna",)),
    "given up": (STATUS, ADA, ANNA, Progress(fate="skipped"), "skipped", ("anna",)),
}


@pytest.mark.parametrize("case", CASES)
def test_why_somebody_was_not_told(case: str) -> None:
    event, actor, person, progress, reason, hears = CASES[case]
    answer = why_not(event, ticket=42, actor=actor, imported=False, person=person, progress=progress)
    assert (answer.reason, answer.told) == (reason, hears)


@pytest.mark.parametrize("event", [STATUS, PASSED_ON, escalated()])
def test_of_imported_history_nobody_is_told_whoever_asks(event: Any) -> None:
    for person in (ANNA, ALF):
        assert why_not(event, ticket=42, actor=ADA, imported=True, person=person, progress=HANDLED).reason == "imported"


@settings(deadline=None)
@given(
    event=st.sampled_from((STATUS, PASSED_ON, PRIORITY, escalated(), escalated("alf"), escalated("alf", "admins"))),
    actor=st.sampled_from((ADA, DESK, Actor(kind="user", id="anna"), Actor(kind="token", id="alf"))),
    person=st.sampled_from((ALF, ANNA, replace(ALF, id="ada"))),
    imported=st.booleans(),
)
def test_whom_the_rules_tell_is_kept_from_it_by_nothing_else(event: Any, actor: Actor, person: Person, imported: bool) -> None:
    notices = who_hears(event, id_="", ticket=42, actor=actor, imported=imported)
    hears = any(
        notice.to == person.id or (notice.to is None and person.role == "admin" and notice.actor != person.id) for notice in notices
    )
    answer = why_not(event, ticket=42, actor=actor, imported=imported, person=person, progress=HANDLED)
    assert (answer.reason == "not-then") == hears
