"""What stands in the stores of a directory, to compare one desk with another."""

import importlib
from collections.abc import Mapping
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


def caught_up(desk: Desk) -> bool:
    """Return whether every service has consumed what every other has committed."""
    with desk.operator() as operator:
        told = {name: operator.get(name, "/internal/caught-up") for name in SERVICES}
    return all(at == told[source.strip("/")]["head"] for answer in told.values() for source, at in answer["positions"].items())
