"""What becomes of the escalator's store when a desk is put back: all but its log is derived."""

from sqlalchemy import Connection, Table, delete

from chassis.service import Running
from escalator.tables import settling
from events.cutting import Cut

PORTABLE: tuple[Table, ...] = ()


def cut(connection: Connection, _where: Cut) -> None:
    """Forget how far a change of the policies has come: deadlines are made anew by the policies as they are then."""
    connection.execute(delete(settling))


def adopt(_connection: Connection) -> None:
    """Everything follows from events."""


def settle(_connection: Connection) -> None:
    """A deadline that was asked for is asked for: tickets decides on its own state, once."""


async def resume(_live: Running) -> None:
    """Nothing is left to be said."""
