"""What the routes share: the switchboard of the live feed, where a reader stands in it, and the reading of a list page by page."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, cast

from fastapi import Depends, Request

from chassis.answers import Answer, json_answer
from chassis.declared import Header, declares
from chassis.paging import Page, Sealer
from chassis.service import Parts, running
from chassis.strings import LARGEST_INTEGER
from events.errors import Invalid
from notifier.streams import Switchboard

T = TypeVar("T")

_POSITION = re.compile("[0-9]{1,19}")


@dataclass(kw_only=True)
class NotifierParts(Parts):
    """The notifier's parts, and what its routes need beside them."""

    switchboard: Switchboard


def parts(request: Request) -> NotifierParts:
    return cast("NotifierParts", running(request).parts)


@declares("invalid", headers=[Header("Last-Event-ID", "The `id` of the last event that arrived: the stream goes on after it.")])
def last_event_id(request: Request) -> int | None:
    """Return the position that a reader has reached, None for one who begins. Raises Invalid for anything that was not given out here."""
    sent = request.headers.get("last-event-id", "")
    if not sent:
        return None
    if not _POSITION.fullmatch(sent) or int(sent) > LARGEST_INTEGER:
        raise Invalid("The Last-Event-ID cannot be meant.", [(("header", "last-event-id"), "must be the id of an event of this stream")])
    return int(sent)


LastEventId = Annotated[int | None, Depends(last_event_id)]


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of one list. `bound` is all that makes the list what it is; `after` is the key of the last item seen, None at first."""

    sealer: Sealer
    limit: int
    bound: Mapping[str, Any]
    after: Any

    @property
    def fetch(self) -> int:
        """How many rows to read: one more than the page shows tells whether there is another."""
        return self.limit + 1

    def answer(self, rows: Sequence[T], render: Callable[[T], Any], key: Callable[[T], Any]) -> Answer:
        """Answer with the page; `key` gives what the list is sorted by."""
        shown = rows[: self.limit]
        following = self.sealer.seal(self.bound, [key(shown[-1])]) if len(rows) > self.limit else None
        return json_answer({"items": [render(row) for row in shown], "next_cursor": following})


def listing(request: Request, query: Page, **bound: Any) -> Listing:
    """Return the page that is asked for. `bound` names the list and whose it is. Raises Invalid for a cursor of another list."""
    sealer = running(request).sealer
    bound = {**query.filters(), **bound}
    after = None if query.cursor is None else sealer.open(query.cursor, bound)[0]
    return Listing(sealer, query.limit, bound, after)
