from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from chassis.paging import Page, Sealer
from events.errors import Invalid

SEALER = Sealer("ab" * 32)
FILTERS = {"list": "tickets", "status": "open", "q": None}
KEYS = st.lists(st.none() | st.integers() | st.text() | st.booleans())
SCALARS = st.dictionaries(st.text(), st.none() | st.integers() | st.text() | st.booleans())


@given(KEYS, SCALARS)
def test_a_cursor_gives_back_what_was_sealed(key: list[Any], filters: dict[str, Any]) -> None:
    assert SEALER.open(SEALER.seal(filters, key), filters) == key


@given(st.data())
def test_a_cursor_that_was_touched_is_refused(data: st.DataObject) -> None:
    cursor = SEALER.seal(FILTERS, ["2026-11-23T09:00:00.000000Z", 42])
    place = data.draw(st.integers(0, len(cursor) - 1))
    letter = data.draw(st.characters())
    touched = cursor[:place] + letter + cursor[place + 1 :]
    if touched != cursor:
        with pytest.raises(Invalid):
            SEALER.open(touched, FILTERS)


@given(st.text())
def test_what_was_never_a_cursor_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        SEALER.open(text, FILTERS)


@pytest.mark.parametrize("cut", range(1, 20))
def test_a_cursor_that_was_cut_is_refused(cut: int) -> None:
    cursor = SEALER.seal(FILTERS, [1, 2, 3])
    for touched in (cursor[:-cut], cursor[cut:], cursor + "A" * cut, cursor + "="):
        with pytest.raises(Invalid):
            SEALER.open(touched, FILTERS)


@pytest.mark.parametrize("filters", [{}, {**FILTERS, "status": "resolved"}, {**FILTERS, "q": ""}, {**FILTERS, "mine": True}])
def test_a_cursor_is_good_for_its_own_list_alone(filters: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        SEALER.open(SEALER.seal(FILTERS, [1]), filters)


def test_a_cursor_of_another_desk_is_refused() -> None:
    with pytest.raises(Invalid):
        SEALER.open(Sealer("cd" * 32).seal(FILTERS, [1]), FILTERS)


def test_the_order_of_the_filters_does_not_matter() -> None:
    assert SEALER.open(SEALER.seal(FILTERS, [1]), dict(reversed(FILTERS.items()))) == [1]


@pytest.mark.parametrize("values", [{"limit": "0"}, {"limit": "101"}, {"cursor": "x" * 1001}, {"page": "2"}])
def test_a_page_has_bounds(values: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Page.model_validate_strings(values)


def test_a_page_has_defaults() -> None:
    page = Page.model_validate_strings({})
    assert (page.limit, page.cursor, page.filters()) == (25, None, {})
