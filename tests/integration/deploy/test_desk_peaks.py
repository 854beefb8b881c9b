"""A desk of three times the words is backed up, exported, restored and imported in the memory that the small one takes."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

from chassis.offline import offline
from chassis.settings import Settings
from deploy.backups.exporting import export
from deploy.backups.importing import import_desk
from deploy.backups.making import backup
from deploy.backups.restoring import restore
from deploy.backups.services import all_declared
from events.decider import Context
from events.envelope import Actor
from events.environment import real_environment
from tests.support.peaks import peak_of
from tickets.units import Open

pytestmark = pytest.mark.timeout(900)

SIZES = 3_000, 9_000
"""Tickets of 8 kB: 24 and 72 MB of words, of which a store of tickets has more than one copy. The smaller fills every chunk there is."""
_WORDS = "The printer on the third floor burns again. "
_ROOM = (32 + 16) * 2**20
"""What the writer keeps of any file at most, and half as much again: less than what there is more to be told of."""


@dataclass(frozen=True)
class _Person:
    id: str
    is_admin: bool = False


async def _make(settings: Settings, size: int) -> None:
    for name, declared in all_declared().items():
        async with offline(declared.service, settings) as live:
            if name == "tickets":
                environment = real_environment()
                anna = _Person(environment.new_id())
                context = Context(actor=Actor(kind="user", id=anna.id), at=environment.now())
                body = _WORDS * (8_000 // len(_WORDS))
                for _ in range(size // 50):
                    units = [Open(title="Fire", body=body, priority="high", by=anna, context=context) for _ in range(50)]
                    await asyncio.gather(*map(live.writer.execute, units))


@pytest.fixture(scope="module")
def desks(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Directories with a desk in each, in `var`; the second is the large one."""
    made = []
    for size in SIZES:
        directory = tmp_path_factory.mktemp("desk")
        (directory / "var").mkdir()
        asyncio.run(_make(Settings(data_dir=directory / "var"), size))
        made.append(directory)
    return made


def back_up(directory: str) -> None:
    backup(Settings(data_dir=Path(directory, "var")), Path(directory, "backup"), print)


def write_out(directory: str) -> None:
    export(Settings(data_dir=Path(directory, "var")), Path(directory, "text"), print, primary=True)


def put_back(directory: str) -> None:
    restore(Settings(data_dir=Path(directory, "var")), Path(directory, "backup"), print, replace=True)


def take_in(directory: str) -> None:
    import_desk(Settings(data_dir=Path(directory, "again")), Path(directory, "text"), print)


def test_memory_does_not_grow_with_the_desk(desks: list[Path]) -> None:
    """One test, for each step needs the one before."""
    for work in (back_up, write_out, put_back, take_in):
        few, many = (peak_of(__name__, work.__name__, directory, within=600) for directory in desks)
        assert many - few < _ROOM, (work.__name__, few, many)
