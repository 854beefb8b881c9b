"""What is read from the store: one function per question, each one statement on an index."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, RowMapping, Select, and_, bindparam, select, tuple_

from auth.access import may_sign_in
from auth.commands import Device
from auth.decider import Account, Session, Token
from auth.projections import account_of
from auth.rules import ABSOLUTE, IDLE, folded, is_live
from auth.tables import api_tokens, credentials, sessions, users
from chassis.principal import Principal
from events.errors import Unavailable
from events.tables import head, projections
from events.times import from_text, to_text

# -- who somebody is ------------------------------------------------------------------------------------------------------------------

_IS_WHOLE = select(projections.c.name).join(head, head.c.sequence == projections.c.position).where(projections.c.name == users.name)
"""A row if the list of people has all that the log tells; while it is being filled it would give back roles that were taken away."""
_whole = _IS_WHOLE.scalar_subquery().label("whole")
_SESSION = (
    select(sessions.c.id.label("session"), sessions.c.created_at.label("since"), sessions.c.last_seen_at, _whole, users)
    .outerjoin(users, users.c.id == sessions.c.user_id)
    .where(sessions.c.digest == bindparam("digest"), sessions.c.ended_at.is_(None))
)
_TOKEN = (
    select(api_tokens.c.id.label("token"), api_tokens.c.scopes, api_tokens.c.expires_at, api_tokens.c.last_used_at, _whole, users)
    .outerjoin(users, users.c.id == api_tokens.c.user_id)
    .where(api_tokens.c.digest == bindparam("digest"), api_tokens.c.revoked_at.is_(None))
)


class Found(NamedTuple):
    """A principal, and when it was last recorded that they were here; None: never."""

    principal: Principal
    seen_at: datetime | None


def find_by_session(connection: Connection, digest: str, now: datetime) -> Found | None:
    """Return whose session that is; None when it is nobody's, has ended or run out, or its owner may not sign in any more.

    Raises Unavailable while the list of people is being filled.
    """
    row = _owned(connection, _SESSION, digest)
    if row is None or not may_sign_in(account_of(row)):
        return None
    seen_at = from_text(row["last_seen_at"])
    if not is_live(from_text(row["since"]), seen_at, now):
        return None
    return Found(_principal(row, kind="user", session=row["session"]), seen_at)


def find_by_token(connection: Connection, digest: str, now: datetime) -> Found | None:
    """Return whose API token that is; None when it is nobody's, was revoked or has run out, or its owner may not sign in any more.

    Raises Unavailable while the list of people is being filled.
    """
    row = _owned(connection, _TOKEN, digest)
    if row is None or not may_sign_in(account_of(row)) or from_text(row["expires_at"]) <= now:
        return None
    seen_at = from_text(row["last_used_at"]) if row["last_used_at"] else None
    return Found(_principal(row, kind="token", token=row["token"], scopes=frozenset(row["scopes"].split())), seen_at)


def _owned(connection: Connection, query: Select[Any], digest: str) -> RowMapping | None:
    row = connection.execute(query, {"digest": digest}).mappings().first()
    if row is not None and (row["id"] is None or not row["whole"]):
        raise Unavailable("The list of people is being rebuilt.", retry_after=5)
    return row


def _principal(row: RowMapping, **how: Any) -> Principal:
    return Principal(id=row["id"], name=row["name"], email=row["email"], role=row["role"], **how)


_CREDENTIAL = select(credentials.c.user_id, credentials.c.hash).where(credentials.c.email_key == bindparam("email_key"))
_HASH = select(credentials.c.hash).where(credentials.c.user_id == bindparam("user"))
_LIVE_SESSION = select(sessions.c.user_id, sessions.c.id).where(sessions.c.digest == bindparam("digest"), sessions.c.ended_at.is_(None))


class Credential(NamedTuple):
    user: str
    hash: str | None


def find_credential(connection: Connection, email_key: str) -> Credential | None:
    """Return who has this e-mail, and the hash of their password."""
    row = connection.execute(_CREDENTIAL, {"email_key": email_key}).first()
    return None if row is None else Credential(*row)


def find_hash(connection: Connection, user: str) -> str | None:
    return connection.execute(_HASH, {"user": user}).scalar()


def find_session(connection: Connection, digest: str) -> tuple[str, str] | None:
    """Return (user, session) of a token in a cookie unless that session has ended."""
    row = connection.execute(_LIVE_SESSION, {"digest": digest}).first()
    return None if row is None else (row[0], row[1])


# -- people, sessions and tokens as lists ---------------------------------------------------------------------------------------------

_USER = select(users).where(users.c.id == bindparam("id"))
_ANYBODY = select(credentials.c.user_id).limit(1)


def find_user(connection: Connection, id_: str) -> Account | None:
    row = connection.execute(_USER, {"id": id_}).mappings().first()
    return None if row is None else account_of(row)


def is_empty(connection: Connection) -> bool:
    """Whether nobody has an account yet."""
    return connection.execute(_ANYBODY).first() is None


def list_users(
    connection: Connection,
    *,
    q: str | None,
    role: str | None,
    active: bool | None,
    limit: int,
    after: Sequence[Any] | None,
    can_sign_in: bool | None = None,
) -> list[Account]:
    """Return up to `limit` people by name, from the sort key `after` (name_key, id) on. `q`: every word of it is in the name or e-mail."""
    query: Select[Any] = select(users).order_by(users.c.name_key, users.c.id).limit(limit)
    for word in folded(q or "").split():
        query = query.where(users.c.matchable.contains(word, autoescape=True))
    if role is not None:
        query = query.where(users.c.role == role)
    if active is not None:
        query = query.where(users.c.active.is_(active))
    if can_sign_in is not None:
        query = query.where(users.c.can_sign_in.is_(can_sign_in))
    if after is not None:
        query = query.where(tuple_(users.c.name_key, users.c.id) > tuple_(*after))
    return [account_of(row) for row in connection.execute(query).mappings()]


def list_sessions(connection: Connection, user: str, now: datetime, *, limit: int, after: str | None) -> Sequence[RowMapping]:
    """Return up to `limit` sessions of a person that are still good, the newest first, from the id `after` on."""
    live = and_(
        sessions.c.ended_at.is_(None), sessions.c.last_seen_at > to_text(now - IDLE), sessions.c.created_at > to_text(now - ABSOLUTE)
    )
    query = select(sessions).where(sessions.c.user_id == user, live).order_by(sessions.c.id.desc()).limit(limit)
    return connection.execute(query if after is None else query.where(sessions.c.id < after)).mappings().all()


def list_tokens(connection: Connection, user: str, *, limit: int, after: str | None) -> Sequence[RowMapping]:
    """Return up to `limit` tokens of a person that were not revoked, the newest first, from the id `after` on."""
    mine = and_(api_tokens.c.user_id == user, api_tokens.c.revoked_at.is_(None))
    query = select(api_tokens).where(mine).order_by(api_tokens.c.id.desc()).limit(limit)
    return connection.execute(query if after is None else query.where(api_tokens.c.id < after)).mappings().all()


# -- what units read: ids to values, many at once -------------------------------------------------------------------------------------

_EMAILS = select(credentials.c.email_key, credentials.c.user_id).where(credentials.c.email_key.in_(bindparam("ids", expanding=True)))
_HASHES = select(credentials.c.user_id, credentials.c.hash).where(credentials.c.user_id.in_(bindparam("ids", expanding=True)))
_SESSIONS = select(sessions).where(sessions.c.user_id.in_(bindparam("ids", expanding=True)), sessions.c.ended_at.is_(None))
_TOKENS = select(api_tokens).where(api_tokens.c.user_id.in_(bindparam("ids", expanding=True)), api_tokens.c.revoked_at.is_(None))
_ADMINS = select(users.c.id).where(users.c.role == "admin", users.c.active.is_(True), users.c.can_sign_in.is_(True))


def load_holders(connection: Connection, emails: Sequence[str]) -> Mapping[str, str]:
    """("email", key) → id of the user who has it."""
    return dict(connection.execute(_EMAILS, {"ids": list(emails)}).all())


def load_hashes(connection: Connection, ids: Sequence[str]) -> Mapping[str, str | None]:
    """("hash", user) → the hash of the password."""
    return dict(connection.execute(_HASHES, {"ids": list(ids)}).all())


def load_sessions(connection: Connection, ids: Sequence[str]) -> Mapping[str, Mapping[str, Session]]:
    """("sessions", user) → sessions that were not ended, by id."""
    found: dict[str, dict[str, Session]] = {id_: {} for id_ in ids}
    for row in connection.execute(_SESSIONS, {"ids": list(ids)}).mappings():
        session = Session(id=row["id"], user=row["user_id"], device=Device(address=row["address"], agent=row["agent"]))
        found[session.user][session.id] = session
    return found


def load_tokens(connection: Connection, ids: Sequence[str]) -> Mapping[str, Mapping[str, Token]]:
    """("tokens", user) → tokens that were not revoked, by id."""
    found: dict[str, dict[str, Token]] = {id_: {} for id_ in ids}
    for row in connection.execute(_TOKENS, {"ids": list(ids)}).mappings():
        token = Token(id=row["id"], user=row["user_id"], name=row["name"], expires_at=from_text(row["expires_at"]))
        found[token.user][token.id] = token
    return found


def load_admins(connection: Connection, ids: Sequence[str]) -> Mapping[str, frozenset[str]]:
    """("admins", "all") → ids of the active admins who can sign in; nothing while the list of people is being filled."""
    whole = connection.execute(_IS_WHOLE).scalar()
    return dict.fromkeys(ids, frozenset(connection.execute(_ADMINS).scalars())) if whole else {}
