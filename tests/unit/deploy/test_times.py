"""Times at the command line: one form that is shown, and every usual one taken."""

from datetime import UTC, datetime, timedelta

import pytest
import typer

from deploy.times import moment, second
from events.times import from_text


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2026-11-23", "2026-11-23T00:00:00.000000Z"),
        ("2026-11-23T09:00", "2026-11-23T09:00:00.000000Z"),
        ("2026-11-23T09:00:00Z", "2026-11-23T09:00:00.000000Z"),
        ("2026-11-23t09:00:00.123456z", "2026-11-23T09:00:00.123456Z"),
        ("2026-11-23T09:00:00+01:00", "2026-11-23T08:00:00.000000Z"),
        ("999999d", "1970-01-01T00:00:00.000000Z"),
    ],
)
def test_a_time_is_taken_as_it_is_usually_written_and_in_utc_unless_it_names_a_zone(typed: str, meant: str) -> None:
    assert moment(typed) == meant


@pytest.mark.parametrize(("typed", "ago"), [("30m", timedelta(minutes=30)), ("24h", timedelta(hours=24)), ("7d", timedelta(days=7))])
def test_so_long_ago_is_a_time_too(typed: str, ago: timedelta) -> None:
    before = datetime.now(UTC)
    assert before - ago <= from_text(moment(typed)) <= datetime.now(UTC) - ago


@pytest.mark.parametrize("typed", ["yesterday", "", "2026-13-01T00:00:00Z", "2026-02-30", "7w", "-1d", "0001-01-01T00:00:00+14:00"])
def test_what_is_no_time_is_said_with_what_would_be(typed: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"is no time\. It can be 2026-11-23 or .* or so long ago: 30m"):
        moment(typed)


def test_a_time_is_shown_to_the_second_and_none_as_a_dash() -> None:
    assert second("2026-11-23T09:00:00.999999Z") == "2026-11-23T09:00:00Z"
    assert (second(None), second("")) == ("-", "-")
