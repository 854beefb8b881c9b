"""Checking a line of an export by pieces of text, cut out of the block that it stands in. Pure.

Almost all lines are spelled in one way, so that where their pieces begin is known from a few marks, and what the entry must say can be
laid beside what it says. Of a line whose pieces do not fit nothing is said here: it takes a closer look (`events.exported`). What fits by
pieces is what would fit by values. It is the inner loop of verifying an export: some microseconds a line, a third of them in SHA-256.
"""

from binascii import hexlify, unhexlify
from hashlib import sha256
from operator import itemgetter
from struct import Struct

import orjson

from events.contracts import CATALOGUE
from events.forest import Forest

_KINDS = {kind.name: (kind.action, bool({"before", "after"} & {*kind.data_fields, *kind.personal_fields})) for kind in CATALOGUE}
"""By type: its word in the audit list, and whether it says what something was before."""
_SAYS = itemgetter("id", "source", "sequence", "time", "recordedtime", "type", "subject", "actorkind", "actorid", "datadigest")
_HEAD, _DATA, _PERSONAL = b'[],"event":{"head":', b',"data":', b',"personal":'
_SEALED, _SEALED_MARKS = Struct("9s32s14s64s10s64s23s"), (b',"salt":"', b'","prevhash":"', b'","hash":"', b'","traceparent":null}}\n')
_BARE, _BARE_MARKS = Struct("41s64s10s64s23s"), (b',"personal":null,"salt":null,"prevhash":"', *_SEALED_MARKS[2:])
"""How a line ends, with a personal part and without: salt, prevhash and hash are as long as they are, and these stand between them."""
_AT_QUOTE, _QUOTE = _SEALED.size - 9 - 32, ord('"')
_AFTER, _BEFORE, _BRACES = b'{"after":{', b',"before":{', 3
_SHORTEST = 600
_MOST_NAMES = 10_000

Found = tuple[str, int, bytes, bytes, bytes, Forest | None]
"""An event whose entry is in order: source, sequence, prevhash, hash, leaf, and what was passed over before it; None is nothing."""


def by_pieces(block: bytes, at: int, end: int, names: set[bytes]) -> Found | None:
    """Check the line that stands in the block from `at` to `end`. None, or a ValueError, KeyError or TypeError, says nothing about it.

    `names` are known to be spelled as names are; more are added.
    """
    if end - at < _SHORTEST:
        return None
    list_at = block.find(b"[", at, end)
    if not block.startswith(_HEAD, list_at):  # there is a list in what the entry says, or something was passed over
        list_at = block.index(_HEAD, at, end)
    head_at = list_at + len(_HEAD)
    head_end = block.find(b"}", head_at, end) + 1  # it has no braces within it; if it has, nothing below fits
    head, data_at = block[head_at:head_end], head_end + len(_DATA)
    says = orjson.loads(head)
    id_, source, sequence, time, recorded, type_, subject, kind, actor, datadigest = _SAYS(says)
    action, paired = _KINDS[type_]
    if block[end - _AT_QUOTE] == _QUOTE:
        mark, salt, *rest = _SEALED.unpack_from(block, end - _SEALED.size)
        second, prevhash, third, hash_, last = rest
        data_end = block.index(_PERSONAL, head_end, end)
        data, personal = block[data_at:data_end], block[data_end + len(_PERSONAL) : end - _SEALED.size]
        salted = unhexlify(salt)
        changed = b'null,"after":%b,%b' % (data[:-1], personal[1:])
        fits = (
            not paired
            and len(data) > 2 < len(personal)
            and (mark, second, third, last) == _SEALED_MARKS
            and sha256(salted + personal).hexdigest() == says["personaldigest"]
            and hexlify(salted) == salt
        )
    else:
        mark, prevhash, third, hash_, last = _BARE.unpack_from(block, end - _BARE.size)
        data = block[data_at : end - _BARE.size]
        changed = _pair(data) if paired else b'null,"after":' + data
        fits = (mark, third, last) == _BARE_MARKS
    raw = sha256(unhexlify(prevhash) + head).digest()
    entity, _, of = subject.partition("/")
    first = (
        f'{{"id":"{id_}","source":"{source}","sequence":{sequence},"time":"{time}","recorded_at":"{recorded}",'
        f'"imported":{"true" if says.get("imported") else "false"},"action":"{action}",'
        f'"entity":{{"type":"{"user" if entity == "login" else entity}","id":"{of}"}},'
        f'"actor":{{"kind":"{kind}","id":"{actor}","name":'
    ).encode()
    after_name = b'},"before":%b,"hash":"%b","passed":' % (changed, hash_)
    name_end = list_at - len(after_name)
    name = block[at + len(first) : name_end]
    if (
        fits
        and hexlify(raw) == hash_
        and sha256(data).hexdigest() == datadigest
        and block.startswith(_DATA, head_end)
        and b"\\" not in head
        and block.startswith(first, at)
        and block.startswith(after_name, name_end)
        and (name == b'"%b"' % actor.encode() if kind == "system" else name in names or _is_name(name, names))
    ):
        return source, sequence, prevhash, hash_, sha256(b"\x00" + raw).digest(), None
    return None


def _pair(data: bytes) -> bytes:
    """Return the members `before` (without its name) and `after` of an entry whose event says what something was and is."""
    if data.startswith(_AFTER) and data.count(b"{") == _BRACES:
        after_end, before_at = data.find(b"}") + 1, data.find(_BEFORE)
        if before_at > 0:  # each of the two stands there once, with nothing nested in it
            before = data[before_at + len(_BEFORE) - 1 : data.find(b"}", before_at) + 1]
            return b'%b,"after":%b' % (before, data[len(_AFTER) - 1 : after_end])
    values = orjson.loads(data)
    return b'%b,"after":%b' % (orjson.dumps(values.get("before")), orjson.dumps(values.get("after")))


def _is_name(name: bytes, names: set[bytes]) -> bool:
    """Whether it is a name (or null) as it is spelled in JSON; then it is known from now on."""
    value = orjson.loads(name)
    if not (value is None or isinstance(value, str)) or orjson.dumps(value) != name:
        return False
    if len(names) < _MOST_NAMES:
        names.add(name)
    return True
