"""Times as they may come in: RFC 3339 with a zone, kept as the text that is stored."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

from events.times import to_text

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


def moment(text: str) -> str:
    """Return the text that a time is stored as; one before 1970 becomes the first of 1970. Raises ValueError for what is no time."""
    if not _RFC_3339.fullmatch(text):
        raise ValueError("must be a time as in RFC 3339, such as 2026-11-23T09:00:00Z")
    try:
        found = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("must be a time that exists") from None
    return to_text(max(found, _EARLIEST))


Moment = Annotated[str, AfterValidator(moment), WithJsonSchema({"type": "string", "format": "date-time"})]
"""A time that came in, as the text that it is stored as."""
