"""Policies: what can be one, and when its levels are due."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalator.policies import Change, Policies, Term, term
from escalator.policy import DURATION, Condition, Level, Policy, check, parse_duration
from events.errors import Invalid

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def policy(*after: str, name: str = "default", when: Condition | None = None) -> Policy:
    return Policy(name=name, levels=tuple(Level(after=text) for text in after), when=when or Condition())


def change(at: datetime, new: Policy | None, *, version: int = 1, past: bool = False) -> Change:
    return Change(version=version, at=at, apply_to_past=past, policy=new)


@pytest.mark.parametrize(
    ("text", "seconds"), [("1s", 1), ("90s", 90), ("15m", 900), ("24h", 86_400), ("7d", 604_800), ("3650d", 315_360_000)]
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "24", "h", "0h", "-1h", "1.5h", "24 h", "24H", "1w", "024h", "٣h", "1h\n", "3651d", "999999999d", "1" * 40 + "s"]
)
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@given(st.from_regex(DURATION, fullmatch=True))
def test_whatever_the_pattern_lets_pass_is_a_duration_or_refused_in_words(text: str) -> None:
    try:
        assert parse_duration(text) >= timedelta(seconds=1)
    except ValueError as error:
        assert "at most" in str(error)  # noqa: PT017 (both outcomes are right, each in its own words)


@pytest.mark.parametrize(
    ("policies", "where"),
    [
        ([policy("1h", name="Default")], ("body", "policies", 0, "name")),
        ([policy("1h", name="")], ("body", "policies", 0, "name")),
        ([policy("1h", name="a" * 41)], ("body", "policies", 0, "name")),
        ([policy("1h"), policy("2h")], ("body", "policies", 1, "name")),
        ([policy()], ("body", "policies", 0, "levels")),
        ([policy(*["1h"] * 11)], ("body", "policies", 0, "levels")),
        ([policy("1h", "soon")], ("body", "policies", 0, "levels", 1, "after")),
        ([policy("1h", when=Condition(priority=()))], ("body", "policies", 0, "when", "priority")),
        ([policy("1h", when=Condition(priority=("huge",)))], ("body", "policies", 0, "when", "priority")),
        ([policy("1h", name=f"p{n}") for n in range(51)], ("body", "policies")),
    ],
)
def test_a_set_that_cannot_be_says_where_and_why(policies: list[Policy], where: tuple[str | int, ...]) -> None:
    with pytest.raises(Invalid) as refused:
        check(policies)
    assert [tuple(error["loc"]) for error in refused.value.facts["errors"]] == [where]


def test_fifty_policies_of_ten_levels_are_not_too_many() -> None:
    check([policy(*["1h"] * 10, name=f"p{n}") for n in range(50)])


def test_a_policy_comes_back_from_its_data() -> None:
    whole = Policy(
        name="vip",
        levels=(Level(after="1h", notify="admins"), Level(after="1d")),
        when=Condition(priority=("high", "urgent"), assigned=False),
    )
    assert Policy.of(whole.to_data()) == whole
    assert whole.to_data()["calendar"] is None


def test_the_order_of_priorities_means_nothing() -> None:
    assert Condition(priority=("urgent", "low", "urgent")).to_data() == Condition(priority=("low", "urgent")).to_data()


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Condition(), True),
        (Condition(priority=("urgent",)), True),
        (Condition(priority=("low", "high")), False),
        (Condition(assigned=False), True),
        (Condition(assigned=True), False),
        (Condition(priority=("urgent",), assigned=True), False),
    ],
)
def test_a_condition_holds_when_all_it_names_is_so(condition: Condition, expected: bool) -> None:
    assert condition.holds(priority="urgent", assigned=False) is expected


def test_the_level_in_force_at_the_creation_counts_from_the_creation() -> None:
    assert term(NOON, [change(NOON - HOUR, policy("24h", "48h"))], 2) == Term(NOON + 48 * HOUR)


def test_a_change_moves_a_deadline_that_is_still_to_come() -> None:
    changes = [change(NOON, policy("24h")), change(NOON + HOUR, policy("2h"), version=2), change(NOON + HOUR, policy("72h"), version=3)]
    assert term(NOON, changes, 1) == Term(NOON + 72 * HOUR)


def test_a_new_deadline_that_is_already_past_leaves_the_ticket_the_one_it_had() -> None:
    changes = [change(NOON, policy("24h")), change(NOON + 3 * HOUR, policy("2h"), version=2)]
    assert term(NOON, changes, 1) == Term(NOON + 24 * HOUR)


def test_a_change_that_applies_to_the_past_gives_the_past_deadline() -> None:
    changes = [change(NOON, policy("24h")), change(NOON + 3 * HOUR, policy("2h"), version=2, past=True)]
    assert term(NOON, changes, 1) == Term(NOON + 2 * HOUR)


def test_a_new_policy_whose_deadline_is_already_past_gives_the_ticket_none() -> None:
    assert term(NOON, [change(NOON + 3 * HOUR, policy("2h"))], 1) is None


def test_a_level_that_went_before_the_ticket_came_is_none_of_its() -> None:
    assert term(NOON, [change(NOON - 2 * HOUR, policy("2h")), change(NOON - HOUR, None, version=2)], 1) is None


def test_a_level_that_goes_is_gone_and_comes_back_only_with_a_deadline_to_come() -> None:
    changes = [change(NOON, policy("24h", "48h")), change(NOON + HOUR, policy("24h"), version=2)]
    assert term(NOON, changes, 2) == Term(NOON + 48 * HOUR, gone=True)
    assert term(NOON, [*changes, change(NOON + 50 * HOUR, policy("24h", "49h"), version=3)], 2) == Term(NOON + 48 * HOUR, gone=True)
    assert term(NOON, [*changes, change(NOON + 2 * HOUR, policy("24h", "49h"), version=3)], 2) == Term(NOON + 49 * HOUR)


@given(st.lists(st.tuples(st.integers(0, 50), st.one_of(st.none(), st.integers(1, 60)), st.booleans()), max_size=6))
def test_a_deadline_in_force_is_one_that_some_change_named(plan: list[tuple[int, int | None, bool]]) -> None:
    moments = sorted(hours for hours, _, _ in plan)
    changes = [
        change(NOON + hours * HOUR, policy(f"{after}h") if after else None, version=number, past=past)
        for number, (hours, (_, after, past)) in enumerate(zip(moments, plan, strict=True), 1)
    ]
    due = term(NOON, changes, 1)
    named = {NOON + level.wait for item in changes if (level := item.level(1)) is not None}
    assert due is None or due.due_at in named
    if due is not None and changes[-1].policy is None:
        assert due.gone
    if changes and changes[-1].policy is not None and changes[-1].apply_to_past:
        level = changes[-1].level(1)
        assert level is not None
        assert due == Term(NOON + level.wait)


def test_the_set_knows_what_is_now_by_name() -> None:
    first, second = policy("1h", name="b"), policy("2h", name="a")
    steps = [("b", change(NOON, first)), ("a", change(NOON, second)), ("b", change(NOON, None, version=2))]
    states = [Policies()]
    for name, step in steps:
        states.append(states[-1].after(name, step))
    assert [state.version for state in states] == [0, 1, 1, 2]
    assert [state.current for state in states] == [(), (first,), (second, first), (second,)]
    assert all(before.changes is not after.changes for before, after in pairwise(states))
    assert states[-1].find("b") is None
    assert states[-1].find("a") == second


def test_whatever_a_level_ever_was_counts_for_what_could_be_due() -> None:
    policies = Policies().after("a", change(NOON, policy("24h", "2h"))).after("a", change(NOON, None, version=2))
    assert not policies.could_be_due(NOON, NOON + 2 * HOUR - timedelta(microseconds=1))
    assert policies.could_be_due(NOON, NOON + 2 * HOUR)
    assert not Policies().could_be_due(NOON, NOON + 1000 * HOUR)
