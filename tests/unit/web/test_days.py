"""Lists by day."""

from datetime import UTC, datetime, timedelta
from itertools import chain
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from web.days import by_day

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
KIRITIMATI = ZoneInfo("Pacific/Kiritimati")


def at(moment: datetime) -> dict[str, str]:
    return {"created_at": moment.isoformat()}


def test_a_day_is_the_readers_day() -> None:
    late = NOON.replace(hour=9)
    assert [day for day, _ in by_day([at(NOON), at(late)], NOON, UTC)] == ["Today"]
    assert [day for day, _ in by_day([at(NOON), at(late)], NOON, KIRITIMATI)] == ["Today", "Yesterday"]


@given(st.lists(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=900)), max_size=30))
def test_nothing_is_lost_and_no_day_comes_twice(ages: list[timedelta]) -> None:
    items = [at(NOON - age) for age in sorted(ages)]
    found = by_day(items, NOON, UTC)
    assert list(chain.from_iterable(told for _, told in found)) == items
    days = [day for day, _ in found]
    assert len(set(days)) == len(days)
