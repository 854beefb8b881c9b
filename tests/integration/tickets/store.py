"""A store in memory with the desk's derived tables, filled directly: for what is only read."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, insert

from tickets import search
from tickets.people import matchable
from tickets.tables import AUDIT, DESK, PEOPLE, PRIMARY, people, tickets

pysqlite3 = pytest.importorskip("pysqlite3", reason="the system's SQLite may be too old for these tests")


def moment(second: int) -> str:
    return f"2026-11-23T09:{second // 60:02}:{second % 60:02}.000000Z"


def ticket(number: int, **values: Any) -> dict[str, Any]:
    row = {
        "id": number,
        "status": "open",
        "priority": "normal",
        "requester": "anna",
        "assignee": None,
        "created_at": moment(number),
        "updated_at": moment(number),
        "escalated_at": None,
        "escalation_level": 0,
        "version": 1,
        "title": f"Ticket {number}",
        "body": "Something is the matter.",
    }
    assert values.keys() <= row.keys()
    return {**row, **values}


PEOPLE_OF_THE_DESK = {"anna": "Anna Arendt", "ben": "Ben Brecht", "ada": "Ada Lovelace", "alf": "Alf Lüthi"}


@contextmanager
def store(rows: Sequence[Mapping[str, Any]] = ()) -> Iterator[Connection]:
    """A connection to a new store with these rows of `tickets`, indexed for search, and the people of the desk."""
    engine = create_engine("sqlite://", module=pysqlite3)
    try:
        with engine.begin() as connection:
            for tables in (PRIMARY, DESK, PEOPLE, AUDIT):
                tables.create_all(connection)
            if rows:
                connection.execute(insert(tickets), rows)
                search.replace(connection, [], rows)
            connection.execute(insert(people), [_person(id_, name) for id_, name in PEOPLE_OF_THE_DESK.items()])
            yield connection
    finally:
        engine.dispose()


def _person(id_: str, name: str) -> dict[str, Any]:
    email = f"{id_}@example.com"
    role = "admin" if id_.startswith(("ada", "alf")) else "user"
    return {"id": id_, "name": name, "email": email, "role": role, "active": True, "can_sign_in": True, "matchable": matchable(name, email)}
