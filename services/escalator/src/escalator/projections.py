"""The deadlines of some tickets: read at once, and written back where they changed, with a statement per table."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, text

from escalator.engine import Phase
from escalator.policies import Policies
from escalator.policy import Condition
from escalator.rules import Ask, Deadline, Key, TicketCopy, settle
from escalator.tables import deadlines, ticket_copies, ticket_phases
from events.prepared import Prepared, Row
from events.times import from_text, to_text


def _upsert(table: Any) -> Prepared:
    """The same words mean the same to SQLite and PostgreSQL."""
    columns = [column.name for column in table.columns]
    keys = [column.name for column in table.primary_key.columns]
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in keys)
    values = ", ".join(f":{name}" for name in columns)
    upsert = text(
        f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({values}) "  # noqa: S608 (names of our own columns)
        f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {changes}"
    )
    return Prepared(upsert, columns)


_PUT_COPY = _upsert(ticket_copies)
_PUT_PHASE = _upsert(ticket_phases)
_PUT_DEADLINE = _upsert(deadlines)
_DROPPED = ("b_ticket", "b_policy", "b_level")
_DROP_DEADLINE = Prepared(
    delete(deadlines).where(
        deadlines.c.ticket == bindparam("b_ticket"), deadlines.c.policy == bindparam("b_policy"), deadlines.c.level == bindparam("b_level")
    ),
    _DROPPED,
)
_copy_values = attrgetter("number", "version", "event", "imported")
_HELD = select(ticket_copies, deadlines).join_from(ticket_copies, deadlines, deadlines.c.ticket == ticket_copies.c.number, isouter=True)
_ONE = _HELD.where(ticket_copies.c.number == bindparam("number"))
_SOME = _HELD.where(ticket_copies.c.number.in_(bindparam("numbers", expanding=True))).order_by(ticket_copies.c.number)


@dataclass(frozen=True, slots=True)
class Held:
    """A ticket as the escalator holds it."""

    copy: TicketCopy
    deadlines: Mapping[Key, Deadline] = field(default_factory=dict)

    def settled(self, policies: Policies) -> "Held":
        """Return it as the policies make it now."""
        return replace(self, deadlines=settle(self.copy, self.deadlines, policies))


def load(connection: Connection, numbers: Sequence[int]) -> dict[int, Held]:
    """Return what is held of these tickets, by number; those that are not known here are left out."""
    if len(numbers) == 1:  # an event that comes alone: without an order, and without a list to expand
        rows = connection.execute(_ONE, {"number": numbers[0]}).mappings().all()
    else:
        rows = connection.execute(_SOME, {"numbers": list(numbers)}).mappings().all() if numbers else []
    copies: dict[int, TicketCopy] = {}
    found: defaultdict[int, dict[Key, Deadline]] = defaultdict(dict)
    for row in rows:
        if row["number"] not in copies:
            copies[row["number"]] = _copy(row)
        if row["ticket"] is not None:
            deadline = _deadline(row)
            found[row["number"]][deadline.key] = deadline
    return {number: Held(copy, found[number]) for number, copy in copies.items()}


def save(connection: Connection, before: Mapping[int, Held], after: Iterable[Held], begun: Iterable[TicketCopy] = ()) -> None:
    """Write what differs; `begun` are the copies with which a further phase of their tickets began."""
    copies, changed, gone = [], [], []
    for held in after:
        was = before.get(held.copy.number)
        old = was.deadlines if was is not None else {}
        if was is None or was.copy != held.copy:
            copies.append(_copy_row(held.copy))
        changed += [_deadline_row(deadline) for key, deadline in held.deadlines.items() if old.get(key) != deadline]
        gone += [tuple(key) for key in old if key not in held.deadlines]
    _PUT_COPY.run(connection, copies)
    _PUT_PHASE.run(connection, [(copy.number, copy.version, *_phase_row(copy.phase)) for copy in begun])
    _PUT_DEADLINE.run(connection, changed)
    _DROP_DEADLINE.run(connection, gone)


def _copy(row: Mapping[Any, Any]) -> TicketCopy:
    return TicketCopy(
        number=row["number"],
        version=row["version"],
        event=row["event"],
        imported=row["imported"],
        created_at=from_text(row["created_at"]),
        phase=Phase(since=from_text(row["since"]), status=row["status"], priority=row["priority"], assignee=row["assignee"]),
    )


def _copy_row(copy: TicketCopy) -> Row:
    return *_copy_values(copy), to_text(copy.created_at), *_phase_row(copy.phase)


def _phase_row(phase: Phase) -> Row:
    return to_text(phase.since), phase.status, phase.priority, phase.assignee


def _deadline(row: Mapping[Any, Any]) -> Deadline:
    ask = None
    if row["asked_at"] is not None:
        ask = Ask(at=from_text(row["asked_at"]), when=Condition.of(json.loads(row["asked_when"])), version=row["asked_version"])
    return Deadline(
        key=Key(row["ticket"], row["policy"], row["level"]),
        due_at=from_text(row["due_at"]),
        state=row["state"],
        shown=row["shown"],
        ready=row["ready"],
        ask=ask,
        fired_at=from_text(row["fired_at"]) if row["fired_at"] is not None else None,
    )


def _deadline_row(deadline: Deadline) -> Row:
    ask = deadline.ask
    asked = (to_text(ask.at), json.dumps(ask.when.to_data(), sort_keys=True), ask.version) if ask else (None, None, None)
    fired_at = to_text(deadline.fired_at) if deadline.fired_at else None
    return *deadline.key, to_text(deadline.due_at), deadline.state, deadline.shown, deadline.ready, *asked, fired_at
