"""Lists by keyset: a cursor is the last item's sort key, sealed, and good only for the list that gave it."""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from chassis.strings import Spelled
from events.errors import Invalid

DEFAULT_LIMIT = 25
LARGEST_LIMIT = 100
_SEAL = 16


Cursor = Annotated[
    str, StringConstraints(max_length=1000), Spelled("^[A-Za-z0-9_-]{24,}$", "must be the next_cursor of the page before, as it was given")
]


class Page(BaseModel):
    """The query of every list. A list with filters derives from it; no other parameter is taken."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: Annotated[int, Field(ge=1, le=LARGEST_LIMIT, description="How many items to return.")] = DEFAULT_LIMIT
    cursor: Annotated[Cursor | None, Field(description="`next_cursor` of the page before.")] = None

    def filters(self) -> dict[str, Any]:
        """Return what the caller asked for beside the place in the list, as plain values: what a cursor is bound to."""
        return self.model_dump(mode="json", exclude={"limit", "cursor"})


class Sealer:
    """Seals positions so that they can be handed out. `secret` is hex text."""

    def __init__(self, secret: str) -> None:
        self._secret = bytes.fromhex(secret)

    def seal(self, filters: Mapping[str, Any], key: Sequence[Any]) -> str:
        """Return the cursor of a position: `key` is the sort key of the last item given, of texts, numbers and None.

        `filters` is everything that makes the list what it is: its name, whose it is, and the filters asked for.
        """
        payload = json.dumps(list(key), separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._mac(filters, payload) + payload).decode().rstrip("=")

    def open(self, cursor: str, filters: Mapping[str, Any]) -> list[Any]:
        """Return the key that was sealed. Raises Invalid when the cursor was changed or comes from a list with other filters."""
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise _invalid() from None
        seal, payload = raw[:_SEAL], raw[_SEAL:]
        # several texts decode to the same bytes; only the one that was given out counts
        given_out = base64.urlsafe_b64encode(raw).decode().rstrip("=") == cursor
        if not (given_out and hmac.compare_digest(seal, self._mac(filters, payload))):
            raise _invalid()
        return list(json.loads(payload))

    def _mac(self, filters: Mapping[str, Any], payload: bytes) -> bytes:
        bound = json.dumps(filters, sort_keys=True, separators=(",", ":"), default=str).encode()
        message = b"%d:%b%b" % (len(bound), bound, payload)
        return hmac.new(self._secret, message, hashlib.sha256).digest()[:_SEAL]


def _invalid() -> Invalid:
    return Invalid("The cursor does not belong to this list.", [(("query", "cursor"), "must be a `next_cursor` of the same list")])
