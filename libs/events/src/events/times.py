"""Times as text: RFC 3339, UTC, always with microseconds, so that the order of the texts is the order of the times."""

from datetime import UTC, datetime


def to_text(moment: datetime) -> str:
    """Return "2026-11-23T09:00:00.123456Z" for an aware datetime. Raises ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("A time without a zone is not a time.")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"


def from_text(text: str) -> datetime:
    """Return the aware datetime of a text that `to_text` made. Raises ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    if to_text(moment) != text:  # one moment has one text, or texts could not be compared
        raise ValueError("This is not a time in UTC with microseconds.")
    return moment
