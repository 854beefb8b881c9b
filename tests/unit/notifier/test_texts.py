"""What people read."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.rules import Kind
from notifier.texts import Told, compose


def told(kind: Kind, **values: Any) -> Told:
    return Told(**{"kind": kind, "ticket": 42, "reader": "alf", "actor": "ada", "actor_name": "Ada Lovelace", **values})


DUE = {"level": 1, "due_at": "2026-11-24T09:00:00.123456Z"}
STATUS = {"before": "open", "after": "in_progress"}


@pytest.mark.parametrize(
    ("notification", "subject", "message"),
    [
        (told("ticket.assigned"), "Ticket #42 was assigned to you", "Ada Lovelace assigned ticket #42 to you."),
        (told("ticket.assigned", actor_name=None), "Ticket #42 was assigned to you", "Ticket #42 was assigned to you."),
        (
            told("ticket.unassigned"),
            "Ticket #42 is no longer assigned to you",
            "Ada Lovelace took ticket #42 from you. Nobody has it now.",
        ),
        (
            told("ticket.unassigned", other="bea", other_name="Bea Bell"),
            "Ticket #42 is no longer assigned to you",
            "Ada Lovelace assigned ticket #42 to Bea Bell.",
        ),
        (
            told("ticket.unassigned", other="ada", other_name="Ada Lovelace"),
            "Ticket #42 is no longer assigned to you",
            "Ada Lovelace took ticket #42 over from you.",
        ),
        (
            told("ticket.unassigned", other="bea", actor_name=None),
            "Ticket #42 is no longer assigned to you",
            "Ticket #42 was assigned to somebody else.",
        ),
        (told("ticket.unassigned", actor_name=None), "Ticket #42 is no longer assigned to you", "Nobody has ticket #42 now."),
        (
            told("ticket.status_changed", facts=STATUS),
            "Ticket #42 is in progress",
            "Ada Lovelace moved your ticket #42 from open to in progress.",
        ),
        (
            told("ticket.status_changed", facts={"before": "resolved", "after": "open"}, actor_name=None),
            "Ticket #42 is open again",
            "Your ticket #42 moved from resolved to open.",
        ),
        (
            told("ticket.escalated", other="alf", facts=DUE),
            "Ticket #42 was escalated",
            "Ticket #42, which is assigned to you, was open past its deadline of 2026-11-24 09:00 UTC.",
        ),
        (
            told("ticket.escalated", facts={**DUE, "level": 2}),
            "Ticket #42 was escalated to level 2",
            "Ticket #42, which nobody has taken on, was open past its deadline of 2026-11-24 09:00 UTC.",
        ),
        (
            told("ticket.escalated", other="bea", other_name="Bea Bell", facts=DUE),
            "Ticket #42 was escalated",
            "Ticket #42, which is assigned to Bea Bell, was open past its deadline of 2026-11-24 09:00 UTC.",
        ),
        (
            told("ticket.escalated", other="bea", facts=DUE),
            "Ticket #42 was escalated",
            "Ticket #42 was open past its deadline of 2026-11-24 09:00 UTC.",
        ),
    ],
)
def test_a_notification_says_what_has_happened(notification: Told, subject: str, message: str) -> None:
    assert compose(notification) == (subject, message)


NAMES = st.none() | st.sampled_from(["Ada Lovelace", "Bea Bell"])
STATUSES = st.sampled_from(["open", "in_progress", "resolved", "one of a later version"])
FACTS = {
    "ticket.assigned": st.just({}),
    "ticket.unassigned": st.just({}),
    "ticket.status_changed": st.fixed_dictionaries({"before": STATUSES, "after": STATUSES}),
    "ticket.escalated": st.fixed_dictionaries({"level": st.integers(1, 10), "due_at": st.just(DUE["due_at"])}),
}


@given(st.data(), st.sampled_from(sorted(FACTS)), NAMES, NAMES, st.none() | st.sampled_from(["alf", "ada", "bea"]))
def test_whatever_is_known_of_people_there_is_a_text_without_gaps(
    data: st.DataObject, kind: Kind, actor_name: str | None, other_name: str | None, other: str | None
) -> None:
    facts = data.draw(FACTS[kind])
    for text in compose(told(kind, actor_name=actor_name, other_name=other_name, other=other, facts=facts)):
        assert "#42" in text
        assert "None" not in text
        assert "  " not in text
        assert "in_progress" not in text
