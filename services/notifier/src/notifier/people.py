"""People, as auth has told of them: who is an admin that can be told something, and what everybody is called."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects.postgresql import insert  # SQLite's ON CONFLICT is written alike, and this form compiles for both

from events.catalogue import type_of
from events.contracts.user import UserDeactivated, UserErased, UserReactivated, UserRegistered, UserRoleChanged
from events.decider import Transaction
from events.handling import Handler, one_by_one
from events.projections import Recorded
from notifier.tables import ADMIN, people

Row = dict[str, Any]

_KNOWN = select(people).where(people.c.id == bindparam("person"))
_add = insert(people)
_KEEP = _add.on_conflict_do_update(
    index_elements=[people.c.id], set_={column.name: _add.excluded[column.name] for column in people.columns if not column.primary_key}
)
_ADMINS = select(people.c.id).where(ADMIN, people.c.active, people.c.can_sign_in).order_by(people.c.id)


_SHUT_OUT = select(people.c.id).where(people.c.id.in_(bindparam("ids", expanding=True)), people.c.can_sign_in.is_(False))


def shut_out(connection: Connection, ids: Iterable[str]) -> frozenset[str]:
    """Return who of these can never sign in, as people whom an import brought: nobody would read what they are told."""
    return frozenset(connection.scalars(_SHUT_OUT, {"ids": sorted(ids)}))


def admins(connection: Connection) -> list[str]:
    """Return the ids of all active admins who can sign in."""
    return list(connection.scalars(_ADMINS))


def receive(tx: Transaction, item: Recorded) -> None:
    """Bring the row of a person up to date."""
    id_ = item.stored.entity[1]
    known = tx.connection.execute(_KNOWN, {"person": id_}).mappings().one_or_none()
    tx.connection.execute(_KEEP, fold(dict(known) if known is not None else _stranger(id_), item.event))


def fold(row: Row, event: Any) -> Row:
    """Return a person's row after one more event about them."""
    match event:
        case UserRegistered():
            return {**row, "name": event.name, "role": event.role, "active": True, "can_sign_in": event.can_sign_in}
        case UserRoleChanged():
            return {**row, "role": event.after["role"]}
        case UserDeactivated() | UserReactivated():
            return {**row, "active": event.after["active"]}
        case UserErased():
            return {**row, "name": None, "active": False, "can_sign_in": False}
    return row


def _stranger(id_: str) -> Row:
    return {"id": id_, "name": None, "role": "user", "active": False, "can_sign_in": False}


_receive_each = one_by_one(receive)
HANDLERS: Mapping[str, Handler] = {
    type_of(cls).name: _receive_each for cls in (UserRegistered, UserRoleChanged, UserDeactivated, UserReactivated, UserErased)
}
