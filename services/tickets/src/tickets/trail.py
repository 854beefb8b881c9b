"""What is read from the audit: entries in order, each with what changed, which is read from the bytes of the event itself."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, case, literal_column, or_, select, tuple_, union_all

from events.entries import entry_of
from events.envelope import StoredEvent
from tickets import journal
from tickets.people import ERASED, matchable
from tickets.tables import audit, people

SYSTEM = ("auth", "escalator", "notifier", "operator", "tickets")
"""Who acts where nobody who is signed in does, the services and who runs them: their names are their ids."""
MANY = 21
"""The own entries of a few actors are merged. Where more are meant, the list is gone through, and each entry's actor is looked at."""

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
    by_sequence: int | None = None
    by_time: str | None = None
    """What had happened to a ticket at a moment: times ≤ `by_time`, sequences of one source ≤ `by_sequence`."""
    without: tuple[str, ...] = ()
    """Actions that are left out."""


_CONDITIONS: dict[str, ColumnElement[bool]] = {
    "actor": audit.c.actor_id == bindparam("actor"),
    "action": audit.c.action == bindparam("action"),
    "entity": audit.c.entity_type == bindparam("entity"),
    "entity_id": audit.c.entity_id == bindparam("entity_id"),
    "since": audit.c.time >= bindparam("since"),
    "until": audit.c.time < bindparam("until"),
    "by_sequence": audit.c.sequence <= bindparam("by_sequence"),
    "by_time": audit.c.time <= bindparam("by_time"),
    "without": audit.c.action.not_in(bindparam("without", expanding=True)),
}
_NAMED = case((people.c.name.is_(None), literal_column(f"'{ERASED}'")), else_=people.c.matchable)
_MATCHES = _NAMED.like(bindparam("pattern"), escape="/")
_ACTORS = select(people.c.id).where(_MATCHES).limit(bindparam("most"))
_INDEXED = ("entity_id", "actor", "q", "action", "entity")
"""What leaves the fewest entries, by expectation, comes first: the list is read by that one's index."""
# The same conditions in a form that no index serves. Without statistics SQLite would as likely go by the one that leaves the most.
_FILTERS: dict[str, ColumnElement[bool]] = {
    **_CONDITIONS,
    "actor": audit.c.actor_id.concat("") == bindparam("actor"),
    "action": audit.c.action.concat("") == bindparam("action"),
    "entity": audit.c.entity_type.concat("") == bindparam("entity"),
}


def entries(
    connection: Connection, sought: Sought, *, limit: int, after: Sequence[Any] | None, oldest_first: bool = False
) -> list[dict[str, Any]]:
    """Return up to `limit` entries, newest first unless told otherwise, that follow `after`: the `key_of` the last one seen.

    Raises JournalBroken when an event of them is not what was written.
    """
    values: dict[str, Any] = {name: value for name in _CONDITIONS if (value := getattr(sought, name))}
    narrowed, actors = tuple(values), 0
    if sought.q is not None:
        pattern, system = _pattern(sought.q), [name for name in SYSTEM if matchable(sought.q) in name]
        found = [*connection.execute(_ACTORS, {"pattern": pattern, "most": MANY}).scalars(), *system]
        if not found:
            return []
        actors = min(len(found), MANY)
        values |= {"pattern": pattern, "system": system} if actors == MANY else {f"actor_{n}": id_ for n, id_ in enumerate(found)}
    if after is not None:
        values |= dict(zip(("after_time", "after_source", "after_sequence"), after, strict=True))
    rows = connection.execute(
        _page(narrowed, actors, resumes=after is not None, oldest_first=oldest_first), {**values, "limit": limit}
    ).all()
    events = journal.at(connection, [row.position for row in rows])
    return [_entry(row, events[row.position]) for row in rows]


@lru_cache(maxsize=256)
def _page(narrowed: tuple[str, ...], actors: int, *, resumes: bool, oldest_first: bool) -> Select[Any]:
    """The statement of a page: its rows from the index that the conditions name, then the actors' names."""
    asked = {*narrowed, "q"} if 0 < actors < MANY else {*narrowed}
    driver = next((name for name in _INDEXED if name in asked), None)
    conditions = {name: _FILTERS[name] if name in _INDEXED and name != driver else _CONDITIONS[name] for name in narrowed}
    if resumes:  # who was seen last lies within the bounds; SQLite can begin at one place only, and it has to be there
        conditions.pop("since" if oldest_first else "until", None)
    listed: Any = select(*_COLUMNS, *_ACTOR).where(*conditions.values())
    if resumes:
        key, seen = tuple_(*_KEY), tuple_(bindparam("after_time"), bindparam("after_source"), bindparam("after_sequence"))
        listed = listed.where(key > seen if oldest_first else key < seen)
    listed = _by(listed, actors, audit.c.actor_id if driver in (None, "q") else audit.c.actor_id.concat(""))
    order = [listed.selected_columns[column.name] for column in _KEY]
    cut = listed.order_by(*(column.asc() if oldest_first else column.desc() for column in order)).limit(bindparam("limit")).subquery("page")
    last = [cut.c[column.name].asc() if oldest_first else cut.c[column.name].desc() for column in _KEY]
    return select(cut, people.c.name).select_from(cut.outerjoin(people, people.c.id == cut.c.actor_id)).order_by(*last)


class Listed(NamedTuple):
    """What stands of an event in the list: its word, and the actor's name as it is known now."""

    action: str
    name: str | None


def listed_between(connection: Connection, sought: Sought, after: int, until: int) -> dict[int, Listed]:
    """Return the entries that are sought among the events behind a position of the journal, up to another, by position."""
    values: dict[str, Any] = {name: value for name in _CONDITIONS if (value := getattr(sought, name))}
    if sought.q is not None:
        values |= {"pattern": _pattern(sought.q), "system": [name for name in SYSTEM if matchable(sought.q) in name]}
    found = connection.execute(_stretch(tuple(values)), {**values, "first": after, "last": until})
    return {row.position: Listed(row.action, row.name) for row in found}


@lru_cache(maxsize=256)
def _stretch(narrowed: tuple[str, ...]) -> Select[Any]:
    """The statement of a stretch of the journal: it is short, so its positions are gone through, whatever else is asked."""
    conditions = [_FILTERS.get(name, _CONDITIONS[name]) for name in narrowed if name in _CONDITIONS]
    within = audit.c.position > bindparam("first"), audit.c.position <= bindparam("last")
    found = select(audit.c.position, audit.c.action, people.c.name).where(*within, *conditions)
    found = found.select_from(audit.outerjoin(people, people.c.id == audit.c.actor_id))
    return found.where(or_(_MATCHES, audit.c.actor_id.in_(bindparam("system", expanding=True)))) if "pattern" in narrowed else found


def key_of(entry: Mapping[str, Any]) -> list[Any]:
    """Return the place of an entry in the list."""
    return [entry["time"], entry["source"], entry["sequence"]]


def _pattern(q: str) -> str:
    """Return what LIKE finds where a name or an e-mail has `q` in it, in whatever case."""
    return "%" + re.sub("[%_/]", r"/\g<0>", matchable(q)) + "%"


def _by(listed: Select[Any], actors: int, column: ColumnElement[str]) -> Any:
    """Narrow a list to so many actors; 0 are all."""
    if actors == 0:
        return listed
    if actors == MANY:
        meant = select(people.c.id).where(people.c.id == audit.c.actor_id, _MATCHES)
        return listed.where(or_(meant.exists(), audit.c.actor_id.in_(bindparam("system", expanding=True))))
    each = [listed.where(column == bindparam(f"actor_{n}")) for n in range(actors)]
    return each[0] if len(each) == 1 else union_all(*each)


def _entry(row: Row[Any], stored: StoredEvent) -> dict[str, Any]:
    try:
        return entry_of(stored, row.action, row.name)
    except (ValueError, TypeError) as error:  # whoever reads a list is not to take what was changed for what was written
        raise journal.broken(row.position, type(error).__name__) from error
