"""Writing a store's file anew, and making an audit export, take no more memory of their process for a large store than for a small one."""

from pathlib import Path

import pytest

from events.exports import Covered, Export
from events.rewriting import rewrite, truncate_log
from events.store import Store, read_log
from tests.support.exports import ABOUT
from tests.support.logs import SIGNER, SOURCE, Disk, Log
from tests.support.peaks import peak_of

pytestmark = pytest.mark.timeout(600)

SIZES = 400, 3_200
"""Events of 16 kB: 6 and 50 MB on the disk."""
_PAGE = 100
_CACHE = 32 * 2**20
"""What the writer keeps of any file at most; the small store does not fill it."""


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A small store, and one of eight times as many events."""
    made = []
    for size in SIZES:
        path = tmp_path_factory.mktemp("peaks") / "tickets.sqlite3"
        log = Log()
        for number in range(size):
            log.add(f"ticket/{number % 50}", personal={"body": f"{number} " * 4_000})
        log.sign()
        disk = Disk(path)
        log.write(disk.engine)
        disk.engine.dispose()
        made.append(path)
    assert made[1].stat().st_size > 40 * 2**20
    return made


def write_anew(path: str) -> None:
    store = Store(f"sqlite:///{path}")
    assert rewrite(store, insist=True)
    assert truncate_log(store)
    store.close()


def make_export(path: str) -> None:
    store, made = Store(f"sqlite:///{path}"), 0
    with store.read() as connection:
        [(size, note)] = connection.exec_driver_sql("SELECT size, note FROM checkpoints").fetchall()
    export = Export(format="jsonl", covered=[Covered(SOURCE, size, note, [SIGNER.public_key], [])])
    with Path(f"{path}.jsonl").open("wb") as file:
        for after in range(0, size, _PAGE):
            with store.read() as connection:
                for stored in read_log(connection, after, _PAGE):
                    made += file.write(export.entry(stored, "ticket_status_changed", "Somebody"))
        file.write(export.end(ABOUT, SIGNER))
    assert made > 15_000 * size
    store.close()


@pytest.mark.parametrize("work", [write_anew.__name__, make_export.__name__])
def test_memory_does_not_grow_with_the_store(stores: list[Path], work: str) -> None:
    few, many = (peak_of(__name__, work, path) for path in stores)
    assert many - few < _CACHE + 8 * 2**20, "All of the store would be 54 MB more; VACUUM takes 84 MB more."
