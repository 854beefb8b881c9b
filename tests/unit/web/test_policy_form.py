"""A policy goes through a form and comes out as it was; what is half typed is kept and named."""

import json
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.forms import MOST_FIELDS, Form
from web.policy_form import DAYS, MOST_HOLIDAYS, Draft, LevelDraft, errors_of, fixed
from web.policy_words import lasts, told

TIMES = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
SPANS = st.builds("{}-{}".format, TIMES, TIMES.filter(lambda time: time != "00:00") | st.just("24:00"))
LEVELS = st.fixed_dictionaries(
    {"after": st.builds("{}{}".format, st.integers(1, 999), st.sampled_from("smhd")), "notify": st.sampled_from(["assignee", "admins"])}
)
WHEN = st.fixed_dictionaries(
    {}, optional={"priority": st.lists(st.sampled_from(["low", "high"]), min_size=1, unique=True), "assigned": st.booleans()}
)
CALENDARS = st.fixed_dictionaries(
    {
        "zone": st.sampled_from(["UTC", "Europe/Berlin"]),
        "hours": st.fixed_dictionaries({day: st.lists(SPANS, max_size=3) for day in DAYS}),
        "holidays": st.lists(st.dates().map(str), max_size=3, unique=True).map(sorted),
    }
)
POLICIES = st.fixed_dictionaries(
    {"name": st.just("default"), "levels": st.lists(LEVELS, min_size=1, max_size=4), "when": WHEN, "calendar": st.none() | CALENDARS}
)


def sent(draft: Draft) -> Form:
    """Return what a browser sends of the form of a draft."""
    pairs = [("name", draft.name), ("assigned", draft.assigned), ("zone", draft.zone), ("base", draft.base)]
    pairs += [("counts", "working" if draft.working else "all")]
    for level in draft.levels:
        pairs += [("after", level.number), ("unit", level.unit), ("notify", level.notify)]
    pairs += [("priority", priority) for priority in draft.priorities]
    for day, spans in draft.spans.items():
        for begin, end in spans:
            pairs += [(f"from_{day}", begin), (f"to_{day}", end)]
    return Form(pairs + [("holiday", day) for day in draft.holidays])


@given(POLICIES)
def test_a_policy_comes_out_of_its_form_as_it_went_in(policy: dict[str, Any]) -> None:
    draft = Draft.of(policy, "UTC")
    assert draft.policy() == (policy, {})
    assert Draft.read(sent(draft)) == draft
    assert fixed(json.loads(draft.base)) == fixed(policy)
    assert all(told(policy))


@given(POLICIES)
def test_a_policy_can_be_edited_as_json_too(policy: dict[str, Any]) -> None:
    draft = Draft.of(policy, "UTC")
    assert draft.from_json(draft.to_json()).policy() == (policy, {})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "7",
        "null",
        "{}",
        '{"levels": 1}',
        '{"levels": []}',
        '{"levels": [7]}',
        '{"levels": [{"after": 4, "notify": "admins"}]}',
        '{"levels": [{"after": "4h", "notify": "admins"}], "calendar": {"zone": 1, "hours": {}}}',
        '{"levels": [{"after": "4h", "notify": "admins"}], "when": {"priority": [1]}}',
        "[" * 100_000,
        '{"levels": ' + "9" * 5_000 + "}",
        '{"levels": [{"after": "4h", "notify": "\\ud800"}]}',
    ],
)
def test_what_is_no_policy_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"^This is no (JSON|policy): .+\.$"):
        Draft().from_json(text)


def test_a_row_more_and_a_row_less_leave_the_others_as_they_were_typed() -> None:
    draft = Draft(levels=(LevelDraft("4"), LevelDraft("x", "d", "admins")))
    assert draft.act("add-level").levels == (*draft.levels, LevelDraft())
    assert draft.act("drop-level 0").levels == draft.levels[1:]
    assert draft.act("add-span mon").act("add-span mon").act("drop-span mon 0").spans["mon"] == (("", ""),)
    assert draft.act("add-holiday").act("drop-holiday 0") == draft


def test_the_last_level_stays_and_there_are_not_more_than_ten() -> None:
    assert Draft().act("drop-level 0") == Draft()
    many = Draft()
    for _ in range(20):
        many = many.act("add-level")
    assert len(many.levels) == 10


@pytest.mark.parametrize("action", ["", "drop-level", "drop-level 99", "add-span", "add-span xyz", "drop-level -1", "add-level\n"])
def test_what_is_no_action_changes_nothing(action: str) -> None:
    assert Draft().act(action) == Draft()


def test_the_hours_of_monday_can_be_those_of_the_working_week() -> None:
    draft = Draft(spans={"mon": (("09:00", "17:00"),), "sat": (("10:00", "12:00"),)}).act("like-monday")
    assert [draft.spans.get(day) for day in DAYS] == [*[(("09:00", "17:00"),)] * 5, (("10:00", "12:00"),), None]


def test_a_span_without_an_end_is_named_where_it_stands_and_an_empty_one_is_none() -> None:
    draft = Draft(working=True, spans={"tue": (("", ""), ("09:00", ""))})
    assert draft.policy()[1] == {"calendar.hours.tue.1": "A span has a beginning and an end."}
    assert Draft(working=True, spans={"tue": (("", ""),)}).policy()[0]["calendar"]["hours"]["tue"] == []


def test_midnight_as_an_end_is_the_end_of_the_day() -> None:
    draft = Draft(working=True, spans={"sun": (("00:00", "00:00"),)})
    assert draft.policy()[0]["calendar"]["hours"]["sun"] == ["00:00-24:00"]


def test_errors_are_found_by_their_place_in_the_policy() -> None:
    facts = {"errors": [{"loc": ["body", "policies", 3, "levels", 0, "after"], "msg": "Too long."}]}
    assert errors_of(facts, 3) == {"levels.0.after": "Too long."}


def test_what_a_validator_says_is_said_as_people_say_it() -> None:
    facts = {"errors": [{"loc": ["body", "policy", "levels"], "msg": "List should have at least 1 item after validation, not 0"}]}
    assert errors_of(facts, 2) == {"levels": "Choose at least one."}


def test_a_policy_is_told_in_sentences() -> None:
    policy = {
        "name": "default",
        "levels": [{"after": "1h", "notify": "assignee"}, {"after": "2d", "notify": "admins"}],
        "when": {"priority": ["high", "urgent"], "assigned": False},
        "calendar": {"zone": "UTC", "hours": {"mon": ["09:00-17:00"], "tue": ["09:00-17:00"]}, "holidays": ["2026-12-25"]},
    }
    assert told(policy) == [
        "After 1 hour, tell the assignee, or the admins when there is none.",
        "After 2 days, tell all admins.",
        "Only tickets of priority high or urgent.",
        "Only tickets that nobody has.",
        "Only working time counts, in UTC: Mon-Tue 09:00-17:00.",
        "1 holiday.",
    ]
    assert lasts("soon") == "soon"


def test_what_nobody_could_wait_for_is_told_as_it_is_typed() -> None:
    assert lasts("9" * 5_000 + "h") == "9" * 5_000 + "h"


def free_days(count: int) -> tuple[str, ...]:
    return tuple(str(date(2026, 1, 1) + timedelta(days=number)) for number in range(count))


def test_many_holidays_are_a_text_with_a_line_each_and_come_back_as_they_were() -> None:
    draft = Draft(name="a", working=True, holidays=free_days(MOST_HOLIDAYS), spans=dict.fromkeys(DAYS, ()))
    assert draft.listed
    assert not Draft(holidays=free_days(5)).listed
    pairs = [pair for pair in sent(draft).pairs if pair[0] != "holiday"]
    assert len(pairs) < MOST_FIELDS
    assert Draft.read(Form([*pairs, ("holidays", "\n".join(draft.holidays))])) == draft
    assert draft.policy()[1] == {}
    assert draft.act("drop-holiday 999").holidays == draft.holidays[:-1]


def test_more_holidays_than_a_policy_can_have_are_said_to_be_too_many() -> None:
    _, errors = Draft(working=True, holidays=free_days(MOST_HOLIDAYS + 1)).policy()
    assert errors == {"calendar.holidays": "There can be 1,000 holidays, and these are 1,001. Leave out those that are over."}
    assert Draft(working=False, holidays=free_days(MOST_HOLIDAYS + 1)).policy()[1] == {}


def test_what_is_no_date_is_named_where_it_was_typed() -> None:
    _, few = Draft(working=True, holidays=("2026-12-25", "", "2026-02-30")).policy()
    assert few == {"calendar.holidays.2": "Write it as 2026-12-25."}
    _, many = Draft(working=True, holidays=(*free_days(40), "25.12.2026", "Christmas", "20261225", "2026-W01-1")).policy()
    assert many == {"calendar.holidays": "Write each as 2026-12-25. Not so: “25.12.2026”, “Christmas”, “20261225” and others."}
