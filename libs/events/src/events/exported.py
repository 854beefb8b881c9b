"""Checking an export in JSON offline: each entry against its event, each event against its chain and the tree. Pure.

A file may be checked in parts (`Lines`), each from a line in it on; what they found of a source is joined, as parts of a log are.

A line is checked by making it anew from its event. As almost all are spelled in one way, that is done by pieces of text where it can be,
and by way of parsed values where the pieces do not fit; what fits by pieces is what would fit by values.
"""

from binascii import hexlify, unhexlify
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

import orjson

from events.contracts import CATALOGUE
from events.entries import action_of, entity_of, entry_of
from events.envelope import ZERO_HASH, from_wire
from events.export_lines import json_line
from events.forest import Forest

_ACTIONS = {kind.name: kind.action for kind in CATALOGUE}
_PAIRED = frozenset(kind.name for kind in CATALOGUE if {"before", "after"} & {*kind.data_fields, *kind.personal_fields})
_EVENT, _DATA, _PERSONAL, _SALT = b',"event":{"head":', b',"data":', b',"personal":', b',"salt":'
_PREVHASH, _HASH, _END = b',"prevhash":"', b'","hash":"', b'","traceparent":null}}\n'
_NAME, _BEFORE, _PASSED = b',"name":', b'},"before":', b',"passed":'
_HEX = 64
_AT_HEAD, _AT_HASH = len(_EVENT), _HEX + len(_END)
_AT_PREVHASH = _AT_HASH + len(_HASH) + _HEX
_AT_SALT_END = _AT_PREVHASH + len(_PREVHASH)
_MOST_NAMES = 10_000


class Wrong(Exception):
    """The file is not what was exported. `line` counts from 1, `reason` is a sentence for people."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"Line {line}: {reason}")
        self.line = line
        self.reason = reason


_Found = tuple[str, int, str, str, bytes, Forest | None]
"""An event whose entry is in order: source, sequence, prevhash, hash, leaf, and what was passed over before it; None is nothing."""


class Run:
    """Some events of one source that follow each other: leaves of its tree, and the ends of its chain.

    `prevhash` is what the first of them follows from; None where others were passed over before it. `hash` is that of the last.
    """

    def __init__(self, first: int, prevhash: str | None) -> None:
        self.prevhash = prevhash
        self.hash = prevhash or ZERO_HASH
        self._forest = Forest(first)
        self._leaves: list[bytes] = []

    @property
    def forest(self) -> Forest:
        """The part of the tree that it is."""
        self._forest.extend(self._leaves)
        self._leaves.clear()
        return self._forest

    def add(self, sequence: int, prevhash: str, hash_: str, leaf: bytes, passed: Forest | None) -> None:
        """Go on with an event, behind those that were passed over. Raises ValueError when it does not follow."""
        if passed is not None:
            self.forest.join(passed)
        elif prevhash != self.hash or sequence != self._forest.end + len(self._leaves) + 1:
            raise ValueError(f"Event {sequence} does not follow from the one of its source before it.")
        self._leaves.append(leaf)
        self.hash = hash_

    def join(self, following: "Run") -> None:
        """Go on with a run that follows this one. Raises ValueError when it does not."""
        if following.prevhash not in (None, self.hash):
            raise ValueError("The chain is broken there.")
        self.forest.join(following.forest)
        self.hash = following.hash

    def dump(self) -> list[Any]:
        """Return it as plain values, for `load` in another process."""
        return [self.forest.first, self.prevhash, self.hash, [(width, node.hex()) for width, node in self.forest.nodes]]

    @classmethod
    def load(cls, values: Sequence[Any]) -> "Run":
        """Return what was dumped."""
        first, prevhash, hash_, nodes = values
        run = cls(first, prevhash)
        run.hash, run._forest = hash_, Forest(first, [(width, bytes.fromhex(node)) for width, node in nodes])
        return run


class Lines:
    """Lines of an export that were checked: how many, and what they hold of each source."""

    def __init__(self) -> None:
        self.count = 0
        self.runs: dict[str, Run] = {}
        self._names: set[bytes] = set()

    def take(self, lines: Iterable[bytes]) -> None:
        """Check lines of entries, each with its newline. Raises Wrong; lines are counted from the first one taken."""
        for line in lines:
            try:
                self._check(line)
            except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
                said = str(error) if str(error).endswith(".") else "This is not an entry of an export."
                raise Wrong(self.count + 1, said) from error
            self.count += 1

    def join(self, following: "Lines") -> None:
        """Go on with lines that follow. Raises Wrong where they do not."""
        for source, run in following.runs.items():
            if source not in self.runs:
                self.runs[source] = run
                continue
            try:
                self.runs[source].join(run)
            except ValueError as error:
                raise Wrong(self.count + 1, f"From there on, the events of {source} do not follow those before. {error}") from error
        self.count += following.count

    def _check(self, line: bytes) -> None:
        at = line.index(_EVENT)
        try:
            found = _by_pieces(line, at, self._names)
        except (ValueError, KeyError, TypeError):
            found = None
        source, sequence, prevhash, hash_, leaf, passed = found or _by_values(line, at)
        run = self.runs.get(source)
        if run is None:
            run = self.runs[source] = Run(sequence - 1, prevhash) if passed is None else Run(passed.first, None)
        run.add(sequence, prevhash, hash_, leaf, passed)


def _by_values(line: bytes, at: int) -> _Found:
    """Check a line however it is spelled. Raises ValueError (TypeError, KeyError, …) when it is not in order."""
    wire = line[at + len(_EVENT) - len(b'{"head":') : -2]
    passed_at = line.rindex(_PASSED, 0, at)
    stored, entry, nodes = from_wire(wire), orjson.loads(line[:passed_at] + b"}"), orjson.loads(line[passed_at + len(_PASSED) : at])
    passed = forest_of(stored.sequence - 1, nodes)
    anew = entry_of(stored, action_of(stored.type) or "", entry["actor"]["name"])
    if line != json_line(anew, passed, wire) and line != json_line(former(anew), passed, wire):
        raise ValueError("The entry does not say what its event says.")
    leaf = sha256(b"\x00" + bytes.fromhex(stored.hash)).digest()
    return stored.source, stored.sequence, stored.prevhash, stored.hash, leaf, passed if nodes else None


def former(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry as exports had it before they said when it was recorded, and whether it was imported: those stay good."""
    return {name: value for name, value in entry.items() if name not in {"recorded_at", "imported"}}


def forest_of(end: int, nodes: Sequence[tuple[int, str]]) -> Forest:
    """Return the subtrees over the leaves that were passed over before leaf `end`."""
    return Forest(end - sum(width for width, _ in nodes), [(width, bytes.fromhex(node)) for width, node in nodes])


def _by_pieces(line: bytes, at: int, names: set[bytes]) -> _Found | None:
    """Check a line of the usual spelling, whose event begins at `at`, by pieces. None, or what it raises, says nothing about it."""
    if not line.endswith(_END):
        return None
    size = len(line)
    head_at, hash_at, prevhash_at, salt_end = at + _AT_HEAD, size - _AT_HASH, size - _AT_PREVHASH, size - _AT_SALT_END
    salt_at = salt_end - (4 if line.endswith(b"null", 0, salt_end) else 34)
    head_end = line.find(_DATA, head_at)
    data_end = line.find(_PERSONAL, head_end)
    head, data, personal = line[head_at:head_end], line[head_end + 8 : data_end], line[data_end + 12 : salt_at - 8]
    prevhash, hash_, salt = line[prevhash_at : prevhash_at + _HEX], line[hash_at : hash_at + _HEX], line[salt_at:salt_end]
    raw, says = sha256(unhexlify(prevhash) + head).digest(), orjson.loads(head)
    if personal == b"null":
        sealed = salt == b"null"
    else:
        salted = unhexlify(salt[1:-1])
        sealed = sha256(salted + personal).hexdigest() == says["personaldigest"] and b'"%b"' % hexlify(salted) == salt
    if not sealed or raw.hex().encode() != hash_ or sha256(data).hexdigest() != says["datadigest"] or b"\\" in head:
        return None
    type_, kind, actor = says["type"], says["actorkind"], says["actorid"]
    changed = _changed(type_, data, personal)
    name_at = line.find(_NAME) + 8
    name = line[name_at : line.find(_BEFORE, name_at)]
    if changed is None or not (name == b'"%b"' % actor.encode() if kind == "system" else name in names or _is_name(name, names)):
        return None
    entity, id_ = entity_of(says["subject"])
    source, sequence = says["source"], says["sequence"]
    entry = (
        f'{{"id":"{says["id"]}","source":"{source}","sequence":{sequence},"time":"{says["time"]}",'
        f'"recorded_at":"{says["recordedtime"]}","imported":{"true" if says.get("imported") else "false"},"action":"{_ACTIONS[type_]}",'
        f'"entity":{{"type":"{entity}","id":"{id_}"}},"actor":{{"kind":"{kind}","id":"{actor}"'
    )
    # fmt: off
    anew = (entry.encode(), _NAME, name, _BEFORE, changed, b',"hash":"', hash_, b'","passed":[],"event":{"head":', head, _DATA, data,
            _PERSONAL, personal, _SALT, salt, _PREVHASH, prevhash, _HASH, hash_, _END)
    # fmt: on
    if b"".join(anew) != line:
        return None
    return source, sequence, prevhash.decode(), hash_.decode(), sha256(b"\x00" + raw).digest(), None


def _is_name(name: bytes, names: set[bytes]) -> bool:
    """Whether it is a name (or null) as it is spelled in JSON; then it is known from now on."""
    value = orjson.loads(name)
    if not (value is None or isinstance(value, str)) or orjson.dumps(value) != name:
        return False
    if len(names) < _MOST_NAMES:
        names.add(name)
    return True


def _changed(type_: str, data: bytes, personal: bytes) -> bytes | None:
    """Return the members `before` (without its name) and `after` of an entry; None where it takes a closer look to know them."""
    if type_ not in _PAIRED:
        if personal == b"null":
            return b'null,"after":' + data
        return b'null,"after":%b,%b' % (data[:-1], personal[1:]) if len(data) > 2 < len(personal) else None
    if personal != b"null":
        return None
    values = orjson.loads(data)
    return b'%b,"after":%b' % (orjson.dumps(values.get("before")), orjson.dumps(values.get("after")))
