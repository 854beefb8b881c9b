"""Times at the command line, everywhere alike: RFC 3339 in UTC, as `ste` prints them and as it takes them.

To the second, or, where somebody may ask for just that moment again, to the microsecond, as the services answer them.
"""

import re
from datetime import UTC, datetime, timedelta

import typer

from events.times import to_text

FORMS = "2026-11-23 or 2026-11-23T09:00, in UTC unless with a zone (…Z, …+01:00); or so long ago: 30m, 24h, 7d."
"""What `moment` takes, as the help of an option says it."""
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)


def second(text: str | None) -> str:
    """Return a time that a service answered, to the second: "2026-11-23T09:00:00Z"; "-" where there is none."""
    return f"{text[:19]}Z" if text else "-"


def moment(text: str) -> str:
    """Return a time that was typed as the services take it: "2026-11-23T09:00:00.000000Z". Raises BadParameter."""
    if ago := re.fullmatch(r"(\d{1,6})([mhd])", text):
        try:
            return to_text(datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])}))
        except OverflowError:
            return to_text(_FIRST)
    try:
        found = datetime.fromisoformat(text.upper())
        return to_text(found if found.tzinfo is not None else found.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text or 'Nothing'} is no time. It can be {FORMS}") from None
