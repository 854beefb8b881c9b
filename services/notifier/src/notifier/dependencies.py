"""What the routes share: the switchboard of the live feed, and where a reader stands in it."""

import re
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request

from chassis.declared import Header, declares
from chassis.service import Parts, running
from chassis.strings import LARGEST_INTEGER
from events.errors import Invalid
from notifier.streams import Switchboard

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
