"""A copy of the whole desk stands in its audit before it is there: whoever reads that sees what may leave the house, and since when."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from chassis.database import is_current
from chassis.offline import offline
from chassis.settings import Settings
from deploy.backups.manifest import sha256_of
from deploy.backups.services import Declared, all_declared
from deploy.backups.taking import SAY_AGAIN, alone
from deploy.backups.telling import OPERATOR
from deploy.desk_file import holding
from deploy.operator import Operator
from events.contracts.operation import DeskCopied
from events.decider import Context
from events.environment import real_environment
from events.operations import Note
from events.store import Store

Tell = Callable[[str], None]
"""Is told, in a sentence, what is done now."""

_KEEPER = "tickets"
"""Whose log has what was done to the desk as a whole."""
_OLDER = "The stores are of an older release, and are left as they are: this copy does not stand in their audit."


def copied_as(kind: str, position: int, named_by: Path, *, primary: bool) -> DeskCopied:
    """Return what is to be written down of a copy; `named_by` is the file in it that names all others."""
    return DeskCopied(kind=kind, primary=primary, position=position, digest=sha256_of(named_by))


def record(settings: Settings, copied: DeskCopied, tell: Tell, *, running: bool) -> None:
    """Write down that a copy was taken, in the desk that it was taken of. Raises Refusal when that cannot be done.

    A desk that is stopped, and of an older release, is not changed for it.
    """
    if running:
        with Operator.of(settings) as desk:
            desk.post(_KEEPER, "/internal/copies", asdict(copied))
        return
    keeper = all_declared()[_KEEPER]
    with holding(settings.data_dir, SAY_AGAIN), alone(settings):
        if _is_current(keeper, settings):
            asyncio.run(_note(keeper, settings, copied))
        else:
            tell(_OLDER)


def _is_current(declared: Declared, settings: Settings) -> bool:
    store = Store(settings.database_of(declared.service.name))
    try:
        with store.read() as connection:
            return is_current(connection, "chassis.migrations", declared.service.migrations)
    finally:
        store.close()


async def _note(keeper: Declared, settings: Settings, copied: DeskCopied) -> None:
    environment = real_environment()
    async with offline(keeper.service, settings, environment=environment) as live:
        by = Context(actor=OPERATOR, at=environment.now(), correlation=environment.new_id())
        await live.writer.execute(Note(_KEEPER, copied, by))
