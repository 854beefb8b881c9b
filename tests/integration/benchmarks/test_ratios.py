"""A guard on what things cost, by ratios within one run: the machine may be slow or busy, and both sides are.

The margins are wide: they are for a change that costs a multiple, not for one that costs a tenth. The figures are those of `make bench`.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path

import pytest

from benchmarks.bench import plain_server, sign_in
from benchmarks.desk import RunningDesk, running_desk
from benchmarks.limits import raw_sqlite
from benchmarks.load import Load, generate
from benchmarks.logs import SOURCE, Log, log
from benchmarks.suites.rates import BODY
from events.store import read_log
from events.verify import verify_store

ROUNDS = 3
SECONDS = 0.5
MANY, APPENDERS, ONE = 640, 64, 80


def best_of_rounds(ratio: Callable[[], float]) -> float:
    """Return the best: what else runs can only take away, and from the many processes of a desk more than from one."""
    return max(ratio() for _ in range(ROUNDS))


async def append_rate(own: Log, count: int, appenders: int) -> float:
    began = time.perf_counter()
    await own.append(count, appenders)
    return count / (time.perf_counter() - began)


async def test_appenders_share_their_syncs(tmp_path: Path) -> None:
    """64 at once are several times as fast as one, and keep up with SQLite alone, which syncs each."""
    grouped, against_raw = [], []
    with raw_sqlite(tmp_path / "raw.sqlite3") as raw:
        async with log(tmp_path / "log.sqlite3") as own:
            await own.append(MANY, APPENDERS)  # statements are compiled at their first use
            wires = own.wires(ONE)
            for _ in range(ROUNDS):
                many = await append_rate(own, MANY, APPENDERS)
                grouped.append(many / await append_rate(own, ONE, 1))
                against_raw.append(many / raw.rate(wires, 1))
    assert max(grouped) >= 3
    assert max(against_raw) >= 0.25


async def test_verifying_costs_a_few_times_the_hashing(tmp_path: Path) -> None:
    async with log(tmp_path / "log.sqlite3") as own:
        await own.append(3_000, APPENDERS)
        with own.store.read() as connection:
            events = read_log(connection, 0, 3_000)

        def ratio() -> float:
            began = time.perf_counter()
            report = verify_store(own.store.read, source=SOURCE, public_keys=[own.public_key], seen={})
            verifying = time.perf_counter() - began
            assert report.ok
            began, last = time.perf_counter(), b""
            for event in events:
                last = sha256(last + event.head).digest()
                sha256(event.data).digest()
                sha256(event.personal or b"").digest()
                sha256(last).digest()
            return (time.perf_counter() - began) / verifying

        assert best_of_rounds(ratio) >= 0.05


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[RunningDesk, str]]:
    with ExitStack() as stack:
        yield stack.enter_context(running_desk(STE_UNSAFE_BCRYPT_COST="4")), stack.enter_context(plain_server())


@pytest.mark.parametrize(("path", "body", "least"), [("", BODY, 0.08), ("/1", None, 0.4)], ids=["creation", "reading"])
def test_the_desk_keeps_its_share_of_what_the_framework_does(
    servers: tuple[RunningDesk, str], path: str, body: str | None, least: float
) -> None:
    desk, plain = servers
    admin = asyncio.run(sign_in(desk))
    headers = {"Cookie": admin.cookie, "Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}

    def rate(base: str, path: str, body: str | None, seconds: float = SECONDS) -> float:
        outcome = asyncio.run(generate(Load(url=f"{base}/api/tickets{path}", headers=headers, body=body, connections=16, seconds=seconds)))
        assert outcome.failed == 0
        return outcome.rate

    straight = f"http://127.0.0.1:{desk.ports['tickets']}"
    rate(straight, "", BODY, 0.1)  # there is a ticket to be read
    assert best_of_rounds(lambda: rate(straight, path, body) / rate(plain, path, body)) >= least
