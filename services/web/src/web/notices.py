"""What a page says once after something was done: it travels in a cookie from the form's answer to the next page."""

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from starlette.responses import Response

from web.places import local

_COOKIE = "notice"
_KEPT = 60
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence, perhaps with a link."""

    text: str
    kind: Literal["done", "info", "failed"] = "done"
    link: str = ""
    link_text: str = ""


def take_notice(cookies: Mapping[str, str]) -> Notice | None:
    """Return what is to be said, None if nothing is, or if it cannot be read."""
    try:
        found = json.loads(base64.urlsafe_b64decode(cookies[_COOKIE]))
        notice = Notice(**{name: str(found.get(name, ""))[:300] for name in ("text", "kind", "link", "link_text")})  # type: ignore[arg-type]
        notice.text.encode(), notice.link_text.encode()  # half a surrogate pair is no text
    except (KeyError, ValueError, AttributeError, RecursionError):  # the last of a nest of brackets
        return None
    return notice if notice.kind in ("done", "info", "failed") and local(notice.link, "") == notice.link else None


def put_notice(answer: Response, notice: Notice | None, *, secure: bool = False) -> None:
    """Let the next page say something; with None, nothing any more."""
    if notice is None:
        answer.delete_cookie(_COOKIE, path="/", httponly=True, samesite="lax", secure=secure)
    else:
        text = base64.urlsafe_b64encode(json.dumps(asdict(notice)).encode()).decode()
        answer.set_cookie(_COOKIE, text, max_age=_KEPT, path="/", httponly=True, samesite="lax", secure=secure)
