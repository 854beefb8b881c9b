"""Moments as browsers' fields have them: the local date and time of day of a reader, to the minute. Pure."""

import re
from datetime import UTC, datetime, tzinfo

_LOCAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?", re.ASCII)


def to_utc(text: str, zone: tzinfo) -> str:
    """Return the RFC 3339 time, in UTC, of what a datetime-local field says to a reader in that zone. Raises ValueError.

    Of an hour that clocks show twice it is the first; one that they skip is taken as it would have been without the change.
    """
    if not _LOCAL.fullmatch(text):
        raise ValueError("Write the time as 2026-03-12T14:00.")
    try:
        at = datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)
    except OverflowError:
        raise ValueError("There is no such time.") from None
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def to_local(moment: datetime, zone: tzinfo) -> str:
    """Return what a datetime-local field says of a moment to a reader in that zone, to the minute."""
    return f"{moment.astimezone(zone):%Y-%m-%dT%H:%M}"
