from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.times import from_text, to_text

moments = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=-9, minutes=-30))]))


def in_range(moment: datetime) -> bool:
    return datetime(1, 1, 2, tzinfo=UTC) < moment < datetime(9999, 12, 30, tzinfo=UTC)


@given(moments.filter(in_range))
def test_a_time_comes_back_from_its_text(moment: datetime) -> None:
    assert from_text(to_text(moment)) == moment


@given(moments.filter(in_range), moments.filter(in_range))
def test_the_order_of_texts_is_the_order_of_times(one: datetime, other: datetime) -> None:
    assert (to_text(one) < to_text(other)) == (one < other)


def test_a_text_is_in_utc_with_microseconds() -> None:
    assert to_text(datetime(2026, 11, 23, 10, 0, tzinfo=timezone(timedelta(hours=1)))) == "2026-11-23T09:00:00.000000Z"


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        to_text(datetime(2026, 11, 23))  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-23",
        "2026-11-23T09:00:00Z",
        "2026-11-23T09:00:00.1Z",
        "2026-11-23T09:00:00.123456",
        "2026-11-23T09:00:00.123456+00:00",
        "2026-11-23 09:00:00.123456Z",
        "2026-1-23T09:00:00.123456Z",
        "2026-13-23T09:00:00.123456Z",
        "٢٠٢٦-11-23T09:00:00.123456Z",
    ],
)
def test_a_text_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        from_text(text)
