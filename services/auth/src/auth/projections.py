"""The list of people as a projection of the log: one row each, folded by the very function that decisions rest on."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, select, text

from auth.decider import USER, Account, evolve
from auth.rules import email_key, folded
from auth.tables import USERS, users
from events.decider import Fact
from events.envelope import Actor
from events.projections import Recorded
from events.times import from_text, to_text

_KNOWN = select(users).where(users.c.id.in_(bindparam("ids", expanding=True)))
_names = [column.name for column in users.columns]
# the same words mean the same to SQLite and PostgreSQL
_KEEP = text(
    f"INSERT INTO {users.name} ({', '.join(_names)}) VALUES ({', '.join(f':{name}' for name in _names)}) "  # noqa: S608 (constants)
    f"ON CONFLICT (id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _names[1:])}"
)


class Users:
    """Folds what happens to accounts into rows, with two statements however many events there are."""

    name = "users"
    version = 1
    metadata = USERS

    def apply(self, connection: Connection, items: Sequence[tuple[int, Recorded]]) -> None:
        """Fold (position, event) pairs, in order; logins, tokens and other services' events are passed over."""
        facts = [_fact(item) for _, item in items if item.stored.type in (USER.types or ()) and item.event is not None]
        if not facts:
            return
        accounts: dict[str, Account | None] = dict(load_accounts(connection, {fact.subject.partition("/")[2] for fact in facts}))
        for fact in facts:
            id_ = fact.subject.partition("/")[2]
            accounts[id_] = evolve(accounts.get(id_), fact)
        rows = [row_of(account) for account in accounts.values() if account is not None]
        if rows:
            connection.execute(_KEEP, rows)


def load_accounts(connection: Connection, ids: Iterable[str]) -> Mapping[str, Account]:
    """Return the accounts of these ids as the list has them; who is not in it is left out."""
    found = connection.execute(_KNOWN, {"ids": sorted(ids)}).mappings()
    return {row["id"]: account_of(row) for row in found}


def account_of(row: RowMapping) -> Account:
    return Account(
        id=row["id"],
        name=row["name"],
        email=row["email"],
        role=row["role"],
        active=row["active"],
        can_sign_in=row["can_sign_in"],
        created_at=from_text(row["created_at"]),
        erased=not row["email"],  # nobody else is without one
    )


def row_of(account: Account) -> dict[str, Any]:
    return {
        "id": account.id,
        "name": account.name,
        "email": account.email,
        "email_key": email_key(account.email) if account.email else None,
        "role": account.role,
        "active": account.active,
        "can_sign_in": account.can_sign_in,
        "created_at": to_text(account.created_at),
        "name_key": folded(account.name),
        "matchable": f"{folded(account.name)}\n{folded(account.email)}",
    }


def _fact(item: Recorded) -> Fact:
    stored = item.stored
    return Fact(
        event=item.event,
        id=stored.id,
        subject=stored.subject,
        streamversion=stored.streamversion,
        time=from_text(stored.time),
        actor=Actor(kind=stored.actorkind, id=stored.actorid, token=stored.tokenid),
        imported=stored.imported,
    )
