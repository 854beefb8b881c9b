"""What is read from the past of the desk: a ticket, a page of a list and the counts, each as of a moment.

A list and the counts are one pass over `history.states`; a list that is narrowed to a requester goes by the tickets of that person alone.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, func, literal_column, or_, select, tuple_

from events.contracts import CATALOGUE
from events.contracts.ticket import TicketEdited
from events.errors import Invalid, Unavailable
from events.prepared import Query, Reader
from events.tables import events as log
from events.tables import head, projections
from tickets.commands import STATUSES
from tickets.history import History, states
from tickets.legible import legible
from tickets.moments import NEVER, NO_END, When
from tickets.projections import Desk
from tickets.queries import NOBODY, Summary, Wanted
from tickets.tables import people, tickets

Texts = Mapping[str, str]
"""Title and body by these names; empty where they were erased."""


_NEEDED = (History, Desk)
_REACHED = Query(
    select(head.c.sequence, projections.c.name, projections.c.version, projections.c.position).select_from(
        head.outerjoin(projections, projections.c.name.in_([literal_column(f"'{each.name}'") for each in _NEEDED]))
    )
)

_requester, _assignee = people.alias("requester_person"), people.alias("assignee_person")
_titled, _told = log.alias("titled_by"), log.alias("told_by")
_named = states.outerjoin(_requester, _requester.c.id == states.c.requester).outerjoin(_assignee, _assignee.c.id == states.c.assignee)
_with_title = _named.join(_titled, _titled.c.sequence == states.c.titled)
_with_texts = _with_title.join(_told, _told.c.sequence == states.c.told)
_SUMMARY: tuple[ColumnElement[Any], ...] = (
    states.c.ticket,
    literal_column("''"),  # the title's place in `queries.Summary`
    states.c.priority,
    states.c.status,
    states.c.requester,
    _requester.c.name,
    _requester.c.email,
    states.c.assignee,
    _assignee.c.name,
    states.c.escalated_at,
    states.c.escalation_level,
    states.c.created_at,
    states.c.time,
    states.c.version,
)
_TITLE = tuple(_titled.c[name] for name in ("type", "dataversion", "data", "personal"))
_BODY = tuple(_told.c[name] for name in ("type", "dataversion", "data", "personal"))

_begun = and_(states.c.sequence <= bindparam("sequence"), states.c.time <= bindparam("time"))
_is = and_(_begun, or_(states.c.until_sequence > bindparam("sequence"), states.c.until_time > bindparam("time")))
"""Which row of each ticket holds at a moment."""
_ONE = Query(
    select(*_SUMMARY, states.c.created_at, *_TITLE, *_BODY)
    .select_from(_with_texts)
    .where(states.c.ticket == bindparam("ticket"), _begun, states.c.version <= bindparam("version"))
    .order_by(states.c.until_sequence.desc())
    .limit(1)
)

_handler = func.coalesce(states.c.assignee, literal_column("''"))
_escalated = states.c.escalated_at.is_not(None)
_of_requester = states.c.ticket.in_(select(tickets.c.id).where(tickets.c.requester == bindparam("requester")))
_CONDITIONS: dict[str, ColumnElement[bool]] = {
    "requester": _of_requester,
    "assignee": _handler == bindparam("assignee"),
    "status": states.c.status == bindparam("status"),
    "priority": states.c.priority == bindparam("priority"),
    "escalated": _escalated,
    "calm": ~_escalated,
}


def moment(reader: Reader, *, at: int | None, as_of: str | None, counted: bool = False) -> When:
    """Return the moment that is meant; with neither, now. With both, what was known at `at` of what was by `as_of`.

    Raises Invalid when the log ends before `at`, and Unavailable while the tables of the past lack events that belong to it. How many
    events there are, these say only where `counted`: it is for admins.
    """
    rows = _REACHED.rows(reader, {})
    last = rows[0][0] if rows else 0
    sequence = last if at is None else at
    if sequence > last:
        ends, rule = (f" at {last}", f"must not be above {last}") if counted else (" before that", "must be of an event that there is")
        raise Invalid(f"The log of tickets ends{ends}: there is no event {at} yet.", [(("query", "at"), rule)])
    positions = {(name, version): position for _, name, version, position in rows}
    reached = min(positions.get((each.name, each.version), 0) for each in _NEEDED)
    if reached < sequence:
        far = f": {reached} of {last} events so far" if counted else ""
        raise Unavailable(f"The past is being put together{far}. It can be asked for when that is done.", 5)
    return When(sequence, NEVER if as_of is None else as_of)


def one(reader: Reader, number: int, when: When, *, version: int | None = None) -> tuple[Summary, str] | None:
    """Return a ticket as it was, with its body and the names of today; None when there was none.

    With `version`, as it was when that version was replaced, or is now.
    """
    asked = {"ticket": number, "sequence": when.sequence, "time": when.time, "version": NO_END if version is None else version}
    with legible(f"ticket {number}"):
        row = _ONE.first(reader, asked)
        if row is None:
            return None
        titled, told = row[-8:-4], row[-4:]
        texts = _texts(*titled)
        body = (texts if told == titled else _texts(*told)).get("body", "")
    return Summary._make(row[:-8])._replace(title=texts.get("title", "")), body


def page(reader: Reader, wanted: Wanted, when: When, *, limit: int, after: Sequence[Any] | None) -> list[Summary]:
    """Return up to `limit` summaries, as they were, that follow `after`, which is (time, id) of the last one seen.

    Raises ValueError for a search: there is no index of words that were.
    """
    if wanted.text is not None:
        raise ValueError("Words are searched for as the desk is now.")
    values = {
        "status": wanted.status,
        "priority": wanted.priority,
        "requester": wanted.requester,
        "assignee": wanted.assignee,
        "sequence": when.sequence,
        "time": when.time,
        "limit": limit,
    }
    if after is not None:
        values["after_time"], values["after_id"] = after
    with legible("the tickets of a list"):
        rows = _page(wanted.narrowed, wanted.sort, resumes=after is not None).rows(reader, values)
        return [Summary._make(row[:-4])._replace(title=_texts(*row[-4:]).get("title", "")) for row in rows]


@cache
def _page(narrowed: frozenset[str], sort: str, *, resumes: bool) -> Query:
    """The statement of a list: first which rows, then what belongs to them."""
    column = states.c[{"created_at": "created_at", "updated_at": "time"}[sort.removeprefix("-")]]
    falling = sort.startswith("-")
    keys = select(states.c.ticket, states.c.until_sequence, column.label("by"))
    keys = keys.where(_is, *(condition for name, condition in _CONDITIONS.items() if name in narrowed))
    if resumes:
        key, seen = tuple_(column, states.c.ticket), tuple_(bindparam("after_time"), bindparam("after_id"))
        keys = keys.where(key < seen if falling else key > seen)
    order = (column.desc(), states.c.ticket.desc()) if falling else (column.asc(), states.c.ticket.asc())
    cut = keys.order_by(*order).limit(bindparam("limit")).subquery("page")
    rows = _with_title.join(cut, and_(cut.c.ticket == states.c.ticket, cut.c.until_sequence == states.c.until_sequence))
    last = (cut.c.by.desc(), cut.c.ticket.desc()) if falling else (cut.c.by.asc(), cut.c.ticket.asc())
    return Query(select(*_SUMMARY, cut.c.by, *_TITLE).select_from(rows).order_by(*last))


def counts(reader: Reader, when: When, *, requester: str | None, me: str) -> dict[str, int]:
    """Return what `queries.counts` would have returned then."""
    names = [*STATUSES, "escalated", *(["unassigned", "assigned_to_me"] if requester is None else [])]
    values = {"sequence": when.sequence, "time": when.time, "requester": requester, "nobody": NOBODY, "me": me}
    row = _counts(everybodys=requester is None).first(reader, values)
    return dict(zip(names, row or (), strict=True))


@cache
def _counts(*, everybodys: bool) -> Query:
    conditions = [*(states.c.status == literal_column(f"'{status}'") for status in STATUSES)]
    conditions.append(and_(_escalated, states.c.status != literal_column("'resolved'")))
    if everybodys:
        conditions += [_handler == bindparam("nobody"), _handler == bindparam("me")]
    counted = select(*(func.count().filter(condition) for condition in conditions)).where(_is)
    return Query(counted if everybodys else counted.where(_of_requester))


def _texts(type_: str, version: int, data: bytes, personal: bytes | None) -> Texts:
    """Return the texts that an event brings. Raises one of `legible.UNREADABLE` where it brings none."""
    event = CATALOGUE.decode(type_, version, json.loads(data), json.loads(personal) if personal is not None else None)
    texts: Texts = event.after or {} if isinstance(event, TicketEdited) else {"title": event.title or "", "body": event.body or ""}
    if not all(isinstance(text, str) for text in texts.values()):
        raise TypeError("A text is none.")
    return texts
