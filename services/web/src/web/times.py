"""Times as people read them: pure functions of a moment, the present, and the reader's zone."""

from datetime import datetime, timedelta, tzinfo

_UNITS = (("y", 365 * 86400), ("mo", 30 * 86400), ("d", 86400), ("h", 3600), ("min", 60))


def parse(text: str) -> datetime:
    """Return the moment of an RFC 3339 time. Raises ValueError."""
    return datetime.fromisoformat(text)


def span(length: timedelta) -> str:
    """Return a length of time in its largest whole unit, as "3 d"; under a minute "now"."""
    seconds = abs(length.total_seconds())
    for name, size in _UNITS:
        if seconds >= size:
            return f"{int(seconds // size)} {name}"
    return "now"


def ago(moment: datetime, now: datetime) -> str:
    """Return how long ago a moment was, or how far ahead it is, as "3 d ago", "in 2 h", "just now"."""
    found = span(now - moment)
    if found == "now":
        return "just now"
    return f"{found} ago" if moment <= now else f"in {found}"


def day(moment: datetime, now: datetime, zone: tzinfo) -> str:
    """Return the date as a reader in that zone says it: "today", "yesterday", "12 Mar", "12 Mar 2025"."""
    at, today = moment.astimezone(zone).date(), now.astimezone(zone).date()
    if at == today:
        return "today"
    if at == today - timedelta(days=1):
        return "yesterday"
    return f"{at.day} {at:%b}" if at.year == today.year else f"{at.day} {at:%b %Y}"


def clock(moment: datetime, now: datetime, zone: tzinfo) -> str:
    """Return date and time of day in that zone: "today, 14:03", "12 Mar 2025, 09:00"."""
    return f"{day(moment, now, zone)}, {moment.astimezone(zone):%H:%M}"


def exact(moment: datetime, zone: tzinfo) -> str:
    """Return the moment to the second with its zone, as "2026-03-12 14:03:22 CET"."""
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"
