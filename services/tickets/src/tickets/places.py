"""Where a reader of the feed stands: a place in the journal as a text that nobody but this desk can make.

A place names the store's origin and carries a part of the hash of the event that stands there. So a place of another desk is known from
ours, and so is one from a history that this store no longer has, or never had: nobody goes on in the wrong journal without being told.
"""

import base64
import hmac
import re
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from tickets.errors import NoPlace

BEGINNING = "0"
_SEAL, _ORIGIN, _POSITION, _HASH = 16, 16, 8, 8
"""Bytes of each part, in this order; together a multiple of three, so that the text has no padding and each place has one text."""
_TEXT = re.compile("[A-Za-z0-9_-]{64}")


@dataclass(frozen=True, slots=True)
class Place:
    """After the event at `position` of the journal of the store `origin`; `hash` is the beginning of that event's, in hex."""

    origin: str
    position: int
    hash: str

    def holds(self, hash_: str | None) -> bool:
        """Whether the event that was there when the place was given out is the one with this hash."""
        return hash_ is not None and hash_.startswith(self.hash)


@lru_cache(maxsize=64)
def _bytes(origin: str) -> bytes:
    return UUID(origin).bytes


class Places:
    """Makes texts of places, and places of texts. `secret` is hex text."""

    def __init__(self, secret: str) -> None:
        self._key = bytes.fromhex(secret)

    def seal(self, origin: str, position: int, hash_: str) -> str:
        """Return the text of a place: 64 characters of base64url, or "0" for the beginning."""
        if position == 0:
            return BEGINNING
        payload = _bytes(origin) + position.to_bytes(_POSITION) + bytes.fromhex(hash_[: 2 * _HASH])
        return base64.urlsafe_b64encode(self._mac(payload) + payload).decode()

    def open(self, text: str) -> Place | None:
        """Return the place, None for the beginning. Raises NoPlace unless this desk gave it out as it stands here."""
        if text == BEGINNING:
            return None
        if not _TEXT.fullmatch(text):
            raise NoPlace
        raw = base64.urlsafe_b64decode(text)
        payload = raw[_SEAL:]
        if not hmac.compare_digest(raw[:_SEAL], self._mac(payload)):
            raise NoPlace
        origin, position, hash_ = payload[:_ORIGIN], payload[_ORIGIN:-_HASH], payload[-_HASH:]
        return Place(str(UUID(bytes=origin)), int.from_bytes(position), hash_.hex())

    def _mac(self, payload: bytes) -> bytes:
        # the word keeps these apart from the cursors of lists, which are sealed with the same secret
        return hmac.digest(self._key, b"place in the journal" + payload, "sha256")[:_SEAL]
