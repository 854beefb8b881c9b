"""How a row or a ticket becomes the JSON that clients read. Plain values: pydantic-core writes the bytes."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row

from events.times import to_text
from tickets.decider import Ticket
from tickets.feed import Part
from tickets.journal import Carried
from tickets.places import Places
from tickets.queries import Summary
from tickets.units import Written

Names = Mapping[str, tuple[str | None, str | None]]
"""A person's id to (name, e-mail). Beside a row: the reader's own, which come with them, until auth has told of them here."""
_UNKNOWN = (None, None)


def summary(row: Sequence[Any], own: Names) -> dict[str, Any]:
    """Return a ticket of a list: without its body. The row begins with `queries.SUMMARY`."""
    # taken apart at once: looking up fourteen names in each of a hundred rows is what a list would spend its time on
    id_, title, priority, status, requester, name, email, assignee, assignee_name, escalated, level, created, updated, version, *_ = row
    if name is None:
        name, email = own.get(requester, _UNKNOWN)
    return {
        "id": id_,
        "title": title,
        "priority": priority,
        "status": status,
        "requester": {"id": requester, "name": name, "email": email},
        "assignee": None if assignee is None else {"id": assignee, "name": assignee_name or own.get(assignee, _UNKNOWN)[0]},
        "escalated_at": escalated,
        "escalation_level": level,
        "created_at": created,
        "updated_at": updated,
        "version": version,
    }


def whole(row: Summary, body: str, own: Names) -> dict[str, Any]:
    """Return a ticket with its body."""
    return {**summary(row, own), "body": body}


def after_command(ticket: Ticket, names: Names) -> dict[str, Any]:
    """Return the ticket as a command left it; nobody's name is in its events, so the names come along."""
    name, email = names.get(ticket.requester, _UNKNOWN)
    assignee = ticket.assignee
    return {
        "id": ticket.number,
        "title": ticket.title,
        "priority": ticket.priority,
        "status": ticket.status,
        "requester": {"id": ticket.requester, "name": name, "email": email},
        "assignee": None if assignee is None else {"id": assignee, "name": names.get(assignee, _UNKNOWN)[0]},
        "escalated_at": None if ticket.escalated_at is None else to_text(ticket.escalated_at),
        "escalation_level": ticket.escalation_level,
        "created_at": to_text(ticket.created_at),
        "updated_at": to_text(ticket.updated_at),
        "version": ticket.version,
        "body": ticket.body,
    }


def note(row: Row[Any], own: Names) -> dict[str, Any]:
    """Return a note of a list."""
    name = row.name or own.get(row.author, _UNKNOWN)[0]
    return {"id": row.id, "author": {"id": row.author, "name": name}, "body": row.body, "created_at": row.created_at}


def entry(listed: dict[str, Any], own: Names) -> dict[str, Any]:
    """Return an entry of the audit list or of a history."""
    actor = listed["actor"]
    return {**listed, "actor": {**actor, "name": actor["name"] or own.get(actor["id"], _UNKNOWN)[0]}}


def written(note_: Written, author: str, name: str) -> dict[str, Any]:
    """Return a note as it was just stored."""
    return {"id": note_.id, "author": {"id": author, "name": name}, "body": note_.body, "created_at": to_text(note_.created_at)}


def fed(places: Places, origin: str, event: Carried) -> tuple[bytes, bytes]:
    """Return the place of an event of the feed, and the event with it; its bytes stand there as they are stored."""
    place = places.seal(origin, event.position, event.hash).encode()
    return place, b'{"position":"%b","event":%b}' % (place, event.wire)


def fed_page(places: Places, part: Part) -> bytes:
    """Return a page of the feed."""
    items = b",".join(fed(places, part.origin, event)[1] for event in part.found)
    return b'{"items":[%b],"next":"%b"}' % (items, places.seal(part.origin, part.at, part.hash).encode())
