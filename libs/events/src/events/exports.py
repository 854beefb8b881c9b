"""The file of an audit export: entries with their events, what covers them, and a seal over all of it. Pure.

A line of JSON is an entry as the audit list shows it, with `event`, the bytes of the event itself, and `passed`: the perfect subtrees over
the events of that source between the entry before and this one, so that whatever was filtered out, the file leads to the signed roots. The
last line but one is what covers them (`Covered`), the last the seal: a signed note over the digest of everything before. In CSV the same
stands in rows of the same columns, without the events. docs/audit.md tells it to whom has to read such a file.
"""

import base64
import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal

import orjson

from events.checkpoints import Checkpoint, Signer
from events.entries import entry_of
from events.envelope import StoredEvent
from events.export_lines import json_line, nodes_of
from events.forest import Forest
from events.ledger import leaf_hash
from events.notes import open_note

Format = Literal["jsonl", "csv"]
SEAL = "ste/audit-export"
"""The first line of a seal: no store's checkpoint begins with it."""
COLUMNS = (
    "id", "source", "sequence", "time", "action", "entity_type", "entity_id", "actor_kind", "actor_id", "actor_name", "before", "after",
    "hash", "recorded_at", "imported",
)  # fmt: skip
FORMER_COLUMNS = COLUMNS[:-2]
"""Those of a table that was exported before the last two were added."""
CHECKPOINT, EXPORT, SEALED = "checkpoint", "export", "seal"
"""What stands as `action` in the rows of CSV that are no entries."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", *map(chr, (0xFF1D, 0xFF0B, 0xFF0D, 0xFF20)))  # in full width too


@dataclass(frozen=True, slots=True)
class Covered:
    """A source up to `size` events: its signed `checkpoint` over them, with cosignatures, `keys` and `rotations` as in a proof file."""

    source: str
    size: int
    checkpoint: str
    keys: Sequence[str]
    rotations: Sequence[str]

    def told(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "source": self.source,
            "size": self.size,
            "checkpoint": self.checkpoint,
            "keys": list(self.keys),
            "rotations": list(self.rotations),
        }


@dataclass(kw_only=True)
class Export:
    """A file as it is written: `beginning`, then each event of each covered source in its order, as `entry` or `pass_over`, then `end`."""

    format: Format
    covered: Sequence[Covered]
    entries: int = 0
    _digest: Any = field(default_factory=sha256)
    _trees: dict[str, Forest] = field(default_factory=dict)
    _passed: dict[str, Forest] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for each in self.covered:
            self._trees[each.source], self._passed[each.source] = Forest(), Forest()

    def beginning(self) -> bytes:
        """Return what the file begins with."""
        return self._sent(csv_row(COLUMNS) if self.format == "csv" else b"")

    def pass_over(self, stored: StoredEvent) -> None:
        """Leave an event out."""
        self._passed[stored.source].add(1, leaf_hash(stored.hash))

    def entry(self, stored: StoredEvent, action: str, name: str | None) -> bytes:
        """Return the line of an entry."""
        self.entries += 1
        entry, passed = entry_of(stored, action, name), self._passed[stored.source]
        self._trees[stored.source].join(passed)
        self._trees[stored.source].add(1, leaf_hash(stored.hash))
        self._passed[stored.source] = Forest(stored.sequence)
        return self._sent(_csv_entry(entry) if self.format == "csv" else json_line(entry, passed, stored.wire()))

    def end(self, about: Mapping[str, Any], signer: Signer) -> bytes:
        """Return what the file ends with; `about` says who asked for what, and when. Raises ValueError when it is not what was signed."""
        for each in self.covered:
            whole = Forest(0, self._trees[each.source].nodes)
            whole.join(self._passed[each.source])
            if whole.end != each.size or whole.root() != Checkpoint.parse(open_note(each.checkpoint)[0]).root:
                raise ValueError(f"The events of {each.source} are not those that its checkpoint vouches for.")
        if self.format == "csv":
            last = b"".join(map(_csv_checkpoint, self.covered)) + _csv_about(about, self.entries)
        else:
            covered = [{**each.told(), "passed": nodes_of(self._passed[each.source])} for each in self.covered]
            last = orjson.dumps({"checkpoints": covered, "export": {**about, "entries": self.entries}}) + b"\n"
        sealed = self._sent(last)
        note = signer.sign(seal_of(self.format, self.entries, self._digest.digest()))
        return sealed + (csv_seal(note) if self.format == "csv" else json_seal(note))

    def _sent(self, part: bytes) -> bytes:
        self._digest.update(part)
        return part


def seal_of(format_: Format, entries: int, digest: bytes) -> str:
    """Return the text that a seal signs."""
    return f"{SEAL}\n{format_}\n{entries}\n{base64.b64encode(digest).decode()}\n"


def json_seal(note: str) -> bytes:
    """Return the last line of JSON."""
    return orjson.dumps({SEALED: note}) + b"\n"


def csv_seal(note: str, columns: Sequence[str] = COLUMNS) -> bytes:
    """Return the last row of CSV."""
    return _csv_special(SEALED, "", "", note, columns)


def csv_row(cells: Sequence[Any]) -> bytes:
    """Return a row as RFC 4180 wants it. What a spreadsheet would take for a formula gets an apostrophe in front and is text to it."""
    buffer = io.StringIO()
    csv.writer(buffer).writerow([_harmless(cell) for cell in cells])
    return buffer.getvalue().encode()


def _harmless(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def _csv_entry(entry: Mapping[str, Any]) -> bytes:
    entity, actor = entry["entity"], entry["actor"]
    before, after = (_json(entry[name]) for name in ("before", "after"))
    first = (entry[name] for name in ("id", "source", "sequence", "time", "action"))
    last = entry["hash"], entry["recorded_at"], _json(entry["imported"])
    return csv_row([*first, entity["type"], entity["id"], actor["kind"], actor["id"], actor["name"], before, after, *last])


def _csv_special(action: str, source: str, sequence: int | str, after: str, columns: Sequence[str] = COLUMNS) -> bytes:
    values: dict[str, Any] = {"source": source, "sequence": sequence, "action": action, "after": after}
    return csv_row([values.get(name, "") for name in columns])


def _csv_checkpoint(covered: Covered) -> bytes:
    return _csv_special(CHECKPOINT, covered.source, covered.size, _json(covered.told()))


def _csv_about(about: Mapping[str, Any], entries: int) -> bytes:
    return _csv_special(EXPORT, "", "", _json({**about, "entries": entries}))


def _json(value: Any) -> str:
    return "" if value is None else orjson.dumps(value).decode()
