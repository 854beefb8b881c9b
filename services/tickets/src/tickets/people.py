"""The people projection: what auth has told of everybody, as far as the journal reaches. Names stand here and nowhere else."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects.postgresql import insert  # SQLite's ON CONFLICT is written alike, and this form compiles for both

from events.contracts.user import UserDeactivated, UserErased, UserReactivated, UserRegistered, UserRoleChanged
from events.projections import Recorded
from tickets.decider import Person
from tickets.tables import OF_PEOPLE, PEOPLE, people

Row = dict[str, Any]
ERASED = "erased person"
"""What stands where the name of somebody who was erased would, wherever names are shown: the audit's `q` finds them by it."""
_KNOWN = select(people).where(people.c.id.in_(bindparam("ids", expanding=True)))
_add = insert(people)
_KEEP = _add.on_conflict_do_update(
    index_elements=[people.c.id], set_={column.name: _add.excluded[column.name] for column in people.columns if not column.primary_key}
)


class People:
    """Folds what happens to people into one row each."""

    name = "people"
    version = 1
    metadata = PEOPLE

    def apply(self, connection: Connection, items: Sequence[tuple[int, Recorded]]) -> None:
        """Fold (position, event) pairs, in order."""
        events = [item for _, item in items if item.event is not None and item.stored.type in OF_PEOPLE]
        if not events:
            return
        ids = sorted({item.stored.entity[1] for item in events})
        rows = {row["id"]: dict(row) for row in connection.execute(_KNOWN, {"ids": ids}).mappings()}
        for item in events:
            id_ = item.stored.entity[1]
            rows[id_] = fold(rows.get(id_) or _stranger(id_), item.event)
        connection.execute(_KEEP, list(rows.values()))


def fold(row: Row, event: Any) -> Row:
    """Return a person's row after one more event about them."""
    match event:
        case UserRegistered():
            named = {"name": event.name, "email": event.email, "matchable": matchable(event.name, event.email)}
            return {**row, **named, "role": event.role, "active": True, "can_sign_in": event.can_sign_in}
        case UserRoleChanged():
            return {**row, "role": event.after["role"]}
        case UserDeactivated() | UserReactivated():
            return {**row, "active": event.after["active"]}
        case UserErased():
            return {**row, "name": None, "email": None, "matchable": "", "active": False, "can_sign_in": False}
    return row


def matchable(*texts: str | None) -> str:
    """Return texts in the form in which they are compared with what somebody looks for: case-folded, a line each."""
    return "\n".join(value.casefold() for value in texts if value)


def _stranger(id_: str) -> Row:
    return {"id": id_, "name": None, "email": None, "role": "user", "active": False, "can_sign_in": False, "matchable": ""}


def load(connection: Connection, ids: Sequence[str]) -> Mapping[str, Person | None]:
    """Return what is known of these people, None for those nobody has told of: the writer's loader for ("person", id)."""
    found = {row.id: Person(id=row.id, role=row.role, active=row.active) for row in connection.execute(_KNOWN, {"ids": list(ids)})}
    return {id_: found.get(id_) for id_ in ids}
