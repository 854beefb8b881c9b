"""The envelope: an event as it is stored, published, fed and exported, always as the same bytes.

Three parts: `head` (CloudEvents attributes), `data` (facts) and `personal` (erasable, salted). All are canonical JSON: sorted ASCII keys,
no floats, integers below 2^53, which is what RFC 8785 gives for them. Bytes are never made again from parsed values.
"""

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from events.catalogue import Catalogue

ZERO_HASH = "0" * 64
LARGEST_INTEGER = 2**53 - 1
LARGEST_WIRE = 512 * 1024
"""Bytes an event may have on the wire; the writer refuses a larger one before it is stored."""


def canonical(value: Any) -> bytes:
    """Return the canonical JSON of `value` in UTF-8.

    Raises ValueError for floats, integers from 2^53 on, keys that are not ASCII, and lone surrogates.
    """
    _check(value)
    return _dumps(value)


def _dumps(value: Any) -> bytes:
    """What `canonical` gives for a value that it need not look through."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise ValueError("Something in it has no form in JSON: half a character, say.") from error


def _check(value: Any) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            if not (isinstance(key, str) and key.isascii()):
                raise ValueError(f"The key {key!r} is not ASCII text.")
            if type(inner) is not str:  # as most are; a call for each would cost half of the time
                _check(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check(inner)
    elif isinstance(value, int):
        if abs(value) > LARGEST_INTEGER:
            raise ValueError(f"{value} has no exact form in JSON.")
    elif value is not None and not isinstance(value, str):
        raise ValueError(f"{type(value).__name__} has no canonical form.")


def digest(data: bytes) -> str:
    """Return SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def chain(prevhash: str, head: bytes) -> str:
    """Return the hash, in hex, of an event whose head is `head` and whose predecessor in the log has `prevhash`."""
    return hashlib.sha256(bytes.fromhex(prevhash) + head).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who did it: a `user`, a `token` (`id` is its owner's, `token` the token's public id) or the `system` (`id` is the service's name)."""

    kind: str
    id: str
    token: str | None = None


class StoredEvent(NamedTuple):
    """One event of a log. The names are those of the attributes, of the columns of the table `events`, and of nothing else.

    A tuple, since so many are made. Made by names; only a row of that table is taken as it stands (`events.store.stored`).
    """

    sequence: int
    id: str
    source: str
    origin: str
    type: str
    dataversion: int
    subject: str
    streamversion: int
    time: str
    recordedtime: str
    imported: bool
    actorkind: str
    actorid: str
    tokenid: str | None
    correlationid: str | None
    causationid: str | None
    datadigest: str
    personaldigest: str | None
    personalof: str | None
    traceparent: str | None
    head: bytes
    data: bytes
    personal: bytes | None
    salt: str | None
    prevhash: str
    hash: str

    @property
    def entity(self) -> tuple[str, str]:
        """The subject's two parts, as ("ticket", "42")."""
        kind, _, id_ = self.subject.partition("/")
        return kind, id_

    def decode(self, catalogue: Catalogue) -> Any:
        """Return the event itself. Raises what `Catalogue.decode` raises."""
        private = orjson.loads(self.personal) if self.personal is not None else None
        return catalogue.decode(self.type, self.dataversion, orjson.loads(self.data), private)

    def wire(self) -> bytes:
        """Return the bytes of the one JSON object that travels; the parts stand in it verbatim."""
        return b'{"head":%b,"data":%b,"personal":%b,"salt":%b,"prevhash":"%b","hash":"%b","traceparent":%b}' % (
            self.head,
            self.data,
            self.personal if self.personal is not None else b"null",
            _text(self.salt),
            self.prevhash.encode(),
            self.hash.encode(),
            _text(self.traceparent),
        )

    @property
    def nats_subject(self) -> str:
        """`events.<source>.<entity>.<id>.<what>`, as "events.tickets.ticket.42.status_changed"."""
        return f"events.{self.source.strip('/')}.{self.subject.replace('/', '.')}.{self.type.partition('.')[2]}"


COLUMNS = StoredEvent._fields
IN_HEAD = tuple(name for name in COLUMNS if name not in {"traceparent", "head", "data", "personal", "salt", "prevhash", "hash"})
"""The columns that a head determines; they come first."""


def _text(value: str | None) -> bytes:
    return b"null" if value is None else json.dumps(value).encode()


def head_of(attributes: Mapping[str, Any]) -> bytes:
    """Return the bytes of a head: the attributes that have a value, `imported` only when true, and `specversion`."""
    present = {name: value for name, value in attributes.items() if value is not None and value is not False}
    present["specversion"] = "1.0"
    return _dumps(present)


def attributes_of(head: bytes) -> dict[str, Any]:
    """Return the columns that a head determines, with None and False for what is not in it. Raises ValueError if it is no JSON object."""
    parsed = orjson.loads(head)
    if not isinstance(parsed, dict) or parsed.get("specversion") != "1.0":
        raise ValueError("This is not the head of an event.")
    columns = {name: parsed.get(name) for name in IN_HEAD}
    columns["imported"] = bool(columns["imported"])
    return columns


def from_wire(wire: bytes) -> StoredEvent:
    """Return the event that `wire` carries, each part as the bytes that came. Raises ValueError (KeyError, TypeError) when it is not one.

    The hash is checked against the head and `prevhash`, and the digests against the parts, so what comes back is what was chained.
    """
    if (parts := _cut(wire)) is not None:
        with contextlib.suppress(ValueError, KeyError, TypeError):  # cut at a wrong place, or no event: the other way tells
            return _checked(parts)
    return _checked(_Parts(**{name: text.encode() for name, text in _members(wire.decode()).items() if name in _PARTS}))


class _Parts(NamedTuple):
    """The parts of a wire, each as the JSON that stands there."""

    head: bytes
    data: bytes
    personal: bytes
    salt: bytes
    prevhash: bytes
    hash: bytes
    traceparent: bytes


_PARTS = frozenset(_Parts._fields)
_BORDERS = (b'{"head":', b',"data":', b',"personal":', b',"salt":', b',"prevhash":', b',"hash":', b',"traceparent":')


def _cut(wire: bytes) -> _Parts | None:
    """Return the parts of a wire that is spelled as `StoredEvent.wire` does it; what looks like a border first is taken for one."""
    if not wire.startswith(_BORDERS[0]) or not wire.endswith(b"}"):
        return None
    starts, ends = [len(_BORDERS[0])], []
    for border in _BORDERS[1:]:
        if (at := wire.find(border, starts[-1])) < 0:
            return None
        ends.append(at)
        starts.append(at + len(border))
    return _Parts(*(wire[start:end] for start, end in zip(starts, [*ends, len(wire) - 1], strict=True)))


def _checked(parts: _Parts) -> StoredEvent:
    columns = attributes_of(parts.head)
    if not isinstance(columns["source"], str) or type(columns["sequence"]) is not int:
        raise ValueError("The head of an event must name its source and its sequence.")
    stored = StoredEvent(
        **columns,
        head=parts.head,
        data=parts.data,
        personal=None if parts.personal == b"null" else parts.personal,
        salt=orjson.loads(parts.salt),
        prevhash=orjson.loads(parts.prevhash),
        hash=orjson.loads(parts.hash),
        traceparent=orjson.loads(parts.traceparent),
    )
    if chain(stored.prevhash, stored.head) != stored.hash or not _one_spelling(stored.prevhash):
        raise ValueError(f"The hash of {stored.source} {stored.sequence} is not that of its head.")
    if digest(stored.data) != stored.datadigest:
        raise ValueError(f"The data of {stored.source} {stored.sequence} are not those that were recorded.")
    if stored.personal is None:
        if stored.salt is not None:
            raise ValueError(f"{stored.source} {stored.sequence} has a salt without a personal part.")
    elif personal_digest(stored.salt, stored.personal) != stored.personaldigest or not _one_spelling(stored.salt or ""):
        raise ValueError(f"The personal part of {stored.source} {stored.sequence} is not the one that was recorded.")
    return stored


def personal_digest(salt: str | None, personal: bytes) -> str:
    """Return SHA-256(salt ‖ personal) in hex; `salt` is hex."""
    return digest(bytes.fromhex(salt or "") + personal)


def _one_spelling(text: str) -> bool:
    """Whether these hex digits are spelled as we write them; `bytes.fromhex` also takes capitals and spaces."""
    return bytes.fromhex(text).hex() == text


def _members(text: str) -> dict[str, str]:
    """Return the members of a JSON object, each value as the very text that stands there."""
    decoder, members, at = json.JSONDecoder(), {}, _skip(text, 0)
    if text[at : at + 1] != "{":
        raise ValueError("Not a JSON object.")
    at = _skip(text, at + 1)
    while text[at : at + 1] != "}":
        key, at = decoder.raw_decode(text, at)
        at = _skip(text, at)
        if text[at : at + 1] != ":":
            raise ValueError("A member has no value.")
        start = _skip(text, at + 1)
        _, end = decoder.raw_decode(text, start)
        members[key] = text[start:end]
        at = _skip(text, end)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
        elif text[at : at + 1] != "}":
            raise ValueError("The object does not end.")
    if _skip(text, at + 1) != len(text):
        raise ValueError("Something follows the object.")
    return members


def _skip(text: str, at: int) -> int:
    while text[at : at + 1] in (" ", "\t", "\n", "\r") and at < len(text):
        at += 1
    return at
