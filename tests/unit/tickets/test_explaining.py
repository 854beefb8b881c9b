"""Given these events, when somebody asks why, then this is the chain of causes: pure, without a store."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.contracts.escalation import EscalationDue, EscalationPolicyChanged
from events.contracts.operation import JobRetried
from events.contracts.ticket import (
    TicketAssigned,
    TicketCreated,
    TicketEscalated,
    TicketPriorityChanged,
    TicketStatusChanged,
    TicketUnassigned,
)
from events.errors import NotFound
from tests.support.telling import NOON, at, told
from tickets.escalating import Held, why_escalated
from tickets.explaining import Explanation, Eyes, Known, Silence, Story, Told, why_not_told, why_told
from tickets.rules import escalates


class _State(NamedTuple):
    """What the desk's rule looks at in a ticket."""

    status: str
    priority: str
    assignee: str | None


NAMES = {"anna": "Anna", "ada": "Ada", "alf": "Alf", "erin": None}
WHO: dict[str, Any] = {"requester": "anna", "assignee": None}


def created(**options: Any) -> Known:
    event = TicketCreated(**WHO, number=42, priority=options.pop("priority", "normal"), status="open")
    return told(event, "created", **{"request": "request-1", **options})


def status(before: str, after: str, id_: str = "status", **options: Any) -> Known:
    return told(TicketStatusChanged(**WHO, before={"status": before}, after={"status": after}), id_, **{"by": "ada", **options})


def assigned(before: str | None, after: str, id_: str = "assigned", **options: Any) -> Known:
    event = TicketAssigned(requester="anna", assignee=after, before={"assignee": before}, after={"assignee": after})
    return told(event, id_, **{"by": "ada", **options})


LEVEL: dict[str, Any] = {"policy": "default", "policy_version": 2, "level": 1, "due_at": at(60), "notify": "assignee"}


def due(**options: Any) -> Known:
    return told(EscalationDue(ticket=42, when={}, **LEVEL), "due", by="system:escalator", minutes=60, **{"cause": "created", **options})


def escalated(assignee: str | None = None, notify: str = "assignee") -> Known:
    change: dict[str, Any] = {
        "before": {"escalated_at": None, "escalation_level": 0},
        "after": {"escalated_at": at(61), "escalation_level": 1},
    }
    event = TicketEscalated(requester="anna", assignee=assignee, **change, **{**LEVEL, "notify": notify})
    return told(event, "escalated", by="system:tickets", minutes=61, cause="due")


def policy(version: int = 2, *, id_: str = "policy", after: str | None = "1h", minutes: float = -10, **parts: Any) -> Known:
    made = (
        None
        if after is None
        else {"name": "default", "levels": [{"after": after, "notify": "assignee"}], "when": {}, "calendar": None, **parts}
    )
    event = EscalationPolicyChanged(version=version, apply_to_past=False, before=None, after=made)
    return told(event, id_, by="ada", minutes=minutes, request="request-0", subject="policy/default")


def notification(kind: str, event: str, to: str = "alf", **more: Any) -> dict[str, Any]:
    return {"event": event, "recipient": to, "kind": kind, "subject": "Ticket #42 …", "created_at": at(99), "read_at": None, **more}


def job(**values: Any) -> dict[str, Any]:
    row = {"id": "job", "type": "fan_out", "status": "succeeded", "attempts": 1, "finished_at": at(62), "run_at": at(61)}
    return {**row, **values}


def sentences(explanation: Explanation) -> list[str]:
    return [step.sentence for step in explanation.steps]


def kinds(explanation: Explanation) -> list[str]:
    return [step.event.type if step.event is not None and step.kind == "event" else step.kind for step in explanation.steps]


# -- why somebody was told ----------------------------------------------------------------------------------------------------------------


def test_from_the_click_to_the_message() -> None:
    cause = status("open", "in_progress", request="request-2", minutes=5)
    story = Story([created(), cause], NAMES, "admin")
    answer = why_told(story, cause, Told(notification=notification("ticket.status_changed", "status", "anna", read_at=at(100))))
    assert answer.happened
    assert answer.reason is None
    assert kinds(answer) == ["request", "ticket.status_changed", "rule", "notification"]
    assert sentences(answer) == [
        "Ada asked for what follows, in the request request-2.",
        "Ada moved the ticket from open to in progress.",
        "Whoever opened a ticket is told when its status changes, unless they changed it themselves.",
        "Anna was told: “Ticket #42 …”, and read it at 2026-11-23T13:40:00Z.",
    ]
    click, event, *_ = answer.steps
    assert (click.actor, click.request, click.time) == (("user", "ada"), "request-2", at(5))
    assert event.event == cause.stored
    assert answer.summary == (
        "Anna was told “Ticket #42 …”. Ada moved the ticket from open to in progress. "
        "Whoever opened a ticket is told when its status changes, unless they changed it themselves."
    )


def test_a_click_of_a_program_is_one_of_its_owner() -> None:
    cause = assigned(None, "alf", by="token:ada", request="request-2")
    answer = why_told(Story([created(), cause], NAMES, "admin"), cause, Told(notification=notification("ticket.assigned", "assigned")))
    assert sentences(answer)[0] == "Ada asked for what follows with an API token, in the request request-2."


def escalation(eyes: Eyes = "admin", **of: Any) -> Explanation:
    last = escalated(**of)
    story = Story([created(), last], NAMES, eyes, [policy(), due()])
    return why_told(story, last, Told(notification=notification("ticket.escalated", "escalated"), jobs=[job(), job(type="in_app")]))


def test_an_escalation_leads_back_to_who_opened_the_ticket_by_way_of_the_policy_in_its_version() -> None:
    answer = escalation()
    rule = "A ticket that is open 1 hour after it was opened, or later, escalates to level 1, and its assignee is told, or every admin"
    assert kinds(answer) == [
        "escalation.policy_changed", "request", "ticket.created", "deadline", "escalation.due", "ticket.escalated", "rule", "job",
        "notification",
    ]  # fmt: skip
    assert sentences(answer)[:1] + sentences(answer)[2:8] == [
        "Ada made the policy “default” (version 2).",
        "Anna opened the ticket, with priority normal.",
        f"{rule} where it has none. The deadline of this ticket is 2026-11-23T13:00:00Z.",
        "The escalator saw that level 1 of the policy “default” (version 2) was due, and asked the desk to escalate the ticket.",
        "The desk escalated the ticket to level 1 of the policy “default” (version 2).",
        "Nobody had the ticket, so every active admin who can sign in is told.",
        "The job that tells every admin was done.",
    ]


@pytest.mark.parametrize(
    ("of", "rule"),
    [
        ({"assignee": "alf"}, "Whoever has a ticket is told when it escalates."),
        ({"assignee": "alf", "notify": "admins"}, "This level tells every active admin who can sign in."),
    ],
)
def test_the_rule_is_the_one_that_the_level_and_the_ticket_make(of: dict[str, Any], rule: str) -> None:
    assert rule in sentences(escalation(**of))


def test_what_was_done_to_the_job_by_hand_is_a_step_too() -> None:
    last = escalated()
    again = told(JobRetried(job="job", type="fan_out"), "again", by="ada", minutes=70, subject="job/job")
    story = Story([created(), last], NAMES, "admin", [policy(), due()])
    answer = why_told(
        story, last, Told(notification=notification("ticket.escalated", "escalated"), jobs=[job(attempts=3)], by_hand=[again])
    )
    assert sentences(answer)[-3:-1] == ["The job that tells every admin was done, after 3 tries.", "Ada had the notifier try again."]


def test_a_ticket_that_was_opened_again_escalates_because_of_that() -> None:
    """What the escalator saw last of the ticket is what its ask follows from."""
    again, last = status("resolved", "open", "again", minutes=59, request="request-3"), escalated()
    past = [created(), status("open", "resolved"), again, last]
    answer = why_told(
        Story(past, NAMES, "admin", [policy(), due(cause="again")]), last, Told(notification=notification("ticket.escalated", "escalated"))
    )
    assert kinds(answer)[:5] == ["escalation.policy_changed", "request", "ticket.created", "ticket.status_changed", "deadline"]
    assert sentences(answer)[3] == "Ada moved the ticket from resolved to open."


def test_a_deadline_that_was_kept_from_before_a_change_is_said_to_be() -> None:
    last = escalated()
    story = Story([created(), last], NAMES, "admin", [policy(after="10m", minutes=30), due()])
    answer = why_told(story, last, Told(notification=notification("ticket.escalated", "escalated")))
    [kept] = [step.sentence for step in answer.steps if step.kind == "deadline"]
    assert kept.endswith("This ticket keeps the deadline that it had before: 2026-11-23T13:00:00Z.")


# -- what is not everybody's to see -------------------------------------------------------------------------------------------------------


def test_a_requester_sees_the_tickets_story_and_not_who_changes_policies() -> None:
    answer = escalation("requester")
    assert sentences(answer)[0] == "An admin made the policy “default” (version 2)."
    change = next(step for step in answer.steps if step.event is not None and step.event.type == "escalation.policy_changed")
    assert (change.actor, change.request) == (None, None)
    assert answer.steps[1].actor == ("user", "anna")


def test_a_mere_recipient_sees_what_they_were_told_of_and_nobody_else() -> None:
    shown = escalation("recipient")
    assert sentences(shown)[1] == "Somebody opened the ticket, with priority normal."
    assert "request" not in kinds(shown)
    assert {step.actor for step in shown.steps if step.actor is not None} == {("system", "escalator"), ("system", "tickets")}
    cause = assigned("erin", "alf", request="request-2")
    answer = why_told(Story([created(), cause], NAMES, "recipient"), cause, Told(notification=notification("ticket.assigned", "assigned")))
    assert sentences(answer)[:2] == [
        "Ada asked for what follows, in the request request-2.",
        "Ada gave the ticket to Alf; somebody who was erased had it before.",
    ]


def test_nothing_personal_but_names_is_in_an_explanation() -> None:
    event = TicketCreated(**WHO, number=42, priority="normal", status="open", title="Most secret", body="Very")
    story = Story([told(event, "created", request="r")], NAMES, "admin")
    answer = why_not_told(story, story.ticket[0], "anna", Silence(reason="tells-nobody"))
    assert "ecret" not in " ".join([answer.summary, *sentences(answer)])


# -- why somebody was not told ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("silence", "said"),
    [
        (Silence(reason="own-deed"), "Ada did it, and nobody is told of what they did themselves."),
        (Silence(reason="not-concerned", told=["anna", "alf"]), "It does not concern Ada: Anna and Alf heard of it."),
        (Silence(reason="not-admin", told=None), "It is for every active admin who can sign in, and Ada is no admin."),
        (Silence(reason="no-admin-yet", waits="No admin yet."), "It waits for somebody who can be told. The job says: No admin yet."),
        (Silence(reason="cannot-sign-in", told=["ada"]), "Ada cannot sign in, so nobody would read it."),
    ],
    ids=lambda value: value.reason if isinstance(value, Silence) else "",
)  # fmt: skip
def test_a_silence_is_explained(silence: Silence, said: str) -> None:
    cause = status("open", "resolved", request="request-2")
    answer = why_not_told(Story([created(), cause], NAMES, "admin"), cause, "ada", silence)
    assert (answer.happened, answer.reason) == (False, silence.reason)
    assert answer.summary == f"Ada was not told. {said}"
    assert kinds(answer) == ["request", "ticket.status_changed", "obstacle"]
    assert answer.steps[-1].reason == silence.reason


# -- why it escalated, and why not --------------------------------------------------------------------------------------------------------


def asked(past: Sequence[Known], others: Sequence[Known], held: Held, minutes: float = 120) -> Explanation:
    story = Story(past, NAMES, "admin", others)
    return why_escalated(story, "default", 1, held, NOON + timedelta(minutes=minutes))


WAITING = {"state": "waiting", "shown": "pending", "ready": True, "due_at": at(60), "asked_at": None, "fired_at": None}


def test_what_has_escalated_says_by_what() -> None:
    answer = asked([created(), escalated()], [policy(), due()], Held(deadline={**WAITING, "state": "fired"}, known=2))
    assert answer.happened
    assert kinds(answer)[-1] == "ticket.escalated"
    assert answer.summary.startswith(
        "The desk escalated the ticket to level 1 of the policy “default” (version 2). It was still open after"
    )


PRIORITY = told(TicketPriorityChanged(**WHO, before={"priority": "high"}, after={"priority": "low"}), "priority", by="ada", minutes=2)
UNASSIGNED = told(TicketUnassigned(**WHO, before={"assignee": "alf"}, after={"assignee": None}), "unassigned", by="ada", minutes=3)
GONE = {**WAITING, "state": "cancelled"}
ASKED = {**WAITING, "state": "asked"}


@dataclass(frozen=True)
class Case:
    """`reasons` are of the obstacles, in order; `event` is the id of the one that the first is there since."""

    reasons: list[str]
    past: list[Known] = field(default_factory=lambda: [created()])
    others: list[Known] = field(default_factory=lambda: [policy()])
    held: Held = field(default_factory=lambda: Held(deadline=WAITING, known=1))
    minutes: float = 90
    event: str | None = None


WHY_NOT = {
    "not due yet": Case(["not-due-yet"], minutes=30),
    "not open": Case(["not-open"], [created(), status("open", "resolved")], event="status"),
    "not open and not due": Case(["not-open", "not-due-yet"], [created(), status("open", "in_progress")], minutes=5, event="status"),
    "of another priority": Case(
        ["other-priority"], [created(priority="high"), PRIORITY], [policy(when={"priority": ["high", "urgent"]})], event="priority"
    ),
    "nobody has it": Case(
        ["unassigned"], [created(), assigned(None, "alf"), UNASSIGNED], [policy(when={"assigned": True})], event="unassigned"
    ),
    "somebody has it": Case(["assigned"], [created(), assigned(None, "alf")], [policy(when={"assigned": False})], event="assigned"),
    "imported": Case(["imported"], [created(imported=True)], event="created"),
    "opened again by an import": Case(
        ["imported"], [created(), status("open", "resolved"), status("resolved", "open", "again", imported=True)], event="again"
    ),
    "the policy is gone": Case(
        ["policy-gone"], others=[policy(), policy(3, id_="gone", after=None)], held=Held(deadline=GONE, known=1), event="gone"
    ),
    "the level is gone": Case(
        ["level-gone"], others=[policy(), policy(3, id_="gone", levels=[])], held=Held(deadline=GONE, known=1), event="gone"
    ),
    "older than the policy": Case(["older-than-policy"], others=[policy(minutes=80)], held=Held(deadline=None, known=1), event="policy"),
    "past it when the level came back": Case(["older-than-policy"], held=Held(deadline=GONE, known=1), event="policy"),
    "not known yet": Case(["not-known-yet"], held=Held(deadline=None, known=None), event="created"),
    "about to": Case(["on-its-way"]),
    "asked for": Case(["on-its-way"], others=[policy(), due()], held=Held(deadline=ASKED, known=1, fate="ahead")),
    "asked for, and parked": Case(["parked"], others=[policy(), due()], held=Held(deadline=ASKED, known=1, fate="parked")),
    "asked for, and given up": Case(["skipped"], others=[policy(), due()], held=Held(deadline=ASKED, known=1, fate="skipped")),
}


@pytest.mark.parametrize("name", WHY_NOT)
def test_what_has_not_escalated_says_what_stands_in_the_way_and_since_which_event(name: str) -> None:
    case = WHY_NOT[name]
    answer = asked(case.past, case.others, case.held, case.minutes)
    obstacles = [step for step in answer.steps if step.kind == "obstacle"]
    assert (answer.happened, answer.reason) == (False, case.reasons[0])
    assert [step.reason for step in obstacles] == case.reasons
    assert (obstacles[0].event.id if obstacles[0].event is not None else None) == case.event
    assert answer.summary == f"Level 1 of the policy “default” has not escalated the ticket. {obstacles[0].sentence}"
    told_before = answer.steps[: kinds(answer).index("deadline")] if case.held.deadline is not None and "deadline" in kinds(answer) else []
    assert [step.time for step in told_before] == sorted(step.time or "" for step in told_before)
    assert {"ticket.created", "escalation.policy_changed"} <= {*kinds(answer)}
    assert case.event is None or case.event in [step.event.id for step in answer.steps if step.kind == "event" and step.event is not None]


def test_a_ticket_that_a_live_event_opened_again_is_imported_no_more() -> None:
    past = [created(imported=True), status("open", "resolved", imported=True), status("resolved", "open", "again")]
    assert asked(past, [policy()], Held(deadline=WAITING, known=3), 90).reason == "on-its-way"


@pytest.mark.parametrize("others", [[], [policy(levels=[])]])
def test_a_level_that_never_was_is_not_there(others: list[Known]) -> None:
    with pytest.raises(NotFound, match="never was"):
        asked([created()], others, Held(deadline=None, known=1))


def test_conditions_and_calendars_are_said_in_words() -> None:
    made = policy(when={"priority": ["high", "urgent"], "assigned": False}, calendar={"zone": "UTC"})
    answer = asked([created()], [made], Held(deadline=WAITING, known=1), 30)
    [said] = [step.sentence for step in answer.steps if step.kind == "deadline"]
    assert said == (
        "A ticket of priority high or urgent that nobody has and that is open 1 hour of working time after it was opened, or later, "
        "escalates to level 1, and its assignee is told, or every admin where it has none. "
        "The deadline of this ticket is 2026-11-23T13:00:00Z."
    )


# -- the explanation and the rule that it explains ----------------------------------------------------------------------------------------

MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("status"), st.sampled_from(("open", "in_progress", "resolved"))),
        st.tuples(st.just("priority"), st.sampled_from(("low", "high"))),
        st.tuples(st.just("assignee"), st.sampled_from(("alf", None))),
    ),
    max_size=8,
)
WHEN = st.fixed_dictionaries({}, optional={"priority": st.just(["high"]), "assigned": st.booleans()})


def moved(moves: Sequence[tuple[str, Any]]) -> tuple[list[Known], _State]:
    """Return the events of a ticket that was moved so, and what it is at last."""
    state: dict[str, Any] = {"status": "open", "priority": "low", "assignee": None}
    past = [created(priority="low")]
    for number, (what, value) in enumerate(moves):
        if state[what] == value:
            continue
        change = {"before": {what: state[what]}, "after": {what: value}}
        state[what] = value
        cls = {"status": TicketStatusChanged, "priority": TicketPriorityChanged}.get(what) or (
            TicketAssigned if value else TicketUnassigned
        )
        past.append(told(cls(requester="anna", assignee=state["assignee"], **change), f"move-{number}", by="ada"))
    return past, _State(**state)


def test_a_policy_that_was_changed_after_the_ticket_was_opened_is_told_after_it() -> None:
    answer = asked([created(), status("open", "resolved", minutes=7)], [policy(minutes=5)], Held(deadline=WAITING, known=2), 90)
    assert kinds(answer)[:4] == ["ticket.created", "escalation.policy_changed", "ticket.status_changed", "deadline"]


def test_the_policy_that_the_desk_came_with_is_nobodys_deed() -> None:
    event = EscalationPolicyChanged(version=1, apply_to_past=True, before=None, after=policy().event.after)
    first = told(event, "first", by="system:escalator", minutes=-10, subject="policy/default")
    answer = asked([created()], [first], Held(deadline=WAITING, known=1), 30)
    assert sentences(answer)[0] == "The desk came with the policy “default” (version 1)."


@settings(deadline=None)
@given(moves=MOVES, when=WHEN)
def test_nothing_stands_in_the_way_exactly_when_the_desk_itself_would_escalate_it(
    moves: list[tuple[str, Any]], when: dict[str, Any]
) -> None:
    past, state = moved(moves)
    answer = asked(past, [policy(when=when)], Held(deadline=WAITING, known=len(past)), 90)
    assert (answer.reason == "on-its-way") == escalates(state, when)
    for step in answer.steps:
        if step.kind == "obstacle" and step.event is not None:
            assert step.event in [known.stored for known in past], "What stands in the way came about by an event of the ticket."
