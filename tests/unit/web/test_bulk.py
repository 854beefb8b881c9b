"""One change to many tickets, and its undoing."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.bulk import MOST, Outcome, State, Step, address, chosen, is_by, outcomes, seal, steps, undoing

VALUES = st.sampled_from(["", "open", "in_progress", "resolved", "01a21bd0-a2a9-722a-a990-99525df946bf"])
SEAL = "0123456789abcdef" * 2
STEPS = st.builds(Step, ticket=st.integers(1, 10**9), version=st.integers(1, 10**9), before=VALUES, after=VALUES)
STATES = st.sampled_from(["done", "already", "stale", "refused", "unknown"])
OUTCOMES = st.lists(st.builds(Outcome, step=STEPS, state=STATES, why=st.sampled_from(["", "not-permitted"])), max_size=MOST)


@given(found=OUTCOMES)
def test_a_result_is_its_address(found: list[Outcome]) -> None:
    different = list({outcome.step.ticket: outcome for outcome in found}.values())
    query = parse_qsl(urlsplit(address("status", different, SEAL)).query)
    assert query[0] == ("what", "status")
    assert outcomes(value for name, value in query if name == "t") == different


def test_the_address_of_the_largest_bulk_is_one_that_browsers_and_the_gateway_take() -> None:
    person = "01a21bd0-a2a9-722a-a990-99525df946bf"
    refused = [Outcome(Step(10**7 + n, 100, person, person), "refused", "not-permitted") for n in range(MOST)]
    assert len(address("assignee", refused, SEAL)) < 15_000


@given(step=STEPS, other=STEPS)
def test_a_seal_is_of_one_persons_outcomes(step: Step, other: Step) -> None:
    mine = seal("aa" * 32, "anna", "status", [Outcome(step, "done")])
    assert len(mine) == len(SEAL)
    assert mine == seal("aa" * 32, "anna", "status", [Outcome(step, "done")])
    others = [
        seal("bb" * 32, "anna", "status", [Outcome(step, "done")]),
        seal("aa" * 32, "ben", "status", [Outcome(step, "done")]),
        seal("aa" * 32, "anna", "assignee", [Outcome(step, "done")]),
        seal("aa" * 32, "anna", "status", [Outcome(step, "stale")]),
        seal("aa" * 32, "anna", "status", [Outcome(step, "done"), Outcome(other, "done")]),
    ]
    assert mine not in others


@given(step=STEPS)
def test_undoing_twice_is_doing_it_again(step: Step) -> None:
    back = undoing(Outcome(step, "done"), step.version)
    assert back is not None
    assert (back.before, back.after) == (step.after, step.before)
    assert undoing(Outcome(back, "done"), back.version) == step


@pytest.mark.parametrize("state", ["already", "stale", "refused", "unknown"])
def test_what_was_not_done_is_not_undone(state: State) -> None:
    assert undoing(Outcome(Step(1, 2, "open", "resolved"), state), 2) is None


def test_what_was_changed_since_is_not_undone() -> None:
    outcome = Outcome(Step(1, 2, "open", "resolved"), "done")
    assert undoing(outcome, 3) is None
    assert undoing(outcome, None) is None


def test_a_list_chooses_tickets_as_it_showed_them() -> None:
    shown = ["5:2:open:ada", "6:1:in_progress:", "5:2:open:ada"]
    assert chosen(shown, "status", "resolved") == [Step(5, 2, "open", "resolved"), Step(6, 1, "in_progress", "resolved")]
    assert chosen(shown, "assignee", "") == [Step(5, 2, "ada", ""), Step(6, 1, "", "")]


@pytest.mark.parametrize(
    "text", ["", "5", "0:1:open:", "5:0:open:", "5:1:open:a b", "5:1:<b>:x", "5:1:open:x:y", f"5:1:{'x' * 65}:", "٣:1:a:b"]
)
def test_what_is_no_step_is_passed_over(text: str) -> None:
    assert steps([text, "7:1:a:b"]) == [Step(7, 1, "a", "b")]
    assert outcomes([f"{text}:done:"]) == []


def entry(action: str, person: str = "ada", **sides: Any) -> dict[str, Any]:
    return {"action": action, "actor": {"kind": "user", "id": person}, "before": None, "after": None, **sides}


OPENED, NOTED = entry("ticket_created", "usera"), entry("ticket_note_added")
MOVED = entry("ticket_status_changed", before={"status": "open"}, after={"status": "resolved"})
GIVEN = entry("ticket_assigned", before={"assignee": None}, after={"assignee": "bea"})


@pytest.mark.parametrize(
    ("history", "step", "is_so"),
    [
        ([OPENED, MOVED, NOTED], Step(1, 1, "open", "resolved"), True),
        ([OPENED, MOVED], Step(1, 1, "in_progress", "resolved"), False),
        ([OPENED, {**MOVED, "actor": {"kind": "user", "id": "bea"}}], Step(1, 1, "open", "resolved"), False),
        ([OPENED, GIVEN, MOVED], Step(1, 1, "open", "resolved"), False),
        ([OPENED, GIVEN], Step(1, 1, "open", "resolved"), False),
        ([OPENED], Step(1, 1, "open", "resolved"), False),
    ],
)
def test_a_form_that_was_sent_twice_is_known_by_its_own_change(history: list[dict[str, Any]], step: Step, is_so: bool) -> None:
    assert is_by(history, step, "status", "ada") is is_so


def test_nobody_is_somebody_too_in_a_history() -> None:
    assert is_by([OPENED, GIVEN], Step(1, 1, "", "bea"), "assignee", "ada")
