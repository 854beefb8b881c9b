"""Verifying the file of an audit export offline, with nothing but the file and, at best, the keys of the stores."""

import csv
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from events.checkpoints import Checkpoint, verify_note
from events.cosignatures import Cosignature
from events.envelope import ZERO_HASH
from events.export_pieces import Pieces
from events.export_worker import check, loaded
from events.exported import Lines, Wrong, forest_of
from events.exports import CHECKPOINT, COLUMNS, EXPORT, FORMER_COLUMNS, SEALED, Format, csv_seal, json_seal, seal_of
from events.forest import Forest
from events.notes import open_note
from events.proofs import check_note
from events.walkers import Workers, cores

_BLOCK = 512 * 1024
"""Bytes that are looked at together: more would not stay in the processor's cache until they are hashed and checked."""
_LONGEST_LINE = 4 * 1024 * 1024
_TAIL = 4 * 1024 * 1024
"""Bytes at the end among which the last two lines are."""
_WORKER = "events.export_worker"
_WORTH_IT = 32 * 1024 * 1024
"""Bytes; a smaller file is read in less time than processes need to start."""
_LARGEST_CELL = 4 * 1024 * 1024
_SEALER = "/tickets"
"""Whose key seals: the desk's own, which gives exports."""
_SPECIAL = COLUMNS.index("after")
"""Where rows of CSV that are no entries say what they say: under `after`."""

Progress = Callable[[int, int], None]
"""Is told how far it is: (bytes done, bytes in all)."""


@dataclass(frozen=True, slots=True)
class Source:
    """A log that an export leads to: `key` signed its `checkpoint`, these witnesses cosigned it."""

    source: str
    checkpoint: Checkpoint
    key: str
    cosignatures: Sequence[Cosignature]


@dataclass(frozen=True, slots=True)
class Verified:
    """What an export proves. `about` says who asked for what, as the sealing key vouches.

    `chained` tells whether its entries were proved against their logs; in CSV, which has no events, only the seal vouches for them.
    """

    format: Format
    entries: int
    about: Mapping[str, Any]
    sources: Sequence[Source]
    key: str
    chained: bool


def verify_export(path: Path, pinned: Iterable[str] = (), progress: Progress | None = None, processes: int | None = None) -> Verified:
    """Return what an export proves, once all in it is proved.

    `pinned` are verifier keys that are known from elsewhere: with them every key in the file must be one of them, without them the file
    vouches for its own. Raises Wrong at the first line that is not what was exported, ValueError for what concerns the whole file, OSError.
    """
    trusted, tell = frozenset(pinned), progress or (lambda _done, _total: None)
    with path.open("rb") as file:
        if file.read(1) == b"{":
            return _verify_json(file, path, trusted, tell, processes)
        return _verify_csv(file, path, trusted, tell)


def _verify_json(file: BinaryIO, path: Path, trusted: frozenset[str], tell: Progress, processes: int | None) -> Verified:
    last_at, last, seal = _last_lines(file)
    digest, lines = sha256(), Lines()
    count = processes or (cores() if last_at >= _WORTH_IT else 1)
    for done, part, wrong in _parts(file, path, last_at, digest, count):
        before = lines.count
        lines.join(part)
        if wrong is not None:
            raise Wrong(before + wrong.line, wrong.reason)
        tell(done, last_at)
    try:
        told = orjson.loads(last)
        sources = [_check_source(each, lines, trusted) for each in told["checkpoints"]]
        about, entries = _about(told["export"]), told["export"]["entries"]
        note = orjson.loads(seal)[SEALED]
    except (KeyError, TypeError, AttributeError, orjson.JSONDecodeError) as error:
        raise ValueError("What covers the entries, in the last two lines, is not what was exported.") from error
    if strangers := set(lines.runs) - {each.source for each in sources}:
        raise ValueError(f"No checkpoint covers the entries of {', '.join(sorted(map(str, strangers)))}.")
    if json_seal(note) != seal or entries != lines.count:
        raise ValueError("The last two lines are not what was exported.")
    digest.update(last)
    return Verified("jsonl", lines.count, about, sources, _check_seal(note, "jsonl", lines.count, digest.digest(), sources), chained=True)


def _about(told: Any) -> Mapping[str, Any]:
    """Return who asked for what, and when, as an export says it. Raises TypeError or KeyError when it does not say so."""
    if not all(isinstance(text, str) for text in (told["time"], told["by"]["kind"], told["by"]["id"])) or not isinstance(
        told["filter"], dict
    ):
        raise TypeError(told)
    about: Mapping[str, Any] = told
    return about


def _last_lines(file: BinaryIO) -> tuple[int, bytes, bytes]:
    """Return where the last two lines begin, and both. Raises ValueError when the file is not whole."""
    size = file.seek(0, 2)
    file.seek(start := max(0, size - _TAIL))
    tail = file.read()
    seal_at = tail.rfind(b"\n", 0, -1) + 1
    last_at = tail.rfind(b"\n", 0, max(0, seal_at - 1)) + 1
    if not tail.endswith(b"\n") or not tail.startswith(b'{"seal":', seal_at) or not tail.startswith(b'{"checkpoints":', last_at):
        raise ValueError("The file is not whole: an export ends in what covers it, and in its seal.")
    return start + last_at, tail[last_at:seal_at], tail[seal_at:]


def _parts(file: BinaryIO, path: Path, end: int, digest: Any, count: int) -> Iterator[tuple[int, Lines, Wrong | None]]:
    """Yield what was found up to each place in the file, in order. The digest takes in all that was read."""
    pieces = Pieces()
    if count == 1:
        for offset, length, block in _blocks(file, end, digest):
            yield offset + length, *check(block, pieces)
        return
    ends: deque[tuple[int, int]] = deque()
    block = b""

    def works() -> Iterator[tuple[str, int, int]]:
        nonlocal block
        for offset, length, read in _blocks(file, end, digest):
            block = read
            ends.append((offset, length))
            yield str(path.absolute()), offset, length

    with Workers(_WORKER, count - 1) as workers, path.open("rb") as again:
        for found in workers.results(works(), lambda _work: check(block, pieces)):  # it is asked for the last one that was read
            offset, length = ends.popleft()
            if found is None:  # whoever had it has died
                again.seek(offset)
                yield offset + length, *check(again.read(length), pieces)
            else:
                yield offset + length, *(found if isinstance(found, tuple) else loaded(found))


def _blocks(file: BinaryIO, end: int, digest: Any) -> Iterator[tuple[int, int, bytes]]:
    """Cut the file into parts of whole lines, up to `end`: (where, how long, what). Behind a part may stand the beginning of a line."""
    at, most = 0, _BLOCK
    while at < end:
        file.seek(at)
        block = file.read(min(most, end - at))
        whole = block.rfind(b"\n") + 1
        if whole:
            digest.update(memoryview(block)[:whole])
            yield at, whole, block
            at, most = at + whole, _BLOCK
        elif most < _LONGEST_LINE:
            most *= 2
        else:
            raise ValueError(f"What stands at byte {at} is not the line of an entry: it does not end.")


def _check_source(told: Mapping[str, Any], lines: Lines, trusted: frozenset[str]) -> Source:
    """Check that what the file has of a source leads to its signed checkpoint. Raises ValueError when it does not."""
    source = _check_covered(told, trusted)
    run, whole = lines.runs.get(source.source), Forest()
    if run is not None:
        if run.forest.first == 0 and run.prevhash not in (None, ZERO_HASH.encode()):
            raise ValueError(f"The first event of {source.source} does not begin its chain.")
        whole.join(run.forest)
    nodes = told["passed"]
    whole.join(forest_of(whole.end + sum(width for width, _ in nodes), nodes))
    if whole.end != source.checkpoint.size or whole.root() != source.checkpoint.root:
        raise ValueError(f"The events of {source.source} do not lead to its signed checkpoint.")
    return source


def _check_covered(told: Mapping[str, Any], trusted: frozenset[str]) -> Source:
    checkpoint, keys, cosignatures = check_note(told)
    if not checkpoint.origin.startswith(f"ste{told['source']}/") or checkpoint.size != told["size"]:
        raise ValueError(f"The checkpoint of {told['source']} is that of another log or of another size.")
    if trusted and not trusted & set(keys):
        raise ValueError(f"The checkpoint of {told['source']} is signed by a key that you did not name: {keys[-1]}.")
    return Source(told["source"], checkpoint, keys[-1], cosignatures)


def _check_seal(note: str, format_: Format, entries: int, digest: bytes, sources: Sequence[Source]) -> str:
    """Return the key that sealed the file. Raises ValueError when it is not what was sealed."""
    key = next((each.key for each in sources if each.source == _SEALER), None)
    if key is None:
        raise ValueError("The file does not say with which key it was sealed.")
    body = verify_note(note, [key])
    if len(open_note(note)[1]) != 1 or body != seal_of(format_, entries, digest):
        raise ValueError("The file is not what was sealed: something in it was changed, added or left out.")
    return key


def _verify_csv(file: BinaryIO, path: Path, trusted: frozenset[str], tell: Progress) -> Verified:
    """A file in CSV has no events: its seal vouches for its rows, and its checkpoints only for themselves."""
    size = file.seek(0, 2)
    sealed, last = _csv_seal_at(file, size)
    digest = sha256()
    file.seek(0)
    for at in range(0, sealed, _BLOCK):
        digest.update(file.read(min(_BLOCK, sealed - at)))
        tell(min(at + _BLOCK, sealed), sealed)
    columns, entries, special = _csv_rows(path)
    try:
        note = special[SEALED][0]
        sources = [_check_covered(orjson.loads(each), trusted) for each in special[CHECKPOINT]]
        about = _about(orjson.loads(special[EXPORT][0]))
    except (KeyError, IndexError, TypeError, orjson.JSONDecodeError) as error:
        raise ValueError("The last rows are not what was exported.") from error
    if csv_seal(note, columns) != last:
        raise ValueError("The last row is not what was exported.")
    return Verified("csv", entries, about, sources, _check_seal(note, "csv", entries, digest.digest(), sources), chained=False)


def _csv_seal_at(file: BinaryIO, size: int) -> tuple[int, bytes]:
    file.seek(start := max(0, size - _TAIL))
    tail, begins = file.read(), csv_seal("").partition(b"seal")[0] + b"seal"
    at = tail.rfind(b"\r\n" + begins) + 2
    if at == 1:
        raise ValueError("The file is not whole: an export ends in its seal.")
    return start + at, tail[at:]


def _csv_rows(path: Path) -> tuple[Sequence[str], int, dict[str, list[str]]]:
    """Return the columns, how many entries there are, and what the rows say that are none. Raises ValueError for another file."""
    entries, special, limit = 0, dict[str, list[str]](), csv.field_size_limit(_LARGEST_CELL)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file, strict=True)
            columns = tuple(next(rows, []))
            if columns not in (COLUMNS, FORMER_COLUMNS):
                raise ValueError("This is not an audit export.")
            for row in rows:
                if row[0]:
                    entries += 1
                else:
                    special.setdefault(row[4], []).append(row[_SPECIAL])
    except (csv.Error, IndexError, UnicodeDecodeError) as error:
        raise ValueError("This is not an audit export.") from error
    finally:
        csv.field_size_limit(limit)
    return columns, entries, special
