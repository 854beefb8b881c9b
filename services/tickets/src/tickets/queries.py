"""What is read from the desk: one statement each, made once per shape of question and reused."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, bindparam, literal_column, or_, select, tuple_, union_all

from events.prepared import Query, Reader
from tickets import search
from tickets.commands import PRIORITIES, STATUSES, Priority, Status
from tickets.moments import When
from tickets.tables import calmness, handler, notes, people, ticket_counts, tickets

Sort = Literal["-created_at", "created_at", "-updated_at", "updated_at"]
NOBODY = ""
"""The assignee of a ticket that nobody has."""
_NONE = [0] * (len(STATUSES) + 1)

_requester = people.alias("requester_person")
_assignee = people.alias("assignee_person")
_author = people.alias("author_person")
_named = tickets.outerjoin(_requester, _requester.c.id == tickets.c.requester).outerjoin(_assignee, _assignee.c.id == tickets.c.assignee)
SUMMARY = (
    tickets.c.id,
    tickets.c.title,
    tickets.c.priority,
    tickets.c.status,
    tickets.c.requester,
    _requester.c.name.label("requester_name"),
    _requester.c.email.label("requester_email"),
    tickets.c.assignee,
    _assignee.c.name.label("assignee_name"),
    tickets.c.escalated_at,
    tickets.c.escalation_level,
    tickets.c.created_at,
    tickets.c.updated_at,
    tickets.c.version,
)
"""What every ticket shows; `views.summary` takes rows of it apart in this order."""
_ONE = Query(select(*SUMMARY, tickets.c.created_at, tickets.c.body).select_from(_named).where(tickets.c.id == bindparam("id")))
_REQUESTER = Query(select(tickets.c.requester).where(tickets.c.id == bindparam("id")))
_NAMES = Query(select(people.c.id, people.c.name, people.c.email).where(people.c.id.in_([bindparam("one"), bindparam("other")])))
_COUNTS = Query(
    select(*(ticket_counts.c[name] for name in ("scope", "owner", *STATUSES, "escalated"))).where(
        or_(
            and_(ticket_counts.c.scope == bindparam("scope"), ticket_counts.c.owner == bindparam("owner")),
            and_(ticket_counts.c.scope == "assignee", ticket_counts.c.owner.in_([bindparam("nobody"), bindparam("me")])),
        )
    )
)


class Summary(NamedTuple):
    """A ticket without its body; `time` is what a list of them is ordered by."""

    id: int
    title: str
    priority: Priority
    status: Status
    requester: str
    requester_name: str | None
    requester_email: str | None
    assignee: str | None
    assignee_name: str | None
    escalated_at: str | None
    escalation_level: int
    created_at: str
    updated_at: str
    version: int
    time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which tickets, in which order. `assignee` may be NOBODY; `text` is what was typed to search for."""

    status: Status | None = None
    priority: Priority | None = None
    requester: str | None = None
    assignee: str | None = None
    escalated: bool | None = None
    text: str | None = None
    sort: Sort = "-created_at"

    @property
    def narrowed(self) -> frozenset[str]:
        """The names of the conditions."""
        asked = {
            "requester": self.requester is not None,
            "assignee": self.assignee is not None,
            "status": self.status is not None,
            "priority": self.priority is not None,
            "escalated": self.escalated is True,
            "calm": self.escalated is False,
        }
        return frozenset(name for name, is_asked in asked.items() if is_asked)


_WHOSE: dict[str, ColumnElement[bool]] = {
    "requester": tickets.c.requester == bindparam("requester"),
    "assignee": handler == bindparam("assignee"),
}
_OF_STATUS, _OF_PRIORITY = tickets.c.status == bindparam("status"), tickets.c.priority == bindparam("priority")
_ESCALATED, _CALM = calmness == literal_column("0"), calmness == literal_column("1")
_SEARCHED: dict[str, ColumnElement[bool]] = {"status": _OF_STATUS, "priority": _OF_PRIORITY, "escalated": _ESCALATED, "calm": _CALM}


def _parts(narrowed: frozenset[str]) -> list[tuple[ColumnElement[bool], ...]]:
    """Return the conditions of each stretch of an index whose tickets belong to the list; together the stretches are the list."""
    statuses = [_OF_STATUS] if "status" in narrowed else [tickets.c.status == _constant(status) for status in STATUSES]
    if not narrowed & _SEARCHED.keys() - {"status"} and not _WHOSE.keys() <= narrowed:
        return [(status,) for status in statuses]
    priorities = [_OF_PRIORITY] if "priority" in narrowed else [tickets.c.priority == _constant(priority) for priority in PRIORITIES]
    calm = [_ESCALATED] if "escalated" in narrowed else [_CALM] if "calm" in narrowed else [_ESCALATED, _CALM]
    return list(product(statuses, priorities, calm))


def _constant(word: str) -> ColumnElement[str]:
    """One of our own words, written out: a value to send for each of two dozen parts would cost more than the page."""
    return literal_column(f"'{word}'")


def page(reader: Reader, wanted: Wanted, *, limit: int, after: Sequence[Any] | None) -> list[Summary]:
    """Return up to `limit` summaries that follow `after`, which is (time, id) of the last one seen; only a search can be slow."""
    question = None
    if wanted.text is not None:
        question = search.question(wanted.text, wanted.requester)
        if question is None:
            return []
    statement = _page(wanted.narrowed, wanted.sort, resumes=after is not None, searches=question is not None)
    values = {
        "status": wanted.status,
        "priority": wanted.priority,
        "requester": wanted.requester,
        "assignee": wanted.assignee,
        "question": question,
        "limit": limit,
    }
    if after is not None:
        values["after_time"], values["after_id"] = after
    return [Summary._make(row) for row in statement.rows(reader, values)]


@cache
def _page(narrowed: frozenset[str], sort: Sort, *, resumes: bool, searches: bool) -> Query:
    """The statement of a list: first the keys of the page, from an index alone, then their rows and names."""
    column = tickets.c[sort.removeprefix("-")]
    falling = sort.startswith("-")
    whose = [condition for name, condition in _WHOSE.items() if name in narrowed]
    keys: Any = select(tickets.c.id, column.label("time")).where(*_rest(column, falling=falling) if resumes else ())
    if searches:
        conditions = [condition for name, condition in _SEARCHED.items() if name in narrowed]
        keys = keys.where(tickets.c.id.in_(search.best(tickets, *whose, *conditions)))
    else:
        parts = [keys.where(*whose, *part) for part in _parts(narrowed)]
        keys = parts[0] if len(parts) == 1 else union_all(*parts)
    time, id_ = keys.selected_columns["time"], keys.selected_columns["id"]
    order = (time.desc(), id_.desc()) if falling else (time.asc(), id_.asc())
    cut = keys.order_by(*order).limit(bindparam("limit")).subquery("page")
    rows = _named.join(cut, cut.c.id == tickets.c.id)
    last = (cut.c.time.desc(), cut.c.id.desc()) if falling else (cut.c.time.asc(), cut.c.id.asc())
    return Query(select(*SUMMARY, cut.c.time).select_from(rows).order_by(*last))


def _rest(column: ColumnElement[str], *, falling: bool) -> list[ColumnElement[bool]]:
    key, seen = tuple_(column, tickets.c.id), tuple_(bindparam("after_time"), bindparam("after_id"))
    return [key < seen if falling else key > seen]


def one(reader: Reader, number: int) -> tuple[Summary, str] | None:
    """Return a ticket with its names, and its body; None when there is none."""
    row = _ONE.first(reader, {"id": number})
    return None if row is None else (Summary._make(row[:-1]), row[-1])


def requester_of(reader: Reader, number: int) -> str | None:
    """Return the id of who opened a ticket, None when there is none."""
    row = _REQUESTER.first(reader, {"id": number})
    return None if row is None else row[0]


def names(reader: Reader, one_: str, other: str | None) -> dict[str, tuple[str | None, str | None]]:
    """Return (name, e-mail) of two people, of those that are known."""
    return {id_: (name, email) for id_, name, email in _NAMES.rows(reader, {"one": one_, "other": other})}


def counts(reader: Reader, *, requester: str | None, me: str) -> dict[str, int]:
    """Return the kept counts of a person's own tickets, or of all (`requester` None) with how many nobody has and how many `me` has."""
    whose = ("all", "") if requester is None else ("requester", requester)
    rows = _COUNTS.rows(reader, {"scope": whose[0], "owner": whose[1], "nobody": NOBODY, "me": me})
    found = {(scope, owner): numbers for scope, owner, *numbers in rows}
    counted = dict(zip((*STATUSES, "escalated"), found.get(whose, _NONE), strict=True))
    if requester is None:
        counted["unassigned"] = sum(found.get(("assignee", NOBODY), _NONE)[:-1])
        counted["assigned_to_me"] = sum(found.get(("assignee", me), _NONE)[:-1])
    return counted


@cache
def _notes(*, resumes: bool, then: bool) -> Select[Any]:
    rows = select(notes.c.id, notes.c.author, _author.c.name, notes.c.body, notes.c.created_at)
    rows = rows.select_from(notes.outerjoin(_author, _author.c.id == notes.c.author)).where(notes.c.ticket == bindparam("ticket"))
    if then:
        rows = rows.where(notes.c.sequence <= bindparam("sequence"), notes.c.created_at <= bindparam("time"))
    if resumes:
        rows = rows.where(tuple_(notes.c.created_at, notes.c.id) > tuple_(bindparam("after_time"), bindparam("after_id")))
    return rows.order_by(notes.c.created_at, notes.c.id).limit(bindparam("limit"))


def notes_of(
    connection: Connection, number: int, *, limit: int, after: Sequence[Any] | None, when: When | None = None
) -> Sequence[Row[Any]]:
    """Return up to `limit` notes of a ticket, oldest first, that follow `after`, which is (time, id) of the last one seen.

    With `when`, those that it had then.
    """
    values: dict[str, Any] = {"ticket": number, "limit": limit}
    if when is not None:
        values |= {"sequence": when.sequence, "time": when.time}
    if after is not None:
        values["after_time"], values["after_id"] = after
    return connection.execute(_notes(resumes=after is not None, then=when is not None), values).all()
