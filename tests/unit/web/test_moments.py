"""Moments of browsers' fields."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.moments import to_local, to_utc

BERLIN = ZoneInfo("Europe/Berlin")


def test_a_local_time_is_sent_in_utc() -> None:
    assert to_utc("2026-07-01T14:00", BERLIN) == "2026-07-01T12:00:00.000000Z"


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-02-30T10:00", "2026-07-01", "2026-07-01T14:00+02:00", "0001-01-01T00:00"])
def test_what_is_no_local_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        to_utc(text, BERLIN)


@given(st.integers(0, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)))
def test_what_a_field_shows_it_also_means(moment: datetime) -> None:
    minute = moment.replace(second=0, microsecond=0)
    back = datetime.fromisoformat(to_utc(to_local(moment, BERLIN), BERLIN))
    assert back == minute or to_local(back, BERLIN) == to_local(minute, BERLIN)
