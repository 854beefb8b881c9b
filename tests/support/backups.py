"""What stands in the stores of a directory, to compare one desk with another."""

import importlib
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData, create_engine, inspect

from chassis.settings import SERVICES
from events.envelope import StoredEvent
from events.store import SQLITE, read_log
from tests.support.desk import Desk

Rows = dict[str, list[tuple[Any, ...]]]


def rows_of(path: Path, without: Mapping[str, set[str]] | None = None) -> Rows:
    """Return all rows of all tables of a store, sorted; `without` names columns, by table, that are not looked at."""
    engine = create_engine(f"sqlite:///{path}", module=SQLITE)
    found: Rows = {}
    try:
        with engine.connect() as connection:
            names = [name for name in inspect(connection).get_table_names() if not name.startswith(("revision_of", "ticket_search_"))]
            for name in sorted(names):
                columns = [row[1] for row in connection.exec_driver_sql(f"PRAGMA table_info({name})")]
                wanted = [column for column in columns if column not in (without or {}).get(name, set())]
                rows = connection.exec_driver_sql(f"SELECT {', '.join(wanted)} FROM {name}").fetchall()
                found[name] = sorted((tuple(row) for row in rows), key=repr)
    finally:
        engine.dispose()
    return found


def logs_of(directory: Path) -> dict[str, list[StoredEvent]]:
    """Return the whole log of every store of a directory."""
    found = {}
    for service in SERVICES:
        engine = create_engine(f"sqlite:///{directory / f'{service}.sqlite3'}", module=SQLITE)
        try:
            with engine.connect() as connection:
                found[service] = read_log(connection, 0, 1_000_000)
        finally:
            engine.dispose()
    return found


def tables_of(service: str, kind: str) -> set[str]:
    """Return the names of the tables of one kind (PRIMARY, DESK, …) that a service declares."""
    declared: MetaData | None = getattr(importlib.import_module(f"{service}.tables"), kind, None)
    return set(declared.tables) if declared is not None else set()


_NOT_AT_REST = {
    "escalator": "SELECT count(*) FROM deadlines WHERE ready AND due_at < strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '+1 hour')",
    "notifier": "SELECT count(*) FROM jobs WHERE status IN ('queued', 'processing')",
}
"""What a service would yet do of itself, in the next hour."""


def caught_up(desk: Desk) -> bool:
    """Return whether every service has consumed what every other has committed."""
    return _all_consumed(_how_far(desk))


def at_rest(desk: Desk) -> bool:
    """Return whether the desk will change no more until somebody asks it to: all is consumed, escalated, and told.

    Two copies of a desk that is not at rest differ by what it did between them, though nobody asked it for anything.
    """
    before = _how_far(desk)
    if not _all_consumed(before):
        return False
    for service, question in _NOT_AT_REST.items():
        with closing(SQLITE.connect(f"file:{desk.data_dir / f'{service}.sqlite3'}?mode=ro", uri=True)) as connection:
            if connection.execute(question).fetchone()[0]:
                return False
    # heads and positions only grow: as they are the same, all of this was so at once
    return _how_far(desk) == before


def _how_far(desk: Desk) -> dict[str, Any]:
    with desk.operator() as operator:
        told = {name: operator.get(name, "/internal/caught-up") for name in SERVICES}
    return {name: (answer["head"], answer["positions"]) for name, answer in told.items()}


def _all_consumed(told: Mapping[str, Any]) -> bool:
    return all(at == told[source.strip("/")][0] for _, positions in told.values() for source, at in positions.items())
