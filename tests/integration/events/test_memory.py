"""Verifying takes no more memory for a long log, or a large file, than for a small one."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from events import export_files
from events.export_files import verify_export
from events.exports import Covered, Export
from events.verify import verify_store
from tests.support.exports import ABOUT
from tests.support.logs import SIGNER, SOURCE, Disk, Log

SIZES = 1_500, 6_500
"""Events: more than a few reads, and four times as many."""


def peak(work: Callable[[], object]) -> int:
    """Return how many bytes more were in use at once."""
    work()  # what is made once is there already
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def log(events: int) -> Log:
    made = Log()
    for number in range(1, events + 1):
        made.add(f"ticket/{number % 50}", personal={"body": "x" * 200})
        if number % 1_000 == 0:
            made.sign()
    made.sign()
    return made


@pytest.mark.timeout(300)
def test_of_a_log(tmp_path: Path) -> None:
    peaks = []
    for size in SIZES:
        disk = Disk(tmp_path / f"{size}.sqlite3")
        log(size).write(disk.engine)

        def verify(disk: Disk = disk) -> None:
            assert verify_store(disk.connect, source=SOURCE, public_keys=[SIGNER.public_key], seen={}).ok

        peaks.append(peak(verify))
        disk.engine.dispose()
    assert peaks[1] < 1.5 * peaks[0] + 100_000, peaks


@pytest.mark.timeout(300)
def test_of_an_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_files, "_BLOCK", 64 * 1024)
    monkeypatch.setattr(export_files, "_TAIL", 64 * 1024)
    peaks = []
    for size in SIZES:
        made, file = log(size), tmp_path / f"{size}.jsonl"
        export = Export(format="jsonl", covered=[Covered(SOURCE, size, made.notes[-1][1], [SIGNER.public_key], [])])
        lines = [export.entry(stored, "ticket_status_changed", "Somebody") for stored in made.events]
        file.write_bytes(b"".join([*lines, export.end(ABOUT, SIGNER)]))
        peaks.append(peak(lambda file=file: verify_export(file)))  # type: ignore[misc]
    assert peaks[1] < 1.5 * peaks[0] + 100_000, peaks
