"""A place in the list of tickets: its filters, its moment, its page. Pure.

A place is its address, so that it can be kept, sent and come back to. The API pages forwards alone; so the address has the cursors of the
pages before, as many as fit, and the previous page is one of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import MAXYEAR, MINYEAR, UTC, datetime, tzinfo
from urllib.parse import urlencode

PATH = "/tickets"
SIZE = 50
"""Tickets on a page."""
_KEPT = 20
_FILTERS = ("status", "priority", "assigned_to", "requester", "escalated", "q")
"""What the list can be asked for, as the API names it."""


@dataclass(frozen=True, slots=True)
class Tab:
    """A saved filter. `counted` names its number in the API's counts; "" stands for all of them."""

    name: str
    filters: Mapping[str, str]
    counted: str
    admin: bool = False

    def count(self, counts: Mapping[str, int]) -> int | None:
        """Return how many tickets are behind it, None where that is not known."""
        return counts.get(self.counted) if self.counted else sum(counts[name] for name in ("open", "in_progress", "resolved"))


TABS = (
    Tab("Open", {"status": "open"}, "open"),
    Tab("In progress", {"status": "in_progress"}, "in_progress"),
    Tab("Mine", {"assigned_to": "me"}, "assigned_to_me", admin=True),
    Tab("Unassigned", {"assigned_to": "none"}, "unassigned", admin=True),
    Tab("Escalated", {"escalated": "true"}, "escalated"),
    Tab("Resolved", {"status": "resolved"}, "resolved"),
    Tab("All", {}, ""),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the list somebody is. `before` are the cursors of the pages from the second to the one before, the oldest left out."""

    filters: Mapping[str, str]
    sort: str = ""
    as_of: str = ""
    cursor: str = ""
    number: int = 1
    before: tuple[str, ...] = ()

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Place":
        """Return the place that an address names; what is empty in it is left out, and a page that it cannot be on is the first."""
        filters = {name: query[name].strip() for name in _FILTERS if query.get(name, "").strip()}
        found = cls(filters, query.get("sort", "").strip(), query.get("as_of", "").strip())
        cursor, number = query.get("cursor", ""), query.get("page", "")
        if not cursor:
            return found
        before = tuple(part for part in query.get("before", "").split(".") if part)[-_KEPT:]
        return replace(found, cursor=cursor, number=int(number) if number.isdecimal() and len(number) < 7 else 2, before=before)

    @property
    def asked(self) -> dict[str, str | int]:
        """What the API is asked for."""
        return {**self.filters, "sort": self.sort, "as_of": self.as_of, "cursor": self.cursor, "limit": SIZE}

    @property
    def kept(self) -> dict[str, str]:
        """What a new search in the same list goes on with: it has another first page, and finds tickets as they are now."""
        found = {name: value for name, value in self.filters.items() if name != "q"}
        return {**found, "sort": self.sort} if self.sort else found

    @property
    def address(self) -> str:
        """The address of this very page."""
        page = {"page": str(self.number), "before": ".".join(self.before), "cursor": self.cursor} if self.cursor else {}
        named = {**self.filters, "sort": self.sort, "as_of": self.as_of, **page}
        found = urlencode({name: value for name, value in named.items() if value})
        return f"{PATH}?{found}" if found else PATH

    def to(self, **changes: str) -> str:
        """Return the address of the first page with other filters, or of another moment or order; "" takes one away."""
        filters = {**self.filters, **{name: value for name, value in changes.items() if name in _FILTERS}}
        kept = {name: value for name, value in filters.items() if value}
        return Place(kept, changes.get("sort", self.sort), changes.get("as_of", self.as_of)).address

    def tab(self, tab: Tab) -> str:
        """Return the address of a saved filter: in the same order, of the same moment."""
        return Place(tab.filters, self.sort, self.as_of).address

    def is_tab(self, tab: Tab) -> bool:
        """Whether this is a saved filter, perhaps with others beside it."""
        return {name: value for name, value in self.filters.items() if name in ("status", "assigned_to", "escalated")} == dict(tab.filters)

    @property
    def first(self) -> str | None:
        """The address of the first page, None when this is it."""
        return self.to() if self.cursor else None

    @property
    def previous(self) -> str | None:
        """The address of the page before; None on the first, and where it is too far from there to be known."""
        if self.before:
            return replace(self, cursor=self.before[-1], number=self.number - 1, before=self.before[:-1]).address
        return self.first if self.number == 2 else None

    def following(self, cursor: str | None) -> str | None:
        """Return the address of the next page, None when there is none."""
        if not cursor:
            return None
        before = (*self.before, self.cursor)[-_KEPT:] if self.cursor else ()
        return replace(self, cursor=cursor, number=self.number + 1, before=before).address


def moment(text: str, zone: tzinfo) -> str:
    """Return a moment that somebody typed, or a form sent, as RFC 3339 in UTC; without a zone it is one of the reader's.

    Raises ValueError for what is none, and for what clocks of some zone could not show: the first and the last year that there are.
    """
    at = datetime.fromisoformat(text)
    try:
        at = (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text} is no moment of any desk.") from None
    if at.year in (MINYEAR, MAXYEAR):
        raise ValueError(f"{text} is no moment of any desk.")
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
