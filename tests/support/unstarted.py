"""Desks that were never started: their stores are there, and no process is."""

import asyncio
from pathlib import Path

from chassis.offline import offline
from chassis.settings import Settings
from deploy.backups.services import all_declared
from events.contracts.operation import RelayRefilled
from events.decider import Context
from events.envelope import Actor
from events.environment import real_environment
from events.operations import Note


def unstarted(directory: Path, *, events: int = 0) -> Settings:
    """Return the settings of a desk in this directory, which is made, with so many events in the log of each service."""
    directory.mkdir()
    settings = Settings(data_dir=directory)
    asyncio.run(_fill(settings, events))
    return settings


async def _fill(settings: Settings, events: int) -> None:
    by = Context(actor=Actor(kind="system", id="operator"), at=real_environment().now())
    for name, declared in all_declared().items():
        async with offline(declared.service, settings) as live:
            for _ in range(events):
                await live.writer.execute(Note(name, RelayRefilled(stream="EVENTS"), by))
