"""A store in memory with auth's tables, filled directly: for what is only read."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, create_engine, insert

from auth import rows
from auth.commands import CreateToken, Device, Role
from auth.decider import Account, Session
from auth.projections import row_of
from auth.tables import PRIMARY, USERS, users
from events.catalogue import encode, type_of
from events.decider import Fact
from events.envelope import StoredEvent, canonical, digest
from events.projections import Recorded
from events.tables import LOG, head, projections
from events.times import to_text
from tests.unit.auth.people import HOME, NOON

HEX = "0" * 64
HEAD = {"id": 1, "source": "/auth", "origin": "origin", "sequence": 7, "hash": HEX, "tree": b"", "recordedtime": to_text(NOON), "batch": 7}


@contextmanager
def store() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    try:
        with engine.begin() as connection:
            PRIMARY.create_all(connection)
            USERS.create_all(connection)
            LOG.create_all(connection)
            connection.execute(insert(projections), {"name": "users", "version": 1, "position": 7, "error": None})
            connection.execute(insert(head), HEAD)
            yield connection
    finally:
        engine.dispose()


def add_user(
    connection: Connection, id_: str, name: str = "Anna", *, role: Role = "user", active: bool = True, can_sign_in: bool = True
) -> None:
    account = Account(id=id_, name=name, email=f"{id_}@example.org", role=role, active=active, can_sign_in=can_sign_in, created_at=NOON)
    connection.execute(insert(users), row_of(account))


def add_session(connection: Connection, id_: str, user: str, *, at: datetime = NOON, device: Device = HOME) -> None:
    """Its digest is the one of its id."""
    connection.execute(rows.INSERT_SESSION, rows.session(Session(id=id_, user=user, device=device), digest(id_.encode()), at))


def add_token(connection: Connection, id_: str, user: str, *, expires_at: datetime = NOON + timedelta(days=90)) -> None:
    """Its digest is the one of its id."""
    command = CreateToken(token=id_, name="robot", scopes=frozenset({"read"}), created_at=NOON, expires_at=expires_at)
    connection.execute(rows.INSERT_TOKEN, rows.token(rows.token_of(user, command), digest(id_.encode()), command))


def recorded(fact: Fact, sequence: int) -> Recorded:
    """Return a fact as the log gives it to projections; what they do not look at is empty."""
    data, private = encode(fact.event)
    time = to_text(fact.time)
    attributes: dict[str, Any] = {
        "sequence": sequence,
        "id": fact.id,
        "source": "/auth",
        "origin": "origin",
        "type": type_of(fact.event).name,
        "dataversion": 1,
        "subject": fact.subject,
        "streamversion": fact.streamversion,
        "time": time,
        "recordedtime": time,
        "imported": False,
        "actorkind": fact.actor.kind,
        "actorid": fact.actor.id,
        "tokenid": None,
        "correlationid": None,
        "causationid": None,
        "datadigest": digest(canonical(data)),
        "personaldigest": None,
        "personalof": None,
        "traceparent": None,
        "head": b"{}",
        "data": canonical(data),
        "personal": None if private is None else canonical(private),
        "salt": None,
        "prevhash": HEX,
        "hash": HEX,
    }
    return Recorded(StoredEvent(**attributes), fact.event)
