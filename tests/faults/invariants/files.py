"""I8, I11: the stores of a desk that has stopped. Everything is done on a copy."""

import asyncio
import importlib
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, create_engine, select

from chassis.lifecycle import open_store
from chassis.service import Running
from chassis.settings import SERVICES, Settings
from chassis.writing import writer_for
from events.environment import real_environment
from events.rebuilding import rebuild
from events.replay import replay
from events.store import SQLITE, read_log
from events.verify import verify_store
from tests.faults.evidence import Evidence
from tests.faults.invariants.findings import Finding

Rows = dict[str, list[Any]]


def files_are_sound(evidence: Evidence) -> list[Finding]:
    """I11: SQLite finds every store whole, and no row that refers to what is not there."""
    assert evidence.data_dir is not None
    found: list[Finding] = []
    for service in SERVICES:
        with closing(SQLITE.connect(evidence.data_dir / f"{service}.sqlite3")) as connection:
            for pragma, sound in (("integrity_check", [("ok",)]), ("foreign_key_check", [])):
                if (told := _asked(connection, pragma)) != sound:
                    found.append(Finding("I11", f"{pragma} says of the store of {service}: {told[:3]}"))
    return found + list(_double_rows(evidence.data_dir))


def _asked(connection: Any, pragma: str) -> list[Any]:
    try:
        rows: list[Any] = connection.execute(f"PRAGMA {pragma}").fetchall()
    except SQLITE.DatabaseError as error:
        return [str(error)]
    return rows


def _double_rows(data_dir: Path) -> Iterator[Finding]:
    """Yield the notifications that somebody has twice of one event, and the kept counts that are not the number of what is unread."""
    with closing(SQLITE.connect(data_dir / "notifier.sqlite3")) as connection:
        twice = "SELECT recipient, kind, event FROM notifications GROUP BY recipient, kind, event HAVING count(*) > 1"
        for row in connection.execute(twice):
            yield Finding("I7", f"{row[0]} has more than one notification of {row[1]} of the event {row[2]}.", "doubled")
        counted = (
            "SELECT recipient, unread, (SELECT count(*) FROM notifications n WHERE n.recipient = i.recipient AND read_at IS NULL) there"
            " FROM inboxes i WHERE unread <> there"
        )
        for recipient, unread, there in connection.execute(counted):
            yield Finding("I8", f"The inbox of {recipient} counts {unread} unread notifications and has {there}.")


def derived_equals_what_is_made_anew(evidence: Evidence) -> list[Finding]:
    """I8: every projection, and everything that consumers fill, is what the log alone gives; the product verifies every store."""
    assert evidence.data_dir is not None
    return asyncio.run(_compare_all(evidence.data_dir))


async def _compare_all(data_dir: Path) -> list[Finding]:
    settings = Settings(_env_file=None, data_dir=data_dir)
    found: list[Finding] = []
    async with AsyncExitStack() as stack:
        opened: dict[str, Running] = {}
        for name in SERVICES:
            service = importlib.import_module(f"{name}.app").SERVICE
            opened[name] = await open_store(stack, service, settings, real_environment())
        for live in opened.values():
            found += _compare_projections(live)
            found += await _compare_consumed(live, opened)
            report = verify_store(live.store.read, source=live.service.source, public_keys=[live.signer.public_key], seen={})
            if not report.ok:
                found.append(Finding("I6", f"The store of {live.service.name} does not verify: {report.reason}"))
    return found


def _compare_projections(live: Running) -> Iterator[Finding]:
    live.writer = writer_for(live)
    for feed, following in live.writer.followers.feeds:
        for projection in following:
            tables = projection.metadata.sorted_tables
            engine = create_engine("sqlite://", module=SQLITE)
            with live.store.read() as source, engine.begin() as target:
                replay(source, feed, projection, target)
                yield from _differing(live.service.name, projection.name, _rows(source, tables), _rows(target, tables))
            engine.dispose()


async def _compare_consumed(live: Running, owners: dict[str, Running]) -> list[Finding]:
    """Make what consumers fill anew, from the owners' logs, as the service itself would."""
    found: list[Finding] = []

    async def feed(source: str, after: int, limit: int) -> list[bytes]:
        with owners[source.strip("/")].store.read() as connection:
            return [stored.wire() for stored in read_log(connection, after, limit)]

    await asyncio.to_thread(live.writer.start)
    try:
        for subscription in live.parts.subscriptions:
            if subscription.derived:
                read = partial(_read, live, subscription.tables)
                before = read()
                await rebuild(writer=live.writer, store=live.store, own=live.service.source, subscription=subscription, feed=feed)
                found += _differing(live.service.name, f"what comes from {subscription.source}", before, read())
    finally:
        await live.writer.stop()
    return found


def _read(live: Running, tables: Sequence[Table]) -> Rows:
    with live.store.read() as connection:
        return _rows(connection, tables)


def _rows(connection: Connection, tables: Sequence[Table]) -> Rows:
    return {table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))] for table in tables}


def _differing(service: str, what: str, there: Rows, anew: Rows) -> Iterator[Finding]:
    for table, rows in there.items():
        if rows != anew[table]:
            lines = [(old, new) for old, new in zip(rows, anew[table], strict=False) if old != new][:1]
            yield Finding(
                "I8", f"{service}: {what}, {table}: {len(rows)} rows there, {len(anew[table])} made anew; the first that differ: {lines}"
            )
