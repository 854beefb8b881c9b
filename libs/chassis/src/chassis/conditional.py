"""Optimistic concurrency over HTTP: `ETag: "7"` and `If-Match: "7"`."""

import re
from typing import Annotated

from fastapi import Depends, Request

from chassis.declared import Header, declares
from events.errors import Invalid

_VERSION = re.compile('"(0|[1-9][0-9]{0,17})"')


def etag(version: int) -> str:
    """Return the value of the ETag header of an entity's version."""
    return f'"{version}"'


@declares(
    "stale",
    "invalid",
    headers=[
        Header(
            "If-Match",
            'The version that the change is meant for, as `"7"`, or `*` for any.',
            (("pattern", r'^("(0|[1-9][0-9]{0,17})"|\*)$'), ("example", '"7"')),
        )
    ],
)
def if_match(request: Request) -> int | None:
    """Return the expected version, None when any will do. Raises Invalid for anything but one quoted number or `*`."""
    sent = request.headers.getlist("if-match")
    if not sent or sent == ["*"]:
        return None
    found = _VERSION.fullmatch(sent[0]) if len(sent) == 1 else None
    if found is None:
        raise Invalid("If-Match cannot be meant.", [(("header", "if-match"), 'must be a version in double quotes, such as "7", or *')])
    return int(found[1])


IfMatch = Annotated[int | None, Depends(if_match)]
