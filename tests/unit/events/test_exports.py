"""The file of an audit export proves what it holds, and nothing in it can be changed."""

import csv
import io
import json
import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events import export_files
from events.checkpoints import Signer
from events.envelope import StoredEvent
from events.export_files import verify_export
from events.export_pieces import Pieces
from events.export_runs import Run
from events.exported import Found, Lines, Wrong, by_values
from events.exports import FORMER_COLUMNS, Covered, Export, csv_row, csv_seal, json_seal, seal_of
from tests.support.exports import ABOUT, SIGNERS, exported, logs
from tests.support.logs import Log

JSONL, CSV = exported("jsonl"), exported("csv")
FILTERED = exported("jsonl", lambda stored: stored.sequence % 3 == 1, signed_beyond=5)
WHOLE = {"jsonl": JSONL, "csv": CSV, "filtered": FILTERED}


def strange() -> bytes:
    """An export of what is nested, listed, null, or written with the marks that lines are cut at."""
    log, both = Log(), {"after": {"status": "resolved"}, "before": {"status": "open"}}
    facts: list[Mapping[str, Any]] = [
        both,
        both | {"assignee": None, "requester": "r"},
        both | {"before": None},
        {"after": {"a": {"before": {}}, "before": {"b": 1}}, "before": {"c": [{}]}},
        {"after": {"status": "}"}, "before": {"status": '{"before":{'}},
        {"after": {"status": 'x","before":{'}, "before": {"status": "é\\"}},
        {"fields": ["[],", '[],"event":{"head":']},
        {},
    ]
    for number, data in enumerate(facts):
        for type_ in ("ticket.status_changed", "ticket.created", "ticket.edited"):
            personal = {"title": ',"personal":{}'} if type_ == "ticket.created" and number % 2 else None
            kind, actor = "system" if number == 1 else "user", "a}" if number == 7 else f"a{number}"
            log.add(f"ticket/{number}", type_, data, personal, actorkind=kind, actorid=actor)
    log.add("login/abc", "user.login_failed", {"reason": "[]"}, {"address": "a"}, actorid='"quoted"')
    log.sign(SIGNERS["/tickets"])
    size, note = log.notes[-1]
    export = Export(format="jsonl", covered=[Covered("/tickets", size, note, [SIGNERS["/tickets"].public_key], [])])
    entries = [export.entry(stored, stored.type.replace(".", "_"), '"}],') for stored in log.events]
    return b"".join([*entries, export.end(ABOUT, SIGNERS["/tickets"])])


def verified(directory: Path, content: bytes) -> tuple[int, bool]:
    path = directory / "export"
    path.write_bytes(content)
    found = verify_export(path)
    return found.entries, found.chained


def test_a_whole_export_is_proved(tmp_path: Path) -> None:
    count = sum(len(log.events) for log in logs().values())
    assert verified(tmp_path, JSONL) == (count, True)
    assert verified(tmp_path, CSV) == (count, False)
    assert verified(tmp_path, strange()) == (25, True)


@pytest.mark.parametrize("beyond", [0, 1, 5, 40])
@pytest.mark.parametrize(
    "wanted",
    [lambda _: False, lambda stored: stored.sequence == 1, lambda stored: stored.sequence > 6, lambda stored: stored.sequence % 2 == 0],
    ids=["nothing", "the first", "the last", "each other"],
)
def test_whatever_is_filtered_out_the_rest_leads_to_the_roots(tmp_path: Path, wanted: Callable[[StoredEvent], bool], beyond: int) -> None:
    entries, chained = verified(tmp_path, exported("jsonl", wanted, beyond))
    assert (entries, chained) == (sum(wanted(stored) for log in logs().values() for stored in log.events), True)


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(which=st.sampled_from(sorted(WHOLE)), at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_change_of_any_bit_is_found(tmp_path: Path, which: str, at: float, bit: int) -> None:
    changed = bytearray(WHOLE[which])
    changed[int(at * len(changed))] ^= 1 << bit
    with pytest.raises((Wrong, ValueError)):
        verified(tmp_path, bytes(changed))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(which=st.sampled_from(sorted(WHOLE)), start=st.floats(0, 1), length=st.integers(1, 3000))
def test_a_piece_that_is_cut_out_is_missed(tmp_path: Path, which: str, start: float, length: int) -> None:
    content = WHOLE[which]
    at = min(int(start * len(content)), len(content) - 1)
    with pytest.raises((Wrong, ValueError)):
        verified(tmp_path, content[:at] + content[at + length :])


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(which=st.sampled_from(["jsonl", "filtered"]), one=st.integers(0, 30), other=st.integers(0, 30))
def test_lines_that_changed_places_are_found(tmp_path: Path, which: str, one: int, other: int) -> None:
    lines = WHOLE[which].splitlines(keepends=True)
    one, other = one % len(lines), other % len(lines)
    if one == other:
        return
    lines[one], lines[other] = lines[other], lines[one]
    with pytest.raises((Wrong, ValueError)):
        verified(tmp_path, b"".join(lines))


def test_a_line_that_was_changed_and_sealed_again_is_found_by_its_event(tmp_path: Path) -> None:
    """Whoever has the sealing key can still not make entries say what their events do not, nor events what was not signed."""
    *lines, last, _ = JSONL.splitlines(keepends=True)
    number = next(n for n, line in enumerate(lines) if b'"priority":"high"' in line)
    for was, now in ((b'"priority":"high"', b'"priority":"low"'), (b'"kind":"user"', b'"kind":"token"'), (b'"passed":[]', b'"passed":[ ]')):
        forged = [*lines[:number], lines[number].replace(was, now, 1), *lines[number + 1 :], last]
        with pytest.raises(Wrong) as found:
            verified(tmp_path, b"".join([*forged, sealed(forged, len(lines))]))
        assert found.value.line == number + 1


def test_a_line_that_was_left_out_and_sealed_again_is_found_by_the_chain_or_the_root(tmp_path: Path) -> None:
    *lines, last, _ = JSONL.splitlines(keepends=True)
    for number in range(len(lines)):
        forged = [*lines[:number], *lines[number + 1 :], last.replace(b'"entries":%d' % len(lines), b'"entries":%d' % (len(lines) - 1))]
        with pytest.raises((Wrong, ValueError), match=r"follow|lead to its signed checkpoint"):
            verified(tmp_path, b"".join([*forged, sealed(forged, len(lines) - 1)]))


def test_imported_history_is_told_from_what_happened_here(tmp_path: Path) -> None:
    imported = next(json.loads(line) for line in JSONL.splitlines() if b'"user_password_changed"' in line)
    happened = next(json.loads(line) for line in JSONL.splitlines() if b'"ticket_edited"' in line)
    for entry, told in ((imported, True), (happened, False)):
        head = entry["event"]["head"]
        assert (entry["time"], entry["recorded_at"], entry["imported"]) == (head["time"], head["recordedtime"], told)
    assert imported["time"] < "2017" < imported["recorded_at"]
    rows = list(csv.DictReader(io.StringIO(CSV.decode(), newline="")))
    told_of = {(row["source"], row["sequence"]): (row["recorded_at"], row["imported"]) for row in rows if row["id"]}
    assert told_of["/auth", str(imported["sequence"])] == (imported["recorded_at"], "true")
    assert told_of["/tickets", str(happened["sequence"])] == (happened["recorded_at"], "false")


@pytest.mark.parametrize(
    ("was", "now"), [(b'"imported":true', b'"imported":false'), (b'"recorded_at":"2026', b'"recorded_at":"2025')], ids=["whether", "when"]
)
def test_what_is_said_of_an_import_is_proved_by_its_event(tmp_path: Path, was: bytes, now: bytes) -> None:
    *lines, last, _ = JSONL.splitlines(keepends=True)
    number = next(n for n, line in enumerate(lines) if was in line and b'"imported":true' in line)
    forged = [*lines[:number], lines[number].replace(was, now, 1), *lines[number + 1 :], last]
    with pytest.raises(Wrong, match=f"Line {number + 1}: The entry does not say what its event says"):
        verified(tmp_path, b"".join([*forged, sealed(forged, len(lines))]))


def test_what_was_exported_before_entries_told_of_imports_is_still_proved(tmp_path: Path) -> None:
    """Who keeps files for ten years has some of earlier versions."""
    *lines, last, _ = JSONL.splitlines(keepends=True)
    former = [re.sub(rb'"recorded_at":"[^"]*","imported":(true|false),', b"", line, count=1) for line in lines]
    assert not any(b"recorded_at" in line for line in former)
    assert verified(tmp_path, b"".join([*former, last, sealed([*former, last], len(lines))])) == (len(lines), True)

    rows = list(csv.reader(io.StringIO(CSV.decode(), newline="")))[:-1]
    table = b"".join(csv_row(row[:-2]) for row in rows)
    note = SIGNERS["/tickets"].sign(seal_of("csv", len(lines), sha256(table).digest()))
    assert verified(tmp_path, table + csv_seal(note, FORMER_COLUMNS)) == (len(lines), False)
    with pytest.raises(ValueError, match="The last row is not what was exported"):
        verified(tmp_path, table + csv_seal(note))


def sealed(lines: list[bytes], entries: int) -> bytes:
    return json_seal(SIGNERS["/tickets"].sign(seal_of("jsonl", entries, sha256(b"".join(lines)).digest())))


def test_a_stranger_cannot_seal(tmp_path: Path) -> None:
    *lines, _ = JSONL.splitlines(keepends=True)
    note = Signer(b"\x09" * 32, "ste-tickets").sign(seal_of("jsonl", len(lines) - 1, sha256(b"".join(lines)).digest()))
    with pytest.raises(ValueError, match="None of the known keys"):
        verified(tmp_path, b"".join([*lines, json_seal(note)]))


def test_an_export_of_what_was_not_signed_gets_no_seal() -> None:
    log = logs()["/tickets"]
    log.sign(SIGNERS["/tickets"])
    size, note = log.notes[-1]
    export = Export(format="jsonl", covered=[Covered("/tickets", size, note, [SIGNERS["/tickets"].public_key], [])])
    export.beginning()
    for stored in log.events[:-1]:
        export.entry(stored, "x", None)
    with pytest.raises(ValueError, match="not those that its checkpoint vouches for"):
        export.end(ABOUT, SIGNERS["/tickets"])


ENTRIES = [line for content in (JSONL, FILTERED, strange()) for line in content.splitlines(keepends=True)[:-2]]


def before(line: bytes) -> dict[str, Run]:
    """What was there before a line."""
    event = json.loads(line)["event"]
    return {event["head"]["source"]: Run(event["head"]["sequence"] - 1, event["prevhash"].encode())}


def found_by_pieces(line: bytes, runs: dict[str, Run], like: bytes = b"") -> Found | None:
    """Check a line by pieces, where it stands between others, knowing one that it is like; itself, if it is not said."""
    pieces, block, at = Pieces(), b"".join([ENTRIES[0], line, b"{}\n"]), len(ENTRIES[0])
    pieces.learn(ENTRIES[0] + (like or line), at, at + len(like or line))
    at, count = pieces.take(block, at, runs)
    if count == 0:
        return None
    assert (at, count) == (len(ENTRIES[0]) + len(line), 1)
    ((source, run),) = runs.items()
    return source, run.end, b"", run.hash, run.leaves[-1], None


def found_by_values(line: bytes) -> Found:
    source, sequence, _prevhash, hash_, leaf, passed = by_values(line)
    return source, sequence, b"", hash_, leaf, passed


def test_lines_checked_by_pieces_and_by_values_say_the_same() -> None:
    found = [(each, found_by_values(line)) for line in ENTRIES if (each := found_by_pieces(line, before(line))) is not None]
    assert 20 < len(found) < len(ENTRIES) - 10
    assert all(each == values for each, values in found)


def test_the_first_line_of_a_source_says_itself_what_it_follows_from() -> None:
    for line in ENTRIES:
        if found_by_pieces(line, before(line)) is not None:
            runs: dict[str, Run] = {}
            assert found_by_pieces(line, runs) == found_by_values(line)
            ((source, run),) = runs.items()
            assert run.prevhash == before(line)[source].hash


@settings(max_examples=1200, deadline=None)
@given(line=st.sampled_from(ENTRIES), at=st.floats(0, 1, exclude_max=True), to=st.integers(0, 255), began=st.booleans())
def test_a_line_that_fits_by_pieces_would_fit_by_values(line: bytes, at: float, to: int, began: bool) -> None:
    place = int(at * len(line))
    changed = line[:place] + bytes([to]) + line[place + 1 :]
    found = found_by_pieces(changed, before(line) if began else {}, line)
    assert found is None or found == found_by_values(changed)
    assert found is None or changed == line


def test_lines_that_were_checked_in_parts_are_the_whole() -> None:
    lines = FILTERED.splitlines(keepends=True)[:-2]
    for cut in range(len(lines) + 1):
        first, second, whole = Lines(), Lines(), Lines()
        first.take(b"".join(lines[:cut]))
        second.take(b"".join(lines[cut:]))
        whole.take(b"".join(lines))
        first.join(second)
        assert first.count == whole.count
        assert {source: run.dump() for source, run in first.runs.items()} == {source: run.dump() for source, run in whole.runs.items()}


@pytest.mark.parametrize("processes", [2, 4])
def test_several_processes_say_what_one_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int) -> None:
    monkeypatch.setattr(export_files, "_BLOCK", 4_000)
    path = tmp_path / "export"
    path.write_bytes(FILTERED)
    assert verify_export(path, processes=processes) == verify_export(path, processes=1)
    lines = FILTERED.splitlines(keepends=True)
    for number in (0, len(lines) // 2, len(lines) - 3):
        path.write_bytes(b"".join([*lines[:number], lines[number].replace(b"user", b"abba"), *lines[number + 1 :]]))
        with pytest.raises(Wrong) as found:
            verify_export(path, processes=processes)
        assert found.value.line == number + 1


def test_what_a_process_does_not_check_is_checked_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_files, "_BLOCK", 4_000)
    monkeypatch.setattr(export_files, "_WORKER", "events.export_lines")  # it ends at once
    path = tmp_path / "export"
    path.write_bytes(FILTERED)
    assert verify_export(path, processes=3) == verify_export(path, processes=1)


def test_a_line_longer_than_a_block_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_files, "_BLOCK", 100)
    assert verified(tmp_path, JSONL) == (len(JSONL.splitlines()) - 2, True)
    monkeypatch.setattr(export_files, "_LONGEST_LINE", 200)
    with pytest.raises(ValueError, match="it does not end"):
        verified(tmp_path, JSONL)


def test_no_cell_begins_as_a_formula_does() -> None:
    for cell in ("=1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "\uff1d1"):
        assert csv_row([cell, "a"]).decode().lstrip('"').startswith("'")
    assert csv_row(["a=1", 'say "x"', 7, None]) == b'a=1,"say ""x""",7,\r\n'


def test_an_entry_is_what_the_audit_list_shows() -> None:
    line = next(line for line in JSONL.splitlines() if b'"ticket_edited"' in line)
    entry = json.loads(line)
    assert list(entry) == [
        "id", "source", "sequence", "time", "recorded_at", "imported", "action", "entity", "actor", "before", "after", "hash", "passed",
        "event",
    ]  # fmt: skip
    assert (entry["before"], entry["after"]) == ({"title": "a"}, {"title": "b"})
