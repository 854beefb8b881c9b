"""People of imported history: each opened an account once, by the same decider as everybody's, at the time when they were first seen.

They cannot sign in. Key: ("imported", …) → whom an import has brought under that name, and as what.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, insert, literal, select, tuple_, update

from auth.commands import Register, Role
from auth.decider import promote
from auth.errors import Erased
from auth.rules import email_key, imported_email
from auth.tables import imported_people
from auth.units import ADMINS, RegisterUnit, stream_of
from events.decider import Context, Key, Transaction
from events.tables import events

KIND = "imported"
_FIND = select(imported_people).where(
    tuple_(imported_people.c.source, imported_people.c.name_digest).in_(bindparam("people", expanding=True))
)
_KEEP = insert(imported_people)
_PROMOTE = (
    update(imported_people)
    .where(imported_people.c.source == bindparam("of"), imported_people.c.name_digest == bindparam("who"))
    .values(role="admin", version=bindparam("at_version"))
)


class Brought(NamedTuple):
    """Whose account it is, and the role that the source asked for so far."""

    user: str
    role: str


class Imported(NamedTuple):
    """The account that somebody has. `new`: it was opened just now."""

    user: str
    new: bool


@dataclass(frozen=True, kw_only=True)
class ImportPerson:
    """Open an account for somebody who appears in imported history, unless that was done before. Raises Erased.

    `digest` stands for the name; `user` is the id of the account if it is to be opened. Who was brought as a user and is now found to have
    been given tickets becomes an admin, once: what people at this desk decide about the account afterwards stays.
    """

    source: str
    digest: str
    name: str
    role: Role
    user: str
    context: Context

    @property
    def key(self) -> Key:
        return KIND, json.dumps([self.source, self.digest])

    def reads(self) -> Iterable[Key]:
        return [self.key, ("email", email_key(imported_email(self.name, 1))), ADMINS]

    def run(self, tx: Transaction) -> Imported:
        brought: Brought | None = tx.state(self.key)
        if brought is None:
            return self._open(tx)
        account = tx.stream(stream_of(brought.user)).state
        if account is not None and account.erased:
            raise Erased
        if self.role == "admin" and brought.role != "admin":
            # nobody who may sign in becomes an admin by it, so the set of those who can does not change
            tx.append(stream_of(brought.user), promote(account), replace(self.context, at=tx.now))
            tx.write(_PROMOTE, {"of": self.source, "who": self.digest, "at_version": tx.stream(stream_of(brought.user)).version})
            tx.put(self.key, brought._replace(role="admin"))
        return Imported(brought.user, new=False)

    def _open(self, tx: Transaction) -> Imported:
        command = Register(user=self.user, name=self.name, email=self._free_email(tx), role=self.role, can_sign_in=False)
        RegisterUnit(command=command, hash=None, context=self.context).run(tx)
        row = {"source": self.source, "name_digest": self.digest, "user_id": self.user, "role": self.role, "version": 1}
        tx.write(_KEEP, row)
        tx.put(self.key, Brought(self.user, self.role))
        return Imported(self.user, new=True)

    def _free_email(self, tx: Transaction) -> str:
        turn = 1
        while tx.state(("email", email_key(imported_email(self.name, turn)))) is not None:
            turn += 1
        return imported_email(self.name, turn)


def forget(connection: Connection, kept: int) -> None:
    """Forget what came with events after the sequence `kept` of the log: for a restore, which cuts those off."""
    of_person = events.c.subject == literal("user/") + imported_people.c.user_id
    last = select(func.coalesce(func.max(events.c.streamversion), 0)).where(of_person, events.c.sequence <= kept).scalar_subquery()
    connection.execute(delete(imported_people).where(last == 0))
    connection.execute(update(imported_people).where(imported_people.c.version > last).values(role="user", version=1))


def load(connection: Connection, ids: Sequence[str]) -> Mapping[str, Brought]:
    """("imported", [source, digest] as JSON) → whom an import has brought under that name."""
    people = [tuple(json.loads(id_)) for id_ in ids]
    found = connection.execute(_FIND, {"people": people})
    return {json.dumps([row.source, row.name_digest]): Brought(row.user_id, row.role) for row in found}
