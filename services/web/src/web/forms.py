"""What a form sends."""

import re
import uuid
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request

from chassis import bodies
from chassis.crosssite import check_same_origin
from web.refusals import Refused

MOST_FIELDS = 1_000
_SENT = "ste.form"
_KEY = re.compile("[!-~]{1,255}")
KEY = "_key"
"""The name of the field with the idempotency key."""


class Form(Mapping[str, str]):
    """The fields of a form: the last value of each name, trimmed of nothing; `all` has every value."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self.pairs = pairs
        self._last = dict(pairs)

    def __getitem__(self, name: str) -> str:
        return self._last[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._last)

    def __len__(self) -> int:
        return len(self._last)

    def all(self, name: str) -> list[str]:
        """Return every value that came under a name, in order."""
        return [value for key, value in self.pairs if key == name]

    def only(self, *names: str) -> dict[str, str]:
        """Return these fields, "" for those that did not come."""
        return {name: self._last.get(name, "") for name in names}

    @property
    def key(self) -> str:
        """The idempotency key that the form was made with; a new one if it has none that can be passed on in a header."""
        found = self._last.get(KEY, "")
        return found if _KEY.fullmatch(found) else new_key()


def new_key() -> str:
    """Return a new idempotency key."""
    return str(uuid.uuid4())


async def read_form(request: Request) -> Form:
    """Return what a form of ours sent. Raises NotPermitted when it came from another site, TooLarge, Refused when it is no form."""
    check_same_origin(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise Refused(415, "unsupported-media-type", "Not a form", "This address reads forms only.")
    raw = await bodies.read_bounded(request)
    if raw.count(b"&") >= MOST_FIELDS:
        raise Refused(
            422, "invalid", "Too much at once", f"A form can have up to {MOST_FIELDS:,} fields. Send it in parts, or use the API."
        )
    try:
        pairs = parse_qsl(raw.decode("utf-8"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except (UnicodeDecodeError, ValueError):
        # not 400: that is what the gateway takes for a request that is no HTTP
        raise Refused(422, "invalid", "Not readable", "The form could not be read.") from None
    # browsers send the end of a line as CR LF, whatever was typed
    form = request.scope[_SENT] = Form([(name, value.replace("\r\n", "\n")) for name, value in pairs])
    return form


def sent(request: Request) -> Form | None:
    """Return the form that was read of this request, None when there was none."""
    return request.scope.get(_SENT)
