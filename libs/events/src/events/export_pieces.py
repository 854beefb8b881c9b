"""Checking lines of an export as they stand in a block, by layouts of lines before them. Pure.

Almost all lines are spelled in one way, so that where their pieces begin is known from a few marks and from a line that was alike, and what
the entry must say can be laid beside what it says. Of a line whose pieces do not fit nothing is said here: it takes a closer look
(`events.exported`). What fits by pieces is what would fit by values, whatever a store may have signed. It is the inner loop of verifying an
export: some microseconds a line, a third of them in SHA-256; most of the rest is the making of small objects, so it makes few.
"""

import re
import struct
from binascii import hexlify, unhexlify
from hashlib import sha256
from typing import Any

from orjson import dumps, loads

from events.export_layouts import DATA, HEAD, PLAIN, Layout, layout_of
from events.export_runs import Run

_SEALED, _BARE = struct.Struct("9s32s14s64s10s64s23s"), struct.Struct("41s64s10s64s23s")
"""How a line ends, with a personal part and without: salt, prevhash and hash are as long as they are, and these stand between them."""
_PERSONAL, _NO_PERSONAL = b',"personal":', b',"personal":null,"salt":null,"prevhash":"'
_SALT, _PREVHASH, _HASH, _END = b',"salt":"', b'","prevhash":"', b'","hash":"', b'","traceparent":null}}\n'
_TO_END = _BARE.size - len(_NO_PERSONAL)
"""From the beginning of prevhash to the end of a line."""
_AT_QUOTE, _QUOTE, _ZERO = _SEALED.size - 9 - 32, ord('"'), ord("0")
_TO_HEAD, _TO_DATA, _TO_PERSONAL = len(HEAD), len(DATA), len(_PERSONAL)
_OTHERS = rb'(?:,"(?!after"|before")[a-z_]+":(?:"[^"\\{}]*"|\w+))*'
_PAIR = re.compile(rb'\{"after":(\{[^{}]*\})%b,"before":(\{[^{}]*\})%b\}' % (_OTHERS, _OTHERS))
"""Data that say what something was and is, each once and with nothing nested in it."""
_MOST_LAYOUTS, _MOST_NAMES, _MOST_PAIRS = 500, 10_000, 1_000

_Key = tuple[int, int, bool, bytes]


class Pieces:
    """Checks lines, and remembers so many of the layouts, names and changes that it met, for as many blocks as there are."""

    def __init__(self) -> None:
        self._layouts: dict[_Key, Layout | None] = {}
        self._names: set[bytes] = set()
        self._pairs: dict[bytes, tuple[bytes, bytes]] = {}

    def take(self, block: bytes, at: int, runs: dict[str, Run]) -> tuple[int, int]:
        """Go on with the lines from `at` on, as far as they fit: (where the first stands that does not, how many did)."""
        count, layouts, pairs, learn_pair = 0, self._layouts, self._pairs, self._learn_pair
        find, rfind, startswith = block.find, block.rfind, block.startswith
        try:
            while end := find(b"\n", at) + 1:
                list_at = find(b"[", at, end)
                if not startswith(HEAD, list_at):  # there is a list in what the entry says, or something was passed over
                    list_at = find(HEAD, at, end)
                head_at = list_at + _TO_HEAD
                head_end = find(b"}", head_at, end) + 1  # it has no braces within it; if it has, nothing below fits
                slash, sealed = rfind(b"/", head_at, head_end), block[end - _AT_QUOTE] == _QUOTE
                source, cut, constant, said, loose, entry, names, name_at, behind_name, paired = layouts[  # type: ignore[misc]
                    head_end - head_at, head_end - slash, sealed, block[head_end - 20 : head_end]
                ]
                parts = cut(block, head_at)
                id_, number, time, recorded, of, actor, version, datadigest, personaldigest = said(parts)
                run = runs.get(source) or _begun(number, block[end - _TO_END : end - _TO_END + 64])
                prevhash, sequence = run.hash, run.end + 1
                raw = sha256(unhexlify(prevhash) + block[head_at:head_end]).digest()
                hash_ = hexlify(raw)
                if sealed:
                    data_end, last_at = find(_PERSONAL, head_end, end), end - _SEALED.size
                    data, personal = block[head_end + _TO_DATA : data_end], block[data_end + _TO_PERSONAL : last_at]
                    last = _SEALED.unpack_from(block, last_at)
                    salt = unhexlify(last[1])
                    first, second = data[:-1], personal[1:]
                    _check_said({**loads(data), **loads(personal)}, first + b"," + second)
                    fits = (
                        len(data) > 2 < len(personal)
                        and last == (_SALT, hexlify(salt), _PREVHASH, prevhash, _HASH, hash_, _END)
                        and hexlify(sha256(salt + personal).digest()) == personaldigest
                    )
                else:
                    last_at = end - _BARE.size
                    data = block[head_end + _TO_DATA : last_at]
                    fits = _BARE.unpack_from(block, last_at) == (_NO_PERSONAL, prevhash, _HASH, hash_, _END)
                    if not paired:
                        first, second = data, b""
                        _check_said(loads(data), data)
                    elif data.endswith(b'"}') and not data[(text_at := data.rfind(b'"', 0, -2) + 1) : -2].translate(None, PLAIN):
                        first, second = pairs.get(data[:text_at]) or learn_pair(data, text_at)  # whatever the last text is
                    else:
                        first, second = _pair(data)
                name = block[at + name_at : list_at - behind_name - len(first) - len(second)]
                if not (
                    fits
                    and name in names
                    and startswith(entry % (id_, number, time, recorded, of, actor, name, first, second, hash_), at)
                    and parts[::2] == constant
                    and number == b"%d" % sequence
                    and version.isdigit()
                    and version[0] != _ZERO
                    and hexlify(sha256(data).digest()) == datadigest
                    and not b"".join(loose(parts)).translate(None, PLAIN)
                ):
                    break
                if not run.leaves:
                    runs[source] = run  # it may be the first event of its source
                run.end, run.hash = sequence, hash_
                run.leaves.append(sha256(b"\x00" + raw).digest())
                at = end
                count += 1
        except (ValueError, LookupError, TypeError, struct.error):
            pass  # there is no such layout, or what should be digits is not
        return at, count

    def learn(self, block: bytes, at: int, end: int) -> None:
        """Learn from a line that is in order."""
        list_at = block.find(HEAD, at, end)
        head_at = list_at + _TO_HEAD
        head_end = block.find(b"}", head_at, end) + 1
        slash, sealed = block.rfind(b"/", head_at, head_end), block[end - _AT_QUOTE] == _QUOTE
        key = (head_end - head_at, head_end - slash, sealed, block[head_end - 20 : head_end])
        name = dumps(loads(block[at:end])["actor"]["name"])
        for kept, most in ((self._layouts, _MOST_LAYOUTS), (self._names, _MOST_NAMES)):
            if len(kept) >= most:
                kept.clear()
        self._names.add(name)
        if self._layouts.get(key, ...) is None:  # it was tried
            return
        try:
            self._layouts[key] = layout_of(block[head_at:head_end], sealed, self._names)
        except (ValueError, LookupError, TypeError, AttributeError):
            self._layouts[key] = None

    def _learn_pair(self, data: bytes, text_at: int) -> tuple[bytes, bytes]:
        if len(self._pairs) >= _MOST_PAIRS:
            self._pairs.clear()
        pair = self._pairs[data[:text_at]] = _pair(data)
        return pair


def _begun(number: bytes, prevhash: bytes) -> Run:
    """Return what is before the first event of a source that is met. Raises ValueError for digits that are none."""
    if hexlify(unhexlify(prevhash)) != prevhash:
        raise ValueError("It is spelled otherwise.")
    return Run(int(number) - 1, prevhash)


def _check_said(said: Any, text: bytes) -> None:
    """Raise ValueError (TypeError) unless an entry says this, in these words: an object, spelled in the one way, that is no pair."""
    if dumps(said) != text or "before" in said or "after" in said or type(said) is not dict:
        raise ValueError("It is spelled otherwise, or means something else.")


def _pair(data: bytes) -> tuple[bytes, bytes]:
    """Return what something was and is. Raises ValueError where both are not simply there."""
    if (found := _PAIR.fullmatch(data)) is None or dumps(loads(data)) != data:
        raise ValueError("The data have another shape.")
    return found[2], found[1]
