"""Addresses within the desk."""

import re
from collections.abc import Mapping
from urllib.parse import urlencode

_OURS = re.compile(r"/(?!/)[^\x00-\x20\x7f-\x9f\\\ud800-\udfff]{0,2000}")
"""A path of this site: never a host, which browsers also find behind a backslash or around a tab."""


def local(where: str | None, otherwise: str = "/") -> str:
    """Return a path of ours that somebody may be sent on to; anything that is not one is not followed."""
    if where is None or not _OURS.fullmatch(where):
        return otherwise
    return where


def address(path: str, filters: Mapping[str, str], **changes: str | None) -> str:
    """Return an address with these filters, some of them changed; None takes one away."""
    found = {name: value for name, value in {**filters, **changes}.items() if value}
    return path + (f"?{urlencode(found)}" if found else "")
