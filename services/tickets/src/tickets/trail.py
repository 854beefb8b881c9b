"""What is read from the audit: entries in order, each with what changed, which is read from the bytes of the event itself."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, select, tuple_, union_all

from events.contracts import CATALOGUE
from events.envelope import StoredEvent
from tickets import journal
from tickets.people import matchable
from tickets.tables import audit, people

SERVICES = ("auth", "escalator", "notifier", "tickets")
"""Who acts where no person does: their names are their ids."""
FEW = 20
"""As many actors' own entries are merged; more are found by going through the list."""

_COLUMNS = (audit.c.position, audit.c.time, audit.c.source, audit.c.sequence, audit.c.action, audit.c.entity_type, audit.c.entity_id)
_ACTOR = (audit.c.actor_kind, audit.c.actor_id)
_KEY = (audit.c.time, audit.c.source, audit.c.sequence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which entries. `q` is a part of the actor's name or e-mail; times are texts, since ≤ time < until."""

    actor: str | None = None
    action: str | None = None
    entity: str | None = None
    entity_id: str | None = None
    q: str | None = None
    since: str | None = None
    until: str | None = None
    without: tuple[str, ...] = ()
    """Actions that are left out."""


def entries(
    connection: Connection, sought: Sought, *, limit: int, after: Sequence[Any] | None, oldest_first: bool = False
) -> list[dict[str, Any]]:
    """Return up to `limit` entries, newest first unless told otherwise, that follow `after`: the `key_of` the last one seen."""
    conditions = _conditions(sought)
    if after is not None:
        key = tuple_(*_KEY)
        conditions.append(key > tuple_(*after) if oldest_first else key < tuple_(*after))
    listed: Any = select(*_COLUMNS, *_ACTOR).where(*conditions)
    if sought.q is not None:
        actors = _actors(connection, sought.q)
        if not actors:
            return []
        listed = _by(listed, actors)
    order = [listed.selected_columns[column.name] for column in _KEY]
    cut = listed.order_by(*(column.asc() if oldest_first else column.desc() for column in order)).limit(limit).subquery("page")
    last = [cut.c[column.name].asc() if oldest_first else cut.c[column.name].desc() for column in _KEY]
    named: Select[Any] = select(cut, people.c.name).select_from(cut.outerjoin(people, people.c.id == cut.c.actor_id)).order_by(*last)
    rows = connection.execute(named).all()
    events = journal.at(connection, [row.position for row in rows])
    return [_entry(row, events[row.position]) for row in rows]


def key_of(entry: Mapping[str, Any]) -> list[Any]:
    """Return the place of an entry in the list."""
    return [entry["time"], entry["source"], entry["sequence"]]


def _conditions(sought: Sought) -> list[ColumnElement[bool]]:
    wanted = {
        audit.c.actor_id: sought.actor,
        audit.c.action: sought.action,
        audit.c.entity_type: sought.entity,
        audit.c.entity_id: sought.entity_id,
    }
    found = [column == value for column, value in wanted.items() if value is not None]
    if sought.since is not None:
        found.append(audit.c.time >= sought.since)
    if sought.until is not None:
        found.append(audit.c.time < sought.until)
    if sought.without:
        found.append(audit.c.action.not_in(sought.without))
    return found


def _actors(connection: Connection, q: str) -> list[str]:
    """Return the ids of everybody, person or service, whose name or e-mail has `q` in it, in whatever case."""
    looked_for = matchable(q)
    found = select(people.c.id).where(people.c.matchable.contains(looked_for, autoescape=True))
    return [*connection.execute(found).scalars(), *(service for service in SERVICES if looked_for in service)]


def _by(listed: Select[Any], actors: Sequence[str]) -> Any:
    if len(actors) > FEW:
        return listed.where(audit.c.actor_id.in_(actors))
    if len(actors) == 1:
        return listed.where(audit.c.actor_id == actors[0])
    return union_all(*(listed.where(audit.c.actor_id == actor) for actor in actors))


def _entry(row: Row[Any], stored: StoredEvent) -> dict[str, Any]:
    before, after = changes(stored)
    return {
        "id": stored.id,
        "source": row.source,
        "sequence": row.sequence,
        "time": row.time,
        "action": row.action,
        "entity": {"type": row.entity_type, "id": row.entity_id},
        "actor": {"kind": row.actor_kind, "id": row.actor_id, "name": row.actor_id if row.actor_kind == "system" else row.name},
        "before": before,
        "after": after,
        "hash": stored.hash,
    }


def changes(stored: StoredEvent) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Return (before, after) of an event: both values of what it changed, or, where it has no such pair, None and all that it says.

    What was erased is missing.
    """
    data: dict[str, Any] = json.loads(stored.data)
    private: dict[str, Any] = json.loads(stored.personal) if stored.personal is not None else {}
    kind = CATALOGUE.find(stored.type)
    declared = () if kind is None else (*kind.data_fields, *kind.personal_fields)
    if not {"before", "after"} & {*declared, *data, *private}:
        return None, {**data, **private}
    return _joined(data.get("before"), private.get("before")), _joined(data.get("after"), private.get("after"))


def _joined(facts: dict[str, Any] | None, private: dict[str, Any] | None) -> dict[str, Any] | None:
    if facts is None and private is None:
        return None
    return {**(facts or {}), **(private or {})}
