"""Places in the list of tickets, and the way between them."""

from itertools import pairwise
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.listing import TABS, Place, moment


def at(address: str | None) -> Place:
    assert address is not None
    return Place.of(dict(parse_qsl(urlsplit(address).query)))


CURSORS = st.lists(st.text("abcABC019-_", min_size=60, max_size=120), min_size=1, max_size=60)
FILTERS = st.dictionaries(st.sampled_from(["status", "priority", "q", "requester"]), st.text("aä &=?#%+.", min_size=1).filter(str.strip))


@given(cursors=CURSORS, filters=FILTERS)
def test_whoever_goes_forward_comes_back_the_same_way(cursors: list[str], filters: dict[str, str]) -> None:
    first = Place.of(filters)
    places = [first]
    for cursor in cursors:
        places.append(at(places[-1].following(cursor)))
    assert [place.number for place in places] == list(range(1, len(cursors) + 2))
    for before, place in list(pairwise(places))[-20:]:
        if place.previous is not None:
            assert at(place.previous).asked == before.asked
            assert at(place.previous).number == before.number
        assert place.first == first.address
    assert places[1].previous == first.address


@given(cursors=CURSORS)
def test_an_address_stays_short_however_far_somebody_goes(cursors: list[str]) -> None:
    place = Place.of({"status": "open"})
    for cursor in cursors * 5:
        place = at(place.following(cursor))
    assert len(place.address) < 3_000


def test_another_filter_begins_at_the_first_page() -> None:
    place = Place.of({"status": "open", "q": "printer", "sort": "updated_at", "cursor": "abc", "page": "3", "before": "x.y"})
    assert place.to(priority="high") == "/tickets?status=open&q=printer&priority=high&sort=updated_at"
    assert place.to(q="") == "/tickets?status=open&sort=updated_at"
    assert place.kept == {"status": "open", "sort": "updated_at"}
    assert Place.of({}).address == "/tickets"


def test_a_tab_keeps_the_order_and_the_moment() -> None:
    place = Place.of({"assigned_to": "none", "priority": "low", "sort": "created_at", "as_of": "2026-11-24T09:00:00Z"})
    unassigned = next(tab for tab in TABS if tab.name == "Unassigned")
    assert [tab.name for tab in TABS if place.is_tab(tab)] == ["Unassigned"]
    assert place.tab(unassigned) == "/tickets?assigned_to=none&sort=created_at&as_of=2026-11-24T09%3A00%3A00Z"


def test_what_nobody_can_be_on_is_the_first_page() -> None:
    assert Place.of({"page": "7", "before": "x"}) == Place.of({})
    assert Place.of({"cursor": "abc", "page": "-1", "before": ".."}) == Place({}, cursor="abc", number=2)


def test_all_are_counted_together() -> None:
    counts = {"open": 1, "in_progress": 2, "resolved": 3, "escalated": 1}
    assert {tab.name: tab.count(counts) for tab in TABS} == {
        "Open": 1, "In progress": 2, "Mine": None, "Unassigned": None, "Escalated": 1, "Resolved": 3, "All": 6,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2026-07-24T09:00", "2026-07-24T07:00:00Z"),
        ("2026-11-24 09:00", "2026-11-24T08:00:00Z"),
        ("2026-11-24", "2026-11-23T23:00:00Z"),
        ("2026-11-24T09:00:00Z", "2026-11-24T09:00:00Z"),
        ("2026-11-24T09:00:00-02:00", "2026-11-24T11:00:00Z"),
    ],
)
def test_a_moment_without_a_zone_is_the_readers(typed: str, meant: str) -> None:
    assert moment(typed, ZoneInfo("Europe/Berlin")) == meant


@pytest.mark.parametrize("typed", ["", "yesterday", "2026-13-01", "0001-01-01T00:00", "0001-01-01T00:00:00Z", "24.11.2026"])
def test_what_is_no_moment_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        moment(typed, ZoneInfo("Europe/Berlin"))
