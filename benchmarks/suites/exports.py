"""An audit export of a whole log: written as it is sent, and verified from its file with nothing but the file."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.course import Course
from benchmarks.figure import Bar, Figure, Measured
from benchmarks.inside import store_of, tickets_inside
from benchmarks.work import Work
from events.checkpoints import Signer
from events.entries import action_of
from events.export_files import verify_export
from events.exports import Covered, Export
from events.proving import checkpoints
from events.store import Store, read_log

GROUP = "log"
_PAGE = 500
_ABOUT = {"time": "2026-01-01T00:00:00.000000Z", "by": {"kind": "system", "id": "operator"}, "filter": {"format": "jsonl"}}


def measure(bench: Bench) -> Iterator[Measured]:
    """Entries, chain, digests, tree, checkpoints, seal. Raises ValueError when the export is not what was exported."""
    dataset, file = bench.dataset, bench.scratch / "audit.jsonl"
    signer = asyncio.run(_signer(dataset.directory))
    written, verified, work = [], [], Work()
    entries = 0
    for number in range(1, bench.scale.rounds + 1):
        bench.say(f"round {number}: exporting, and verifying that")
        store = store_of(dataset.directory)
        try:
            course = Course()
            entries = _write(store, signer, file)
            written.append(entries / course.seconds)
        finally:
            store.close()
        course = Course()
        with work:
            found = verify_export(file)
        verified.append(found.entries / course.seconds)
    size = file.stat().st_size / 2**20
    file.unlink()
    note = f"{entries:,} entries, {size:,.0f} MiB of JSON lines"
    yield Figure(name="export", group=GROUP, what="audit export, made", unit="events/s", rounds=written, note=f"{note}, in one thread")
    spent = f"{work.seconds / bench.scale.rounds / entries * 1e6:.1f} µs of processor time each"
    bar = Bar(of="value", least=200_000)
    what = "verify of an export"
    yield Figure(name="verify.export", group=GROUP, what=what, unit="events/s", rounds=verified, bar=bar, note=f"{note}; {spent}")


async def _signer(directory: Path) -> Signer:
    async with tickets_inside(directory) as live:
        return live.signer


def _write(store: Store, signer: Signer, file: Path) -> int:
    """Write the export of all events that the last checkpoint is over, and return how many they are."""
    with store.read() as connection:
        last = checkpoints(connection, 0, 1)[0]
    export = Export(format="jsonl", covered=[Covered("/tickets", last.size, last.note, [signer.public_key], [])])
    with file.open("wb") as out:
        out.write(export.beginning())
        for after in range(0, last.size, _PAGE):
            with store.read() as connection:
                page = read_log(connection, after, min(_PAGE, last.size - after))
            out.writelines(export.entry(stored, action_of(stored.type) or "", "Somebody") for stored in page)
        out.write(export.end(_ABOUT, signer))
    return export.entries
