"""What the overview shows of the desk: what became of tickets day by day, how long they took, and what there is to do now.

The days are sums of quarters of an hour (`flow`), so they cost the same however many tickets there are; what is to do now is a pass over
stretches of an index of those that are not resolved, and what each person has is kept (`tables.ticket_counts`).
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, ScalarSelect, Text, bindparam, cast, func, literal_column, select

from events.prepared import Query, Reader
from events.times import to_text
from tickets.commands import PRIORITIES
from tickets.days import BUCKETS, LIMITS, Days, Stretch, apart, percentile
from tickets.flow import QUARTER_S, quarter_of
from tickets.history import flow
from tickets.queries import NOBODY
from tickets.tables import people, ticket_counts, tickets

Json = dict[str, Any]

MOST_PEOPLE = 10
UNRESOLVED = ("open", "in_progress")
_FLOWS = ("opened", "resolved", "reopened", "escalated")
_COUNTED = (*_FLOWS, *UNRESOLVED)
_quarters, _resolutions = flow.quarters, flow.resolutions
_first, _end, _long = (bindparam(name, type_=BigInteger) for name in ("first", "end", "long"))
_place = ((_quarters.c.quarter - _first) // _long).label("place")
_DAYS = Query(
    select(_place, *(func.sum(_quarters.c[name]) for name in _COUNTED))
    .where(_quarters.c.quarter >= _first, _quarters.c.quarter < _end)
    .group_by(literal_column("1"))
)
_BEFORE = Query(
    select(*(func.coalesce(func.sum(_quarters.c[name]), 0) for name in ("opened", *UNRESOLVED))).where(_quarters.c.quarter < _first)
)
_comma: Any = literal_column("','")  # written out: what SQLAlchemy would make of it is no plain parameter
_TOOK = Query(  # as one text: to take a hundred thousand rows apart would cost more than all the rest
    select(func.aggregate_strings(cast(_resolutions.c.seconds, Text), _comma)).where(
        _resolutions.c.quarter >= _first, _resolutions.c.quarter < _end
    )
)
_load = ticket_counts.c.open + ticket_counts.c.in_progress
_BUSIEST = Query(
    select(ticket_counts.c.owner, people.c.name, ticket_counts.c.open, ticket_counts.c.in_progress)
    .select_from(ticket_counts.outerjoin(people, people.c.id == ticket_counts.c.owner))
    .where(ticket_counts.c.scope == "assignee", ticket_counts.c.owner != NOBODY, _load > 0)
    .order_by(_load.desc(), ticket_counts.c.owner)
    .limit(MOST_PEOPLE)
)
_NOBODYS = Query(
    select(ticket_counts.c.open, ticket_counts.c.in_progress).where(ticket_counts.c.scope == "assignee", ticket_counts.c.owner == NOBODY)
)


@cache
def _waiting() -> Query:
    """How many tickets are not resolved: of each status and age, then of each status and priority.

    Each is a count of a stretch of an index, which takes a tenth of what it takes to look at the entries one by one.
    """
    ages = [_count(status, *age) for status in UNRESOLVED for age in _ages()]
    priorities = [_count(status, tickets.c.priority == literal_column(f"'{priority}'")) for status in UNRESOLVED for priority in PRIORITIES]
    return Query(select(*ages, *priorities))


def _ages() -> Iterator[list[ColumnElement[bool]]]:
    """Yield the condition of each bucket: opened after one moment, and not after another."""
    for sooner, later in pairwise([None, *LIMITS, None]):
        after = [] if later is None else [tickets.c.created_at > bindparam(f"before_{later}")]
        yield after if sooner is None else [*after, tickets.c.created_at <= bindparam(f"before_{sooner}")]


def _count(status: str, *conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    return select(func.count()).select_from(tickets).where(tickets.c.status == literal_column(f"'{status}'"), *conditions).scalar_subquery()


def report(reader: Reader, days: Days, now: datetime) -> Json:
    """Return the numbers of some days, and those of now. All are of the reader's one snapshot."""
    by_day = _by_day(reader, days)
    return {
        "days": by_day,
        "totals": {name: sum(day[name] for day in by_day) for name in _FLOWS},
        "resolution": _took(reader, days),
        "now": {**_to_do(reader, now), **_loads(reader)},
    }


def _by_day(reader: Reader, days: Days) -> list[Json]:
    found = [[0] * len(_COUNTED) for _ in days.dates]
    for stretch in days.stretches():
        for place, *numbers in _DAYS.rows(reader, _values(stretch)):
            found[stretch.place + place] = [int(number) for number in numbers]
    opened, *standing = (int(number) for number in _BEFORE.rows(reader, {"first": _quarter(days.begin)})[0])
    told: list[Json] = []
    for day, numbers in zip(days.dates, found, strict=True):
        opened += numbers[0]
        standing = [stood + change for stood, change in zip(standing, numbers[len(_FLOWS) :], strict=True)]
        flows = dict(zip(_FLOWS, numbers, strict=False))
        still = dict(zip(UNRESOLVED, standing, strict=True))
        told.append({"day": day.isoformat(), **flows, **still, "resolved_in_all": opened - sum(standing)})
    return told


def _values(stretch: Stretch) -> Json:
    long = max(1, int(stretch.length.total_seconds()) // QUARTER_S)
    first = _quarter(stretch.begin)
    return {"first": first, "end": first + stretch.days * long, "long": long}


def _quarter(time: datetime) -> int:
    return quarter_of(to_text(time))


def _took(reader: Reader, days: Days) -> Json:
    together = _TOOK.rows(reader, {"first": _quarter(days.begin), "end": _quarter(days.end)})[0][0]
    seconds = sorted(map(int, together.split(","))) if together else []
    below = apart([bisect_left(seconds, limit) for limit in LIMITS], len(seconds))
    return {
        "count": len(seconds),
        "median_seconds": percentile(seconds, 50),
        "p90_seconds": percentile(seconds, 90),
        "by_time": [{"bucket": name, "tickets": count} for name, count in zip(BUCKETS, below, strict=True)],
    }


def _to_do(reader: Reader, now: datetime) -> Json:
    before = {f"before_{limit}": to_text(now - timedelta(seconds=limit)) for limit in LIMITS}
    counts = iter(_waiting().rows(reader, before)[0])
    ages = {status: [next(counts) for _ in BUCKETS] for status in UNRESOLVED}
    priorities = {status: [next(counts) for _ in PRIORITIES] for status in UNRESOLVED}
    return {"by_age": _rows("bucket", BUCKETS, ages), "by_priority": _rows("priority", PRIORITIES, priorities)}


def _rows(name: str, of: Iterable[str], counts: Mapping[str, Sequence[int]]) -> list[Json]:
    return [{name: each, **{status: counts[status][place] for status in UNRESOLVED}} for place, each in enumerate(of)]


def _loads(reader: Reader) -> Json:
    busiest = [{"id": id_, "name": name, "open": some, "in_progress": others} for id_, name, some, others in _BUSIEST.rows(reader, {})]
    nobodys = _NOBODYS.first(reader, {}) or (0, 0)
    return {"by_assignee": busiest, "unassigned": dict(zip(UNRESOLVED, nobodys, strict=True))}
