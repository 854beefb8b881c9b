"""A small incident log goes through a real desk, and the desk agrees with the file; a desk that does not is found out."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.client import Desk as Client
from benchmarks.incident_compare import Comparison
from benchmarks.incident_file import write_log
from benchmarks.incident_log import Row, read_log
from benchmarks.incident_play import Play
from tests.support.desk import DEMO_PASSWORD, Desk


class Silent:
    """Shows nothing, and counts."""

    def __init__(self) -> None:
        self.steps: dict[str, int] = {}
        self.totals: dict[str, int] = {}

    def begin(self, what: str, total: int) -> Callable[[], None]:
        self.totals[what] = total
        self.steps[what] = 0

        def step() -> None:
            self.steps[what] += 1

        return step


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with Desk(tmp_path_factory.mktemp("desk")) as running:
        yield running


@pytest.fixture
def rows(tmp_path: Path) -> list[Row]:
    write_log(tmp_path / "log.csv", incidents=12, people=3, seed=5)
    return read_log(tmp_path / "log.csv")


async def played(client: Client, rows: list[Row], progress: Silent) -> Play:
    play = Play(client, await client.sign_in("admina@example.com", DEMO_PASSWORD), rows, progress, concurrency=8)
    await play.open_accounts()
    await play.play()
    return play


async def differences(comparison: Comparison) -> list[str]:
    return [
        *await comparison.tickets(),
        *await comparison.audit(),
        *await comparison.inboxes(patience=20),
        *await comparison.stores(patience=60),
    ]


def test_a_log_goes_through_and_the_desk_agrees_with_it(desk: Desk, rows: list[Row]) -> None:
    async def run() -> None:
        progress = Silent()
        async with Client(desk.url) as client:
            play = await played(client, rows, progress)
            assert play.done["create"] == 12
            assert play.done["status"] == len(rows)
            comparison = Comparison.of(play)
            assert comparison.truth.notifications > 0
            assert await differences(comparison) == []
        assert progress.steps == progress.totals

    asyncio.run(run())


def test_what_differs_is_told(desk: Desk, rows: list[Row]) -> None:
    async def run() -> None:
        async with Client(desk.url) as client:
            play = await played(client, rows, Silent())
            first = rows[0].incident
            ticket = f"/api/tickets/{play.tickets[first]}"
            await client.ask("PUT", f"{ticket}/status", play.admin, {"status": "in_progress"})  # the file knows nothing of it
            comparison = Comparison.of(replace(play))
            found = [*await comparison.tickets(), *await comparison.audit(), *await comparison.inboxes(patience=20)]
        assert any(line.startswith(f"{first}: status is 'in_progress'") for line in found)
        assert any("ticket_status_changed" in line and line.startswith("The audit list") for line in found)
        assert any(line.startswith(f"{rows[0].caller} has heard 1 x ticket.status_changed of {first}") for line in found)

    asyncio.run(run())
