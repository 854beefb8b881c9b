"""What units read, loaded in bulk: streams by folding their events, counters, and whatever the service loads itself."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, tuple_

from events.catalogue import Catalogue
from events.decider import Fact, Fold, Key, Stream
from events.envelope import COLUMNS, Actor
from events.store import stored
from events.tables import counters, events
from events.times import from_text

Loader = Callable[[Connection, Sequence[str]], Mapping[str, Any]]
"""(connection, ids) to the values of one kind of key; an id that is not in the answer is None."""

STREAM, COUNTER = "stream", "counter"

_named = events.c.subject.in_(bindparam("subjects", expanding=True))
_LAST_VERSIONS = select(events.c.subject, func.max(events.c.streamversion)).where(_named).group_by(events.c.subject)
_LAST = select(events.c.subject, events.c.streamversion, events.c.time).where(
    tuple_(events.c.subject, events.c.streamversion).in_(_LAST_VERSIONS)
)
_WHOLE = select(*(events.c[name] for name in COLUMNS)).where(_named).order_by(events.c.subject, events.c.streamversion)
_OF_TYPES = _WHOLE.where(events.c.type.in_(bindparam("types", expanding=True)))
_COUNTERS = select(counters.c.name, counters.c.value).where(counters.c.name.in_(bindparam("names", expanding=True)))

NOTHING_YET = Stream(0, None, None)


class Loading:
    """Loads the values of keys; one statement per kind of key, whatever their number."""

    def __init__(self, catalogue: Catalogue, folds: Mapping[str, Fold[Any]], loaders: Mapping[str, Loader]) -> None:
        self._catalogue, self._folds = catalogue, folds
        self._loaders = {**loaders, COUNTER: _counters, STREAM: self._streams}

    def fold(self, subject: str) -> Fold[Any] | None:
        """Return how the states of this subject's kind of entity are folded, if they are."""
        return self._folds.get(subject.partition("/")[0])

    def load(self, connection: Connection, keys: Iterable[Key]) -> dict[Key, Any]:
        """Return the value of each key. Raises KeyError for a kind that nobody loads."""
        by_kind: dict[str, list[str]] = defaultdict(list)
        for kind, id_ in keys:
            by_kind[kind].append(id_)
        values: dict[Key, Any] = {}
        for kind, ids in by_kind.items():
            found = self._loaders[kind](connection, ids)
            values.update(((kind, id_), found.get(id_)) for id_ in ids)
        return values

    def _streams(self, connection: Connection, subjects: Sequence[str]) -> dict[str, Stream]:
        last = {row.subject: row for row in connection.execute(_LAST, {"subjects": list(subjects)})}
        states: dict[str, Any] = {}
        by_entity: dict[str, list[str]] = defaultdict(list)
        for subject in subjects:
            fold = self.fold(subject)
            states[subject] = fold.initial if fold else None
            if fold and subject in last:
                by_entity[subject.partition("/")[0]].append(subject)
        for entity, some in by_entity.items():
            self._fold(connection, self._folds[entity], some, states)
        return {
            subject: Stream(last[subject].streamversion, from_text(last[subject].time), state)
            if subject in last
            else Stream(0, None, state)
            for subject, state in states.items()
        }

    def _fold(self, connection: Connection, fold: Fold[Any], subjects: list[str], states: dict[str, Any]) -> None:
        named: dict[str, Any] = {"subjects": subjects}
        rows = (
            connection.execute(_WHOLE, named) if fold.types is None else connection.execute(_OF_TYPES, {**named, "types": list(fold.types)})
        )
        for row in rows:
            each = stored(row)
            fact = Fact(
                event=each.decode(self._catalogue),
                id=each.id,
                subject=each.subject,
                streamversion=each.streamversion,
                time=from_text(each.time),
                actor=Actor(kind=each.actorkind, id=each.actorid, token=each.tokenid),
                imported=each.imported,
            )
            states[each.subject] = fold.evolve(states[each.subject], fact)


def _counters(connection: Connection, names: Sequence[str]) -> dict[str, int]:
    return dict.fromkeys(names, 0) | {row.name: row.value for row in connection.execute(_COUNTERS, {"names": list(names)})}
