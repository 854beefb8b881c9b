"""The desk's own tables, beside the log.

Primary: the journal, the last verification, and which rows imports have brought. Derived: the desk (tickets, counts, notes, search) from
the log, and people and the audit list from the journal.

A list costs the same at a million tickets as at a thousand, whatever narrows it: each index of `tickets` begins with whose they are, then
the status, and, in detail, priority and whether it escalated, then the order. What is asked for of these is read as it stands; of what is
not, the parts are merged (`queries`). So no row is read and thrown away, and the lists that are asked for most have three parts at most.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    case,
    func,
    literal_column,
    text,
)

from events.tables import Hash, Moment, Sequence
from tickets import search

PRIMARY = MetaData()
DESK = MetaData()
PEOPLE = MetaData()
AUDIT = MetaData()

journal = Table(
    "journal",
    PRIMARY,
    Column("position", Sequence, primary_key=True, autoincrement=False),
    Column("source", String(64), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("type", String(64), nullable=False),
    Column("subject", String(140), nullable=False),
    Column("time", Moment, nullable=False),
    Column("wire", LargeBinary),  # as it came; null for an own event, whose bytes stand in the log
    UniqueConstraint("source", "sequence", name="one_place_in_the_journal"),
)
OF_PEOPLE = ("user.registered", "user.role_changed", "user.deactivated", "user.reactivated", "user.erased")
"""The few types of events that say what becomes of people; an index holds where they are."""
_of_people = text(f"type IN ({', '.join(repr(type_) for type_ in OF_PEOPLE)})")
Index("journal_of_people", journal.c.position, sqlite_where=_of_people, postgresql_where=_of_people)

verifications = Table(
    "verifications",
    PRIMARY,
    Column("id", Integer, primary_key=True, autoincrement=False),  # always 1: the last finished one
    Column("checked_at", Moment, nullable=False),
    Column("result", LargeBinary, nullable=False),  # the JSON that GET /api/audit/verify answers
)

imported_rows = Table(
    "imported_rows",
    PRIMARY,
    Column("source", String(64), primary_key=True),
    Column("number", String(200), primary_key=True),  # of the ticket there
    Column("row_key", String(64), primary_key=True),  # within that ticket
    Column("digest", Hash, nullable=False),  # of what the row says happened
    Column("ticket", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),  # the ticket's last event then: a restore that cuts that off takes the row back
)

tickets = Table(
    "tickets",
    DESK,
    Column("id", Sequence, primary_key=True, autoincrement=False),
    Column("status", String(16), nullable=False),
    Column("priority", String(16), nullable=False),
    Column("requester", String(64), nullable=False),
    Column("assignee", String(64)),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("escalated_at", Moment),
    Column("escalation_level", Integer, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),  # last: a list that leaves it out does not read the pages that it spills over
)
calmness = case((tickets.c.escalated_at.is_(None), literal_column("1")), else_=literal_column("0"))
"""1 for a ticket that never escalated, else 0."""
handler = func.coalesce(tickets.c.assignee, literal_column("''"))
"""Who has a ticket, empty where nobody does: SQLite expects to find more by IS NULL than by a value, and would go by another index."""
for _time in (tickets.c.created_at, tickets.c.updated_at):
    for _name, _whose in (
        ("everybodys", ()),
        ("requester", (tickets.c.requester,)),
        ("assignee", (handler,)),
        ("both", (tickets.c.requester, handler)),
    ):
        if _name != "both":
            Index(f"tickets_by_{_name}_{_time.name}", *_whose, tickets.c.status, _time)
        Index(f"tickets_by_{_name}_in_detail_{_time.name}", *_whose, tickets.c.status, tickets.c.priority, calmness, _time)

ticket_counts = Table(
    "ticket_counts",
    DESK,
    Column("scope", String(16), primary_key=True),  # all, requester or assignee
    Column("owner", String(64), primary_key=True),  # whose; empty for all, and for the assignee of what nobody has
    Column("open", BigInteger, nullable=False),
    Column("in_progress", BigInteger, nullable=False),
    Column("resolved", BigInteger, nullable=False),
    Column("escalated", BigInteger, nullable=False),  # and not resolved
)

notes = Table(
    "notes",
    DESK,
    Column("id", String(36), primary_key=True),
    Column("ticket", BigInteger, nullable=False),
    Column("author", String(64), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("body", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),  # in the log: since when it is there
    Index("notes_of_a_ticket", "ticket", "created_at", "id"),
)

search.attach(tickets)

people = Table(
    "people",
    PEOPLE,
    Column("id", String(64), primary_key=True),
    Column("name", Text),  # null once erased
    Column("email", Text),
    Column("role", String(16), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("can_sign_in", Boolean, nullable=False),
    Column("matchable", Text, nullable=False),  # name and e-mail, case-folded, for the audit's `q`
)

audit = Table(
    "audit",
    AUDIT,
    Column("position", Sequence, primary_key=True, autoincrement=False),  # in the journal, where the event's bytes are found
    Column("time", Moment, nullable=False),
    Column("source", String(64), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("action", String(64), nullable=False),
    Column("entity_type", String(64), nullable=False),
    Column("entity_id", String(64), nullable=False),
    Column("actor_kind", String(16), nullable=False),
    Column("actor_id", String(64), nullable=False),
)
_order = (audit.c.time, audit.c.source, audit.c.sequence)
Index("audit_by_time", *_order)
Index("audit_by_actor", audit.c.actor_id, *_order)
Index("audit_by_action", audit.c.action, *_order)
Index("audit_by_entity", audit.c.entity_type, *_order)
Index("audit_by_entity_id", audit.c.entity_id, *_order)
