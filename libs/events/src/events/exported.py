"""Checking an export in JSON offline: each entry against its event, each event against its chain and the tree. Pure.

A file may be checked in parts (`Lines`), each from a line in it on; what they found of a source is joined, as parts of a log are.

A line is checked by making it anew from its event. As almost all are spelled in one way, that is done by pieces of text where it can be
(`events.export_pieces`), and by way of parsed values where the pieces do not fit.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import orjson

from events.entries import action_of, entry_of
from events.envelope import from_wire
from events.export_lines import json_line
from events.export_pieces import Pieces
from events.export_runs import Run
from events.forest import Forest
from events.walk import TRACEPARENT

Found = tuple[str, int, bytes, bytes, bytes, Forest | None]
"""An event whose entry is in order: source, sequence, prevhash, hash, leaf, and what was passed over before it; None is nothing."""

_EVENT, _PASSED = b',"event":{"head":', b',"passed":'


class Wrong(Exception):
    """The file is not what was exported. `line` counts from 1, `reason` is a sentence for people."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"Line {line}: {reason}")
        self.line = line
        self.reason = reason


class Lines:
    """Lines of an export that were checked: how many, and what they hold of each source."""

    def __init__(self, pieces: Pieces | None = None) -> None:
        self.count = 0
        self.runs: dict[str, Run] = {}
        self._pieces = pieces or Pieces()

    def take(self, block: bytes) -> None:
        """Check lines of entries, each with its newline; one without is left. Raises Wrong; lines are counted from the first one taken."""
        at, runs, pieces = 0, self.runs, self._pieces
        try:
            while True:
                at, fitting = pieces.take(block, at, runs)
                self.count += fitting
                if not (end := block.find(b"\n", at) + 1):
                    return
                source, sequence, prevhash, hash_, leaf, passed = by_values(block[at:end])
                if (run := runs.get(source)) is None:
                    run = runs[source] = Run(sequence - 1, prevhash) if passed is None else Run(passed.first, None)
                run.add(sequence, prevhash, hash_, leaf, passed)
                if passed is None:
                    pieces.learn(block, at, end)
                self.count += 1
                at = end
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            said = str(error) if str(error).endswith(".") else "This is not an entry of an export."
            raise Wrong(self.count + 1, said) from error

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


def by_values(line: bytes) -> Found:
    """Check a line however it is spelled. Raises ValueError (TypeError, KeyError, …) when it is not in order."""
    at = line.index(_EVENT)
    wire = line[at + len(_EVENT) - len(b'{"head":') : -2]
    passed_at = line.rindex(_PASSED, 0, at)
    stored, entry, nodes = from_wire(wire), orjson.loads(line[:passed_at] + b"}"), orjson.loads(line[passed_at + len(_PASSED) : at])
    passed = forest_of(stored.sequence - 1, nodes)
    if stored.wire() != wire:
        raise ValueError("The event is not spelled as it was recorded: something more stands in it, or something stands otherwise.")
    if stored.traceparent is not None and not TRACEPARENT.fullmatch(stored.traceparent):
        raise ValueError("The traceparent of the event is not spelled as W3C's Trace Context does it.")
    name = entry["actor"]["name"]
    if not isinstance(name, str | None):
        raise ValueError("What the entry calls who did it is no name.")  # noqa: TRY004 -- it is the file's
    anew = entry_of(stored, action_of(stored.type) or "", name)
    if line != json_line(anew, passed, wire) and line != json_line(former(anew), passed, wire):
        raise ValueError("The entry does not say what its event says.")
    leaf = sha256(b"\x00" + bytes.fromhex(stored.hash)).digest()
    return stored.source, stored.sequence, stored.prevhash.encode(), stored.hash.encode(), leaf, passed if nodes else None


def former(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry as exports had it before they said when it was recorded, and whether it was imported: those stay good."""
    return {name: value for name, value in entry.items() if name not in {"recorded_at", "imported"}}


def forest_of(end: int, nodes: Sequence[tuple[int, str]]) -> Forest:
    """Return the subtrees over the leaves that were passed over before leaf `end`."""
    return Forest(end - sum(width for width, _ in nodes), [(width, bytes.fromhex(node)) for width, node in nodes])
