"""Of which version the tables are that a consumer fills. It stands beside the versions of the projections; the checkpoint is what moves."""

from sqlalchemy import Connection, insert, inspect, select, update

from events.errors import Unavailable
from events.handling import Subscription
from events.tables import projections


def declare(connection: Connection, subscription: Subscription) -> None:
    """Make the subscription's tables where there are none yet; those of another version are left as they are."""
    if not subscription.tables:
        return
    form = _form(connection, subscription.source)
    if form is None:
        there = any(inspect(connection).has_table(table.name) for table in subscription.tables)
        form = 1 if there else subscription.version  # nobody wrote down the first one
        note_form(connection, subscription.source, form)
    if form == subscription.version:
        for table in subscription.tables:
            table.create(connection, checkfirst=True)


def is_outdated(connection: Connection, subscription: Subscription) -> bool:
    """Return whether the subscription's tables are of an older version and are to be made anew."""
    form = _form(connection, subscription.source) if subscription.tables else None
    return form is not None and form < subscription.version


def demand(connection: Connection, subscription: Subscription) -> None:
    """Raise Unavailable when the tables are not of the subscription's version: an older or a newer process must not write into them."""
    form = _form(connection, subscription.source) if subscription.tables else None
    if form not in (None, subscription.version):
        raise Unavailable(f"What comes from {subscription.source} is of version {form} here; this process knows {subscription.version}.")


def note_form(connection: Connection, source: str, version: int) -> None:
    """Write down of which version the tables are."""
    if _form(connection, source) is None:
        connection.execute(insert(projections), {"name": _row_of(source), "version": version, "position": 0})
    else:
        connection.execute(update(projections).where(projections.c.name == _row_of(source)), {"version": version})


def _form(connection: Connection, source: str) -> int | None:
    return connection.scalar(select(projections.c.version).where(projections.c.name == _row_of(source)))


def _row_of(source: str) -> str:
    return f"from {source}"
