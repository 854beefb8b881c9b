"""What changed, as people read it."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from web.differences import ABSENT, LONGEST, MOST_CHANGES, Change, changes, clip

SCALARS = st.none() | st.booleans() | st.integers() | st.text(alphabet="xyz ", max_size=8)
NAMES = st.text(alphabet="abcdef", min_size=1, max_size=3)
OBJECTS = st.dictionaries(
    NAMES,
    st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8),
    max_size=4,
)


def test_a_field_that_changed_is_shown_once_with_both_its_values() -> None:
    assert changes({"status": "open", "priority": "low"}, {"status": "resolved", "priority": "low"}) == [
        Change(("status",), "open", "resolved")
    ]


def test_what_came_into_being_has_no_before() -> None:
    (change,) = changes(None, {"title": "Lift"})
    assert change.added
    assert not change.removed


def test_what_is_gone_is_shown_last() -> None:
    assert changes({"a": 1, "b": 2}, {"c": 3, "b": 2}) == [Change(("c",), ABSENT, 3), Change(("a",), 1, ABSENT)]


def test_a_list_of_objects_is_told_item_by_item_counted_from_one() -> None:
    before, after = {"levels": [{"after": "4h"}]}, {"levels": [{"after": "4h"}, {"after": "1d"}]}
    assert changes(before, after) == [Change(("levels", "2", "after"), ABSENT, "1d")]


@given(OBJECTS)
def test_nothing_changed_between_a_value_and_itself(value: dict[str, Any]) -> None:
    assert changes(value, value) == []


@given(OBJECTS, OBJECTS)
def test_the_way_back_has_the_same_paths(before: dict[str, Any], after: dict[str, Any]) -> None:
    there, back = changes(before, after), changes(after, before)
    assert {change.path for change in there} == {change.path for change in back}


def test_a_page_is_not_drowned_by_one_entry() -> None:
    assert len(changes(None, {str(number): number for number in range(1000)})) == MOST_CHANGES


def test_a_very_long_text_is_cut_and_says_how_long_it_is() -> None:
    assert clip("x" * 20_000) == "x" * LONGEST + "… (20,000 characters)"
